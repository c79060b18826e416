/* What anybody can send to a port that expects the PROXY header. Whole and byte by byte it must
 * be judged alike, take nothing behind its end, and refuse what is longer than its bounds. */
#include "io/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum proxy_verdict feed(struct strv in, size_t piece, struct proxy_reader *p)
{
	enum proxy_verdict v = PROXY_MORE;
	size_t n = 0, used;

	while (v == PROXY_MORE && n < in.n) {
		size_t give = MIN(piece, in.n - n);
		v = proxy_read(p, strv_make(in.p + n, give), &used);
		ASSERT(used > 0 && used <= give);
		ASSERT(v != PROXY_MORE || used == give);
		n += used;
	}
	ASSERT(p->n == n && n <= PROXY_V2_HEAD + PROXY_V2_MAX_BODY);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strv in = strv_make((const char *)data, size);
	struct proxy_reader whole = { 0 }, bytes = { 0 }, again = { 0 };
	enum proxy_verdict v = feed(in, MAX(size, (size_t)1), &whole);
	char text[NET_TEXT_MAX];

	ASSERT(feed(in, 1, &bytes) == v && bytes.n == whole.n);
	ASSERT(bytes.has_address == whole.has_address);
	if (v != PROXY_DONE)
		return 0;
	ASSERT(feed(strv_make(in.p, whole.n), size, &again) == PROXY_DONE);
	if (whole.has_address) {
		ASSERT(net_eq(&whole.address, &bytes.address));
		net_text(&whole.address, text);
	}
	return 0;
}
