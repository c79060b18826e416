/* Base 64 (RFC 4648 section 4) and hexadecimal. Decoding is strict, as RFC 6120 6.3.4 asks:
 * no white space, padding exactly where it belongs, no stray bits behind the last byte. */
#pragma once

#include "base/buf.h"

static inline size_t base64_encoded_len(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* Writes base64_encoded_len(n) characters, no NUL. */
void base64_encode(const void *p, size_t n, char *to);
nodiscard int buf_add_base64(struct buf *b, const void *p, size_t n);

/* `to` holds in.n / 4 * 3 bytes. -EINVAL: not base 64. */
nodiscard int base64_decode(struct strv in, void *to, size_t *ret_n);

void hex_encode(const void *p, size_t n,
		char *to); /* lower case, 2 n characters, no NUL */
nodiscard int hex_decode(struct strv in, void *to); /* in.n / 2 bytes; -EINVAL */
