/* UTF-8 (RFC 3629): shortest form only, no surrogates, at most U+10FFFF. */
#pragma once

#include "base/strv.h"

/* The length of the longest valid prefix. */
nodiscard size_t utf8_valid_len(struct strv s);
static inline nodiscard bool utf8_is_valid(struct strv s)
{
	return utf8_valid_len(s) == s.n;
}

/* Decodes the first code point of a non-empty string: its bytes used, or -EILSEQ. */
nodiscard int utf8_next(struct strv s, uint32_t *ret_cp);

/* Writes 1 to 4 bytes; returns how many. cp must be a scalar value. */
size_t utf8_put(uint32_t cp, char *to);
