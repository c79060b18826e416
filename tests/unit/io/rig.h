/* A record layer with a forger at the other end. */
#pragma once

#include "forge.h"
#include "test.h"

#define STRV_INIT(lit)                    \
	{                                 \
		("" lit), sizeof(lit) - 1 \
	}

struct rig {
	struct tls_record *r;
	struct forge client, server;
	struct buf in, plain, wire; /* to the server; what it has read; what it sends */
};

void rig_open(struct rig *g, const struct tls_start *start);
void rig_close(struct rig *g);

/* All that is in `in`, so many bytes at a time; the result of the last feed. */
int rig_feed_by(struct rig *g, size_t piece);
static inline int rig_feed(struct rig *g)
{
	return rig_feed_by(g, SIZE_MAX);
}

/* The next record that the server has sent: its type, and its content. */
int rig_sent(struct rig *g, struct buf *content);
void rig_check_alert(struct rig *g, int level, int what);
/* The connection has failed, and says so; nothing goes on. */
void rig_check_failed(struct rig *g, int alert);

/* Each version with each AEAD. */
struct tls_start *rig_suite(struct tls_start *s, unsigned i);
#define EACH_SUITE(s)                                                    \
	for (struct tls_start s##_, *s = rig_suite(&s##_, 0); s != NULL; \
	     s = rig_suite(&s##_, (unsigned)(s->v13 * TLS_AEAD_MAX + s->aead) + 1))

static inline void start_v13(struct tls_start *s)
{
	forge_start(s, true, TLS_AES_128_GCM, 99);
}

static inline void start_v12(struct tls_start *s)
{
	forge_start(s, false, TLS_AES_128_GCM, 99);
}
