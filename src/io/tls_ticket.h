/* The keys of session tickets. For the files of TLS only. */
#pragma once

#include "base/clock.h"
#include "io/tls_record.h"
#include "io/tls_ssl.h"

#include <openssl/evp.h>
#include <pthread.h>

enum { TICKET_NAME_LEN = 16, TICKET_KEY_LEN = 32 };

struct ticket_key {
	unsigned char name[TICKET_NAME_LEN];
	unsigned char cipher[TICKET_KEY_LEN], mac[TICKET_KEY_LEN];
	msec_t made_at; /* 0: there is none */
	EVP_CIPHER_CTX
		*evp; /* tickets of our own: has `cipher` expanded; NULL: not yet */
};

/* [0] seals and opens for one life, and then, as [1], opens for another. */
struct tls_tickets {
	pthread_mutex_t lock;
	struct ticket_key keys[2];
	EVP_CIPHER *type;
};

/* Takes the lock. NULL, without the lock: it is gone. Name NULL: the one that seals. */
struct ticket_key *tls_ticket_key_take(struct tls_tickets *t, const unsigned char *name);
void tls_ticket_key_give(struct tls_tickets *t);
msec_t tls_ticket_now(void); /* never 0 */

/* tls_ticket_own.c */
void tls_ticket_own_init(struct tls_ctx *c);
/* Behind the handshake: what the client can come back with, if it may. */
void tls_ticket_put(const struct tls_ssl *t, struct tls_record *r, struct buf *wire);
