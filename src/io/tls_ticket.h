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

/* --- tls_ticket_own.c: tickets of our own --- */

/* What one says. */
struct tls_ticket {
	unsigned suite; /* its number in TLS 1.3 */
	msec_t begun;	/* of tls_ticket_now(): the handshake that no ticket began */
	unsigned char psk[TLS_SECRET_MAX];
	size_t n; /* bytes of `psk` */
};

/* False: it is none of ours, or too old. */
bool tls_ticket_open(struct tls_tickets *t, struct strv ticket, struct tls_ticket *ret);
/* RFC 8446 4.6.1: the key that goes with the one ticket of a connection. */
void tls_ticket_make_psk(struct tls_ticket *t, enum digest_alg hash,
			 const unsigned char *resumption);
/* Behind the handshake: what the client can come back with. */
void tls_ticket_put(struct tls_tickets *keys, const struct tls_ticket *t,
		    struct tls_record *r, struct buf *wire);
/* ... behind one of OpenSSL's, if the client may, and can (tls_handshake.h). */
void tls_ticket_put_first(const struct tls_ssl *t, struct tls_record *r,
			  struct buf *wire);
