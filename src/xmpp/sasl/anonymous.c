#include "xmpp/sasl/anonymous.h"
#include "base/rand.h"
#include "base/utf8.h"

#include <stdio.h>

/* RFC 4505 3: tables C.2.1 to C.6, C.8 and C.9 of RFC 3454. Surrogates are no UTF-8. */
static const struct {
	uint32_t first, last;
} prohibited[] = {
	{ 0x00, 0x1f },	      { 0x7f, 0x9f },	    { 0x340, 0x341 },
	{ 0x6dd, 0x6dd },     { 0x70f, 0x70f },	    { 0x180e, 0x180e },
	{ 0x200c, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x2063 },
	{ 0x206a, 0x206f },   { 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },
	{ 0xfeff, 0xfeff },   { 0xfff9, 0xfffd },   { 0x1d173, 0x1d17a },
	{ 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff },
};

static bool is_prohibited(uint32_t cp)
{
	if ((cp & 0xfffe) == 0xfffe) /* no characters, in any plane */
		return true;
	for (size_t i = 0; i < ARRAY_LEN(prohibited); i++)
		if (cp >= prohibited[i].first && cp <= prohibited[i].last)
			return true;
	return false;
}

int sasl_anonymous_check(struct strv trace)
{
	for (size_t n = 0; trace.n; n++) {
		uint32_t cp;
		int used = utf8_next(trace, &cp);

		if (used < 0 || n == SASL_TRACE_MAX || is_prohibited(cp))
			return -EINVAL;
		trace = strv_from_pos(trace, (size_t)used);
	}
	return 0;
}

void sasl_anonymous_name(char to[SASL_ANONYMOUS_NAME_LEN + 1])
{
	unsigned char r[16];

	rand_bytes(r, sizeof(r));
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* RFC 4122 4.4 */
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	snprintf(to, SASL_ANONYMOUS_NAME_LEN + 1,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11],
		 r[12], r[13], r[14], r[15]);
}
