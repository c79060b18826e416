/* What anybody can send to a listener with TLS, in pieces of whatever size: without keys nobody gets
 * through a handshake, and nothing is plain text. The seeds are first flights of real clients. */
#include "io/tls.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With tickets, as most is looked at then. */
static struct tls_ctx *make_ctx(void)
{
	static const char *const names[] = { "localhost", NULL };
	char path[] = "/tmp/meerkat-fuzz-XXXXXX";
	struct tls_conf conf = { .certfile = path, .tickets = true };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx;
	int fd = mkstemp(path), r;

	ASSERT(fd >= 0);
	close(fd);
	unlink(path); /* it is made anew, with the rights of a key */
	r = tls_make_self_signed(path, path, names, &err);
	ASSERT(r == 0);
	r = tls_ctx_new(&conf, &ctx, &err);
	ASSERT(r == 0);
	unlink(path);
	return ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_ctx *ctx;
	struct strv in = strv_make((const char *)data, size);
	struct buf plain = BUF_INIT(1 << 20), wire = BUF_INIT(1 << 20);
	size_t piece;
	struct tls *t;

	if (ctx == NULL)
		ctx = make_ctx();
	if (in.n == 0)
		return 0;
	piece = in.p[0] ? (unsigned char)in.p[0] : in.n;
	in = strv_from_pos(in, 1);
	t = tls_new(ctx);
	while (in.n && tls_feed(t, strv_make(in.p, MIN(piece, in.n)), &plain, &wire) == 0)
		in = strv_from_pos(in, MIN(piece, in.n));
	ASSERT(!tls_is_up(t) && plain.n == 0);
	tls_free(&t);
	buf_free(&plain);
	buf_free(&wire);
	return 0;
}
