/* The PROXY header: each vector whole, cut in two at each place, and byte by byte. */
#include "io/proxy.h"
#include "test.h"

#include <stdio.h>

#define V2	"\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY "\300\0\2\1\306\63\144\2\x30\x39\x14\x66"
#define V6_BODY                                    \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x8\x30\x39\x14\x66"
#define MAPPED_BODY                               \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2\x9" \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\306\63\144\2\x30\x39\x14\x66"

struct vector {
	struct strv bytes;
	const char *address; /* "-": the socket's own; NULL: refused */
	size_t end;	     /* of a good header; 0: its last byte is the vector's */
};

#define V(text, ...)                                    \
	{                                               \
		{ text, sizeof(text) - 1 }, __VA_ARGS__ \
	}

static const struct vector vectors[] = {
	V("PROXY TCP4 192.0.2.1 198.51.100.2 12345 5222\r\n", "192.0.2.1"),
	V("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	  "255.255.255.255"),
	V("PROXY TCP6 2001:db8::7 2001:DB8::8 0 5222\r\n", "2001:db8::7"),
	V("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	V("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", "192.0.2.9"),
	V("PROXY UNKNOWN\r\n", "-"),
	V("PROXY UNKNOWN \r\n", "-"),
	V("PROXY UNKNOWN whatever stands there\n", NULL),
	V("PROXY UNKNOWN whatever stands here\r\n", "-"),
	V("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	  "-"),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n<?xml", "192.0.2.1", 39),
	V("PROXY UNKNOWN\r\n\r\n", "-", 15),

	/* Longer than any line may be, by one. */
	V("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n",
	  NULL),
	V("PROXY UNKNOWNS\r\n", NULL),
	V("PROXY \r\n", NULL),
	V("PROXY\r\n", NULL),
	V("PROXY TCP4\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 12345 5222 1\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 12345 5222 \r\n", NULL),
	V("PROXY TCP4  192.0.2.1 198.51.100.2 12345 5222\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 12345 65536\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 012 5222\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 +12 5222\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2  5222\r\n", NULL),
	V("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n", NULL),
	V("PROXY TCP4 192.0.02.1 198.51.100.2 1 2\r\n", NULL),
	V("PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n", NULL),
	V("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", NULL),
	V("PROXY TCP6 2001:db8::7 198.51.100.2 1 2\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 2001:db8::8 1 2\r\n", NULL),
	V("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", NULL),
	V("PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", NULL),
	V("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n", NULL),
	V("PROXY TCP4 192.0.2.1\r198.51.100.2 1 2\r\n", NULL),
	V("proxy UNKNOWN\r\n", NULL),
	V("<?xml version='1.0'?>", NULL),
	V("\x16\x03\x01\x02", NULL), /* TLS */
	V("GET / HTTP/1.1\r\n", NULL),
	V("POST / HTTP/1.1\r\n", NULL),

	V(V2 "\x21\x11\0\xc" V4_BODY, "192.0.2.1"),
	V(V2 "\x21\x21\0\x24" V6_BODY, "2001:db8::7"),
	V(V2 "\x21\x21\0\x24" MAPPED_BODY, "192.0.2.9"),
	V(V2 "\x21\x11\0\xc" V4_BODY "\x16\x03", "192.0.2.1", 28),
	V(V2 "\x21\x11\0\x13" V4_BODY "\4\0\4rest", "192.0.2.1"),
	V(V2 "\x20\0\0\0", "-"),
	V(V2 "\x20\0\0\0\0", "-", 16),
	V(V2 "\x20\x11\0\xc" V4_BODY, "-"),
	V(V2 "\x20\xff\0\3abc", "-"),
	V(V2 "\x21\0\0\0", "-"),
	V(V2 "\x21\0\0\3abc", "-"),
	V(V2 "\x21\x01\0\0", "-"),
	V(V2 "\x21\x10\0\0", "-"),
	V(V2 "\x21\x12\0\xc" V4_BODY, "-"),
	V(V2 "\x21\x22\0\x24" V6_BODY, "-"),

	/* With a checksum. */
	V(V2 "\x21\x11\0\x13" V4_BODY "\3\0\4\x17\x5b\xfc\x61", "192.0.2.1"),
	V(V2 "\x21\x11\0\x1c" V4_BODY "\4\0\2ab\3\0\4\x87\xdf\xc2\x51\5\0\1x",
	  "192.0.2.1"),
	V(V2 "\x21\x11\0\x13" V4_BODY "\3\0\4\x17\x5b\xfc\x61<?xml", "192.0.2.1", 35),
	V(V2 "\x21\x21\0\x2b" V6_BODY "\3\0\4\x8c\xcc\xce\xa8", "2001:db8::7"),
	V(V2 "\x20\x11\0\x13" V4_BODY "\3\0\4\0\0\0\0", "-"), /* it is discarded */
	V(V2 "\x21\x11\0\x13" V4_BODY "\3\0\4\0\0\0\0", NULL),
	V(V2 "\x21\x11\0\x13" V4_BODY "\3\0\4\x61\xfc\x5b\x17", NULL),
	V(V2 "\x21\x11\0\x13" V4_BODY "\3\0\5\x17\x5b\xfc\x61", NULL),
	V(V2 "\x21\x11\0\x12" V4_BODY "\3\0\3\x17\x5b\xfc", NULL),
	V(V2 "\x21\x11\0\xf" V4_BODY "\3\0\0", NULL),
	V(V2 "\x21\x11\0\x1a" V4_BODY "\3\0\4\0\0\0\0\3\0\4\0\0\0\0", NULL), /* two */
	/* What cannot be read. */
	V(V2 "\x21\x11\0\xd" V4_BODY "\4", NULL),
	V(V2 "\x21\x11\0\xe" V4_BODY "\4\0", NULL),
	V(V2 "\x21\x11\0\xf" V4_BODY "\4\0\1", NULL),
	V(V2 "\x21\x11\0\x13" V4_BODY "\4\0\5rest", NULL),
	V(V2 "\x21\x11\0\xf" V4_BODY "\4\0\0", "192.0.2.1"),

	V(V2 "\x11\x11\0\xc", NULL), /* version 1 */
	V(V2 "\x31\x11\0\xc", NULL),
	V(V2 "\x22\x11\0\xc", NULL), /* no such command */
	V(V2 "\x21\x41\0\xc", NULL), /* no such family */
	V(V2 "\x21\x13\0\xc", NULL), /* no such protocol */
	V(V2 "\x21\x11\0\xb", NULL), /* shorter than the addresses */
	V(V2 "\x21\x21\0\x23", NULL),
	V(V2 "\x21\x31\0\xd7", NULL),
	V(V2 "\x21\x11\x08\x01", NULL), /* longer than we read */
	V(V2 "\x20\0\xff\xff", NULL),
	V("\r\n\r\n\0\r\nQUIT\r", NULL),
	V("\r\n<?xml", NULL),
};

/* Feeds it in pieces of these lengths, the last one again and again. */
static enum proxy_verdict feed(struct strv in, size_t first, size_t next, size_t *ret_n,
			       struct proxy_reader *p)
{
	enum proxy_verdict v = PROXY_MORE;
	size_t n = 0, piece = first;

	*p = (struct proxy_reader){ 0 };
	while (v == PROXY_MORE && n < in.n) {
		size_t used, give = MIN(MAX(piece, (size_t)1), in.n - n);
		v = proxy_read(p, strv_make(in.p + n, give), &used);
		CHECK(used <= give && (v != PROXY_MORE || used == give));
		n += used;
		piece = next;
	}
	*ret_n = n;
	return v;
}

static void check(const struct vector *t, size_t first, size_t next)
{
	char text[NET_TEXT_MAX] = "-";
	struct proxy_reader p;
	size_t n;
	enum proxy_verdict v = feed(t->bytes, first, next, &n, &p);

	if ((v == PROXY_DONE) != (t->address != NULL) || v == PROXY_MORE)
		test_fail(__FILE__, __LINE__, "vector %zu, cut at %zu: %d",
			  (size_t)(t - vectors), first, v);
	if (t->address == NULL)
		return;
	CHECK_INT(n, t->end ? t->end : t->bytes.n);
	if (p.has_address)
		net_text(&p.address, text);
	CHECK_STR(strv_from(text), t->address);
}

TEST(proxy_reads_both_versions_however_they_are_cut)
{
	for (const struct vector *t = vectors; t < vectors + ARRAY_LEN(vectors); t++) {
		for (size_t cut = 1; cut <= t->bytes.n; cut++)
			check(t, cut, t->bytes.n);
		check(t, 1, 1);
	}
}

/* Each bit of the addresses counts, and of the checksum itself. */
TEST(proxy_refuses_a_header_that_was_changed)
{
	static const char good[] =
		V2 "\x21\x11\0\x1c" V4_BODY "\4\0\2ab\3\0\4\x87\xdf\xc2\x51\5\0\1x";
	size_t n = sizeof(good) - 1, used;
	struct proxy_reader p;

	for (size_t bit = 0; bit < 8 * n; bit++) {
		size_t at = bit / 8;
		char b[sizeof(good)];

		if ((at < PROXY_V2_HEAD || at >= 28) && (at < 36 || at >= 40))
			continue;
		memcpy(b, good, n);
		b[at] ^= (char)(1 << bit % 8);
		CHECK_INT(feed(strv_make(b, n), n, n, &used, &p), PROXY_BAD);
	}
}

/* What is no header is refused before anybody could wait for more of it. */
TEST(proxy_refuses_early)
{
	static const struct {
		const char *text;
		size_t n;
	} tries[] = { { "<", 1 }, { "\x16", 1 }, { "PRI * HTTP", 3 }, { "\rX", 2 } };

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		struct proxy_reader p;
		size_t n;

		CHECK_INT(feed(strv_from(tries[i].text), 100, 100, &n, &p), PROXY_BAD);
		CHECK_INT(n, tries[i].n);
	}
}

TEST(proxy_skips_what_follows_the_addresses_up_to_the_bound)
{
	static char header[PROXY_V2_HEAD + PROXY_V2_MAX_BODY + 1] =
		V2 "\x21\x11\x08\x00" V4_BODY "\4\x07\xf1"; /* 2048 - 12 - 3 */
	struct proxy_reader p;
	size_t n;

	for (size_t piece = 1; piece < 3000; piece += 97) {
		CHECK_INT(feed(strv_make(header, sizeof(header)), piece, piece, &n, &p),
			  PROXY_DONE);
		CHECK_INT(n, PROXY_V2_HEAD + PROXY_V2_MAX_BODY);
		CHECK(p.has_address);
	}
}
