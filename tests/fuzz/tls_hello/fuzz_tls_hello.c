/* What anybody can send as a ClientHello: all that is read of it lies within it, and what can be told of
 * its first bytes never changes when more of them come. */
#include "io/tls_hello.h"
#include "io/tls_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct strv all, struct strv part)
{
	ASSERT(part.n == 0 || (part.p >= all.p && part.p + part.n <= all.p + all.n));
}

static void check_hello(struct strv in)
{
	struct tls_hello h;

	if (!tls_hello_read(in, &h))
		return;
	check_within(in, h.session_id);
	check_within(in, h.suites);
	check_within(in, h.sni);
	check_within(in, h.share);
	check_within(in, h.schemes);
	ASSERT(h.schemes.n % 2 == 0 && h.n_identities <= TLS_IDENTITIES_MAX);
	for (size_t i = 0; i < h.n_identities; i++) {
		check_within(strv_make(in.p, h.n_bound), h.identities[i]);
		check_within(strv_from_pos(in, h.n_bound), h.binders[i]);
	}
	ASSERT(h.share.p == NULL || h.share.n == X25519_LEN);
	ASSERT(!tls_hello_read(strv_make(in.p, in.n - 1), &h));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strv in = strv_make((const char *)data, size);
	int whole = tls_handshake_measure(in);

	check_hello(in);
	for (size_t n = 0; n < MIN(size, (size_t)TLS_RECORD_HEADER); n++) {
		int r = tls_handshake_measure(strv_make(in.p, n));
		ASSERT(r == 0 || r == whole);
	}
	if (whole > 0)
		check_hello(strv_make(in.p + TLS_RECORD_HEADER,
				      (size_t)whole - TLS_RECORD_HEADER));
	return 0;
}
