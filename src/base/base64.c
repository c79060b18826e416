#include "base/base64.h"

static const char set[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, char *to)
{
	const unsigned char *p = data;

	for (; n >= 3; n -= 3, p += 3) {
		*to++ = set[p[0] >> 2];
		*to++ = set[(p[0] & 3) << 4 | p[1] >> 4];
		*to++ = set[(p[1] & 15) << 2 | p[2] >> 6];
		*to++ = set[p[2] & 63];
	}
	if (n == 0)
		return;
	*to++ = set[p[0] >> 2];
	if (n == 1) {
		*to++ = set[(p[0] & 3) << 4];
		*to++ = '=';
	} else {
		*to++ = set[(p[0] & 3) << 4 | p[1] >> 4];
		*to++ = set[(p[1] & 15) << 2];
	}
	*to = '=';
}

int buf_add_base64(struct buf *b, const void *p, size_t n)
{
	size_t len = base64_encoded_len(n);
	char *to = buf_reserve(b, len);

	if (to == NULL)
		return -EMSGSIZE;
	base64_encode(p, n, to);
	b->n += len;
	return 0;
}

/* One more than the value; 0: none. A processor cannot foresee what random characters are: that is
 * why there are no branches here. */
#define ROW4(c, v) \
	[(c)] = (v) + 1, [(c) + 1] = (v) + 2, [(c) + 2] = (v) + 3, [(c) + 3] = (v) + 4
#define ROW12(c, v) ROW4(c, v), ROW4((c) + 4, (v) + 4), ROW4((c) + 8, (v) + 8)
static const uint8_t values[256] = {
	ROW12('A', 0),	ROW12('M', 12), ['Y'] = 25, ['Z'] = 26,	   ROW12('a', 26),
	ROW12('m', 38), ['y'] = 51,	['z'] = 52, ROW4('0', 52), ROW4('4', 56),
	['8'] = 61,	['9'] = 62,	['+'] = 63, ['/'] = 64,
};

static int value(char c)
{
	return values[(unsigned char)c] - 1;
}

/* The last group: 1 to 3 bytes. Returns how many, or -EINVAL. */
static int decode_last(const char *p, unsigned char *to)
{
	int a = value(p[0]), b = value(p[1]), c = value(p[2]), d = value(p[3]);

	if (a < 0 || b < 0)
		return -EINVAL;
	if (p[2] == '=') {
		if (p[3] != '=' || (b & 15))
			return -EINVAL;
		to[0] = (unsigned char)(a << 2 | b >> 4);
		return 1;
	}
	if (c < 0)
		return -EINVAL;
	to[0] = (unsigned char)(a << 2 | b >> 4);
	to[1] = (unsigned char)(b << 4 | c >> 2);
	if (p[3] == '=')
		return (c & 3) ? -EINVAL : 2;
	if (d < 0)
		return -EINVAL;
	to[2] = (unsigned char)(c << 6 | d);
	return 3;
}

/* Any other group: 3 bytes. */
static int decode_group(const char *p, unsigned char *to)
{
	int a = value(p[0]), b = value(p[1]), c = value(p[2]), d = value(p[3]);

	if ((a | b | c | d) < 0)
		return -EINVAL;
	to[0] = (unsigned char)(a << 2 | b >> 4);
	to[1] = (unsigned char)(b << 4 | c >> 2);
	to[2] = (unsigned char)(c << 6 | d);
	return 0;
}

int base64_decode(struct strv in, void *out, size_t *ret_n)
{
	unsigned char *to = out;
	int r;

	if (in.n % 4)
		return -EINVAL;
	if (in.n == 0) {
		*ret_n = 0;
		return 0;
	}
	for (; in.n > 4; in.n -= 4, in.p += 4, to += 3) {
		r = decode_group(in.p, to);
		if (r < 0)
			return r;
	}
	r = decode_last(in.p, to);
	if (r < 0)
		return r;
	*ret_n = (size_t)(to - (unsigned char *)out) + (size_t)r;
	return 0;
}

void hex_encode(const void *data, size_t n, char *to)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		*to++ = "0123456789abcdef"[p[i] >> 4];
		*to++ = "0123456789abcdef"[p[i] & 15];
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(struct strv in, void *out)
{
	unsigned char *to = out;

	if (in.n % 2)
		return -EINVAL;
	for (size_t i = 0; i < in.n; i += 2) {
		int hi = nibble(in.p[i]), lo = nibble(in.p[i + 1]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		*to++ = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}
