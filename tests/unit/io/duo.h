/* The TLS transport and OpenSSL's client, in memory. */
#pragma once

#include "pair.h"

struct duo {
	struct tls *t;
	SSL *client;
	BIO *to_client, *from_client;
	struct buf plain, wire;
	int r;	     /* of the last tls_feed() */
	bool failed; /* the client's handshake */
};

SSL *client_new(int min_version, int max_version);

/* Takes over `client`. */
void duo_open(struct duo *d, struct tls_ctx *ctx, SSL *client);
void duo_close(struct duo *d);

/* The client's bytes to us, `piece` at a time, and ours to it. */
void carry(struct duo *d, size_t piece);
void shake_hands_by(struct duo *d, size_t piece);
void shake_hands(struct duo *d);

/* Both sides hear each other, and have the same exporter (RFC 9266). */
void check_data(struct duo *d);
void check_exporter(struct duo *d);

/* TLS 1.2 and 1.3, first with `ctx` as it is, then with one of defaults whose connections keep their
 * SSL objects. */
extern const int duo_versions[];
const int *duo_version(const int *v, struct tls_ctx **ctx);
#define EACH_VERSION(v) \
	for (const int *v = duo_versions; (v = duo_version(v, &ctx)) != NULL; v++)
