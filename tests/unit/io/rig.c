#include "rig.h"

void rig_open(struct rig *g, const struct tls_start *start)
{
	*g = (struct rig){ .r = tls_record_new(start) };
	g->in = BUF_INIT(1 << 22);
	g->plain = BUF_INIT(1 << 22);
	g->wire = BUF_INIT(1 << 22);
	forge_init(&g->client, &g->server, start);
}

void rig_close(struct rig *g)
{
	tls_record_free(&g->r);
	buf_free(&g->in);
	buf_free(&g->plain);
	buf_free(&g->wire);
}

int rig_feed_by(struct rig *g, size_t piece)
{
	struct strv in = buf_strv(&g->in);
	int e = 0;

	while (in.n && e == 0) {
		size_t n = MIN(piece, in.n);
		e = tls_record_feed(g->r, strv_make(in.p, n), &g->plain, &g->wire);
		in = strv_from_pos(in, n);
	}
	buf_clear(&g->in);
	return e;
}

int rig_sent(struct rig *g, struct buf *content)
{
	struct strv wire = buf_strv(&g->wire);
	int type;

	buf_clear(content);
	type = forge_open(&g->server, &wire, content);
	buf_consume(&g->wire, g->wire.n - wire.n);
	return type;
}

void rig_check_alert(struct rig *g, int level, int what)
{
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);

	CHECK_INT(rig_sent(g, &content), 21);
	CHECK_INT(content.n, 2);
	CHECK_INT((unsigned char)content.p[0], level);
	CHECK_INT((unsigned char)content.p[1], what);
}

void rig_check_failed(struct rig *g, int alert)
{
	size_t n = g->plain.n;

	rig_check_alert(g, 2, alert);
	CHECK_INT(g->wire.n, 0);
	CHECK(tls_record_error(g->r)[0] != '\0');
	forge_seal(&g->client, 23, STRV("more"), &g->in);
	CHECK_INT(rig_feed(g), -EPROTO);
	CHECK_INT(tls_record_seal(g->r, STRV("more"), &g->wire), -EPROTO);
	tls_record_close_notify(g->r, &g->wire);
	CHECK_INT(g->wire.n, 0);
	CHECK_INT(g->plain.n, n);
}

struct tls_start *rig_suite(struct tls_start *s, unsigned i)
{
	if (i == 2 * TLS_AEAD_MAX)
		return NULL;
	forge_start(s, i >= TLS_AEAD_MAX, (enum tls_aead)(i % TLS_AEAD_MAX),
		    (unsigned char)(17 * i));
	return s;
}
