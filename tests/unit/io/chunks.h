/* For tests of a connection's output: a pair over each version, and a pattern in it. */
#pragma once

#include "io/conn_priv.h"
#include "pair.h"

#include <sys/socket.h>

static const int versions[] = { 0, TLS1_2_VERSION, TLS1_3_VERSION };

static void open_version(struct pair *t, int version)
{
	struct tls_ctx *ctx = version ? pair_ctx(NULL) : NULL;

	pair_open(t, PAIR_TCP, ctx, version);
	tls_ctx_unref(&ctx);
}

#define EACH_VERSION(v) \
	for (const int *v = versions; v < versions + ARRAY_LEN(versions); v++)

enum { CHUNK = 60000, N_PATTERN = 251 };

static void write_chunk(struct side *s, size_t *at)
{
	static char chunk[CHUNK];

	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = (char)((*at)++ % N_PATTERN);
	buf_put(conn_out(s->conn), strv_make(chunk, CHUNK));
}

/* A count before its first byte that is not right. */
static size_t good_pattern(const struct buf *b)
{
	size_t i = 0;

	while (i < b->n && b->p[i] == (char)(i % N_PATTERN))
		i++;
	return i;
}

/* Writes until the connection calls itself congested. The kernel's buffers are fixed, and small
 * beside CONN_CONGESTED / 2: left to itself it makes them larger some time later, and may take
 * so much that the connection is drained though nobody reads. */
static size_t congest(struct pair *t)
{
	size_t at = 0;
	int small = 16384;

	setsockopt(t->s.conn->watch.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(t->p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	t->p.reads = false;
	while (!conn_is_congested(t->s.conn)) {
		CHECK(at < 64 << 20);
		write_chunk(&t->s, &at);
		loop_turn(t->s.loop, 0);
	}
	return at;
}
