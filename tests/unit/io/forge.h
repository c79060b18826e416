/* Records of TLS with any content, right or wrong: what a peer that has the keys could send. */
#pragma once

#include "io/tls_record.h"

struct forge {
	bool v13;
	enum tls_aead aead;
	enum digest_alg hash;
	struct tls_side side; /* TLS 1.3: key and iv are made of the secret */
};

/* Of the same connection as `start`: what comes from the client is sealed with `client`, and what
 * the server sends opened with `server`. */
void forge_init(struct forge *client, struct forge *server,
		const struct tls_start *start);

/* A start with keys made of `seed`. */
void forge_start(struct tls_start *s, bool v13, enum tls_aead aead, unsigned char seed);

/* Seals one record. TLS 1.3: `pad` zeros behind the type; `outer` is the header's. */
void forge_put(struct forge *f, unsigned char outer, unsigned char type,
	       struct strv content, size_t pad, struct buf *to);
/* The usual. */
static inline void forge_seal(struct forge *f, unsigned char type, struct strv content,
			      struct buf *to)
{
	forge_put(f, f->v13 ? 23 : type, type, content, 0, to);
}

/* Takes the next record off `wire`; its content is put into `to`, and the type is returned. -1:
 * there is none, or it cannot be opened. */
int forge_open(struct forge *f, struct strv *wire, struct buf *to);

void forge_update(struct forge *f); /* KeyUpdate: the next key */
