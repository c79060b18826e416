#include "base/utf8.h"

int utf8_next(struct strv s, uint32_t *ret_cp)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint32_t cp, min;
	size_t n;

	ASSERT(s.n > 0);
	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	if ((p[0] & 0xe0) == 0xc0)
		n = 2, cp = p[0] & 0x1f, min = 0x80;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3, cp = p[0] & 0x0f, min = 0x800;
	else if ((p[0] & 0xf8) == 0xf0)
		n = 4, cp = p[0] & 0x07, min = 0x10000;
	else
		return -EILSEQ;
	if (s.n < n)
		return -EILSEQ;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -EILSEQ;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return -EILSEQ;
	*ret_cp = cp;
	return (int)n;
}

size_t utf8_valid_len(struct strv s)
{
	size_t at = 0;

	while (at < s.n) {
		uint64_t w;
		uint32_t cp;
		int r;

		if (s.n - at >= 8) {
			memcpy(&w, s.p + at, 8);
			if ((w & 0x8080808080808080u) == 0) {
				at += 8;
				continue;
			}
		}
		r = utf8_next(strv_from_pos(s, at), &cp);
		if (r < 0)
			break;
		at += (size_t)r;
	}
	return at;
}

size_t utf8_put(uint32_t cp, char *to)
{
	ASSERT(cp <= 0x10ffff && !(cp >= 0xd800 && cp <= 0xdfff));
	if (cp < 0x80) {
		to[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		to[0] = (char)(0xc0 | cp >> 6);
		to[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		to[0] = (char)(0xe0 | cp >> 12);
		to[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		to[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | cp >> 18);
	to[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	to[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	to[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}
