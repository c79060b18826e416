#include "xmpp/sasl/anonymous.h"
#include "base/rand.h"
#include "base/utf8.h"
#include "xmpp/saslprep.h"

#include <stdio.h>

/* RFC 4505 3 */
int sasl_anonymous_check(struct strv trace)
{
	for (size_t n = 0; trace.n; n++) {
		uint32_t cp;
		int used = utf8_next(trace, &cp);

		if (used < 0 || n == SASL_TRACE_MAX || stringprep_is_prohibited(cp))
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
