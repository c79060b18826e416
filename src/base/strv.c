#include "base/strv.h"

int strv_cmp(struct strv a, struct strv b)
{
	size_t n = MIN(a.n, b.n);
	int r = n ? memcmp(a.p, b.p, n) : 0;
	if (r != 0)
		return r;
	return a.n < b.n ? -1 : a.n > b.n;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool strv_eq_nocase(struct strv a, struct strv b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct strv strv_trim(struct strv a)
{
	while (a.n && is_space(a.p[0]))
		a.p++, a.n--;
	while (a.n && is_space(a.p[a.n - 1]))
		a.n--;
	return a;
}

char *strv_dup(struct strv a)
{
	char *s = mem_alloc(a.n + 1);
	if (a.n)
		memcpy(s, a.p, a.n);
	s[a.n] = '\0';
	return s;
}

int strv_to_u64(struct strv a, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (a.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < a.n; i++) {
		unsigned d = (unsigned)(a.p[i] - '0');
		if (d > 9)
			return -EINVAL;
		if (v > (max - d) / 10 || d > max)
			return -ERANGE;
		v = v * 10 + d;
	}
	*ret = v;
	return 0;
}
