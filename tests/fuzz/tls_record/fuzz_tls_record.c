/* What a client can send on an established connection of TLS: one that has the keys, and anybody who
 * changes its bytes. Whole and in pieces it must be judged alike; what is handed up is what was
 * sealed; and what is sent can be opened. */
#include "forge.h"
#include "base/clock.h"
#include "io/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_STREAM = 1 << 20 };

struct script {
	const uint8_t *p, *end;
};

static uint8_t next(struct script *s)
{
	return s->p < s->end ? *s->p++ : 0;
}

static struct strv next_bytes(struct script *s)
{
	size_t n = next(s);
	struct strv b;

	if (n >= 250) /* some long ones */
		n = 3200 * (n - 249);
	b = strv_make((const char *)s->p, MIN(n, (size_t)(s->end - s->p)));
	s->p += b.n;
	return b;
}

/* One thing that the client does; application data goes to `sent`, too. */
static void step(struct script *s, struct forge *f, struct buf *stream, struct buf *sent)
{
	static const uint8_t outer[] = { 23, 22, 21, 20, 24, 0 };
	uint8_t op = next(s), type, pad;
	unsigned char update[] = { 24, 0, 0, 1, op >> 4 & 1 };
	struct strv b;

	switch (op % 4) {
	case 0:
		b = next_bytes(s);
		buf_put(stream, b); /* not sealed */
		break;
	case 1:
		type = next(s) % 32;
		pad = next(s);
		b = next_bytes(s);
		forge_put(f, f->v13 ? outer[(op >> 2) % 6] : type, type, b, pad, stream);
		break;
	case 2:
		forge_seal(f, 22, strv_make((char *)update, sizeof(update)), stream);
		forge_update(f);
		break;
	default:
		b = next_bytes(s);
		forge_seal(f, 23, b, stream);
		buf_put(sent, b);
	}
}

struct result {
	int verdict;
	struct buf plain;
};

/* All that the server says can be opened, and ends in nothing or one alert. */
static void check_wire(struct forge *server, struct strv wire, int verdict)
{
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);
	int type = 0;

	while (wire.n) {
		ASSERT(type != 21 || content.p[0] == 1);
		buf_clear(&content);
		type = forge_open(server, &wire, &content);
		ASSERT(type >= 21 && type <= 23 && content.n > 0);
		if (type == 22)
			forge_update(server);
	}
	ASSERT(verdict == -EPROTO || type != 21 || content.p[0] == 1);
}

/* With a copy and without, in turn. */
static void answer(struct tls_record *r, bool in_place, struct buf *wire, int verdict)
{
	AUTO(buf_free) struct buf b = BUF_INIT(100);
	size_t from;
	int e;

	if (!in_place || !tls_record_takes_whole(r, 1)) {
		e = tls_record_seal(r, STRV("x"), wire);
		ASSERT(e == 0 || verdict == -EPROTO);
		return;
	}
	b.n = buf_reserve(&b, TLS_ROOM + 1) ? TLS_ROOM : 0;
	buf_putc(&b, 'x');
	e = tls_record_seal_in_place(r, &b, &from);
	ASSERT(e == 0 && verdict != -EPROTO);
	buf_put(wire, strv_from_pos(buf_strv(&b), from));
}

static struct result run(const struct tls_start *start, struct strv in, size_t piece)
{
	struct tls_record *r = tls_record_new(start);
	struct result res = { .plain = BUF_INIT(1 << 22) };
	AUTO(buf_free) struct buf wire = BUF_INIT(1 << 22);
	struct forge client, server;

	clock_fake_set(1000000, 0);
	forge_init(&client, &server, start);
	while (in.n && res.verdict == 0) {
		struct strv part = strv_make(in.p, MIN(piece, in.n));

		res.verdict = tls_record_feed(r, part, &res.plain, &wire);
		in = strv_from_pos(in, part.n);
		answer(r, in.n & 1, &wire, res.verdict);
	}
	ASSERT((tls_record_error(r)[0] != '\0') == (res.verdict == -EPROTO));
	if (res.verdict) /* for ever */
		ASSERT(tls_record_feed(r, STRV("again"), &res.plain, &wire) ==
		       res.verdict);
	tls_record_close_notify(r, &wire);
	check_wire(&server, buf_strv(&wire), res.verdict);
	tls_record_free(&r);
	return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, data + size };
	AUTO(buf_free)
	struct buf stream = BUF_INIT(MAX_STREAM), sent = BUF_INIT(MAX_STREAM);
	uint8_t suite = next(&s);
	struct tls_start start;
	struct forge client, server;
	struct result whole, parts;

	forge_start(&start, suite & 1, (enum tls_aead)((suite >> 1) % TLS_AEAD_MAX),
		    suite);
	forge_init(&client, &server, &start);
	while (s.p < s.end && stream.n < MAX_STREAM / 2)
		step(&s, &client, &stream, &sent);
	whole = run(&start, buf_strv(&stream), SIZE_MAX);
	parts = run(&start, buf_strv(&stream), 1 + suite % 41);
	ASSERT(whole.verdict == parts.verdict && whole.plain.n == parts.plain.n);
	ASSERT(whole.plain.n == 0 ||
	       memcmp(whole.plain.p, parts.plain.p, whole.plain.n) == 0);
	buf_free(&whole.plain);
	buf_free(&parts.plain);
	return 0;
}
