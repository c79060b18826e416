/* Session tickets of TLS 1.3 (RFC 8446 4.6.1), without anything kept for a session here: the ticket
 * has it all, sealed with keys that live in this context only. They are changed as time goes by, and
 * a ticket cannot be opened once its key is gone. Older versions get none: their tickets would give
 * away the keys of the connection that they came from. */
#include "io/tls_ticket.h"
#include "base/rand.h"
#include "io/x25519.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

enum { IV_LEN = 16 };

/* --- keys --- */

static void make_key(struct ticket_key *k, msec_t now)
{
	rand_bytes(k->name, sizeof(k->name));
	rand_bytes(k->cipher, sizeof(k->cipher));
	rand_bytes(k->mac, sizeof(k->mac));
	k->made_at = now;
}

static void wipe_key(struct ticket_key *k)
{
	EVP_CIPHER_CTX_free(k->evp); /* wipes what it has expanded */
	mem_wipe(k, sizeof(*k));
}

msec_t tls_ticket_now(void)
{
	return clock_mono_ms() + 1;
}

static void rotate(struct tls_tickets *t)
{
	msec_t now = tls_ticket_now(), life = (msec_t)TLS_TICKET_LIFE_S * 1000;

	for (size_t i = 0; i < ARRAY_LEN(t->keys); i++)
		if (now - t->keys[i].made_at >= 2 * life)
			wipe_key(&t->keys[i]);
	if (t->keys[0].made_at && now - t->keys[0].made_at < life)
		return;
	wipe_key(&t->keys[1]);
	t->keys[1] = t->keys[0];
	t->keys[0].evp = NULL;
	make_key(&t->keys[0], now);
}

struct ticket_key *tls_ticket_key_take(struct tls_tickets *t, const unsigned char *name)
{
	pthread_mutex_lock(&t->lock);
	rotate(t);
	if (name == NULL)
		return &t->keys[0];
	for (size_t i = 0; i < ARRAY_LEN(t->keys); i++)
		if (t->keys[i].made_at &&
		    memcmp(t->keys[i].name, name, TICKET_NAME_LEN) == 0)
			return &t->keys[i];
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void tls_ticket_key_give(struct tls_tickets *t)
{
	pthread_mutex_unlock(&t->lock);
}

/* --- tickets of OpenSSL's, where it keeps the records --- */

static int set_key(const EVP_CIPHER *type, struct ticket_key *k, unsigned char *iv,
		   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seals)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac,
						  TICKET_KEY_LEN),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, type, NULL, k->cipher, iv, seals) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1; 2: and a new ticket; 0: no ticket, or none that can be opened: a full handshake; -1: it fails. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_key *key;
	int r;

	if (SSL_version(ssl) != TLS1_3_VERSION)
		return 0;
	/* See tls_no_ticket(): who has shown a certificate does not come here. */
	ASSERT(!seals || SSL_get0_peer_certificate(ssl) == NULL);
	key = tls_ticket_key_take(c->tickets, seals ? NULL : name);
	if (key == NULL)
		return 0;
	if (seals) {
		memcpy(name, key->name, TICKET_NAME_LEN);
		rand_bytes(iv, IV_LEN);
	}
	r = set_key(c->tickets->type, key, iv, cipher, mac, seals);
	tls_ticket_key_give(c->tickets);
	if (!r)
		return -1;
	return seals ? 1 : 2; /* a ticket is used once: the client gets another */
}

void tls_no_ticket(SSL *ssl)
{
	SSL_set_num_tickets(ssl, 0);
}

/* --- at start --- */

int tls_tickets_init(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	static const unsigned char scope[] =
		"meerkat"; /* its keys are this context's own */
	AUTO(buf_free) struct buf why = BUF_INIT(256);

	if (!conf->tickets)
		return 0;
	if (c->own_records && x25519_init(&why) < 0) {
		buf_putf(&c->notes, "session_tickets: has no effect: %s\n",
			 buf_cstr(&why));
		return 0;
	}
	c->tickets = MEM_NEW(struct tls_tickets);
	pthread_mutex_init(&c->tickets->lock, NULL);
	c->tickets->type =
		EVP_CIPHER_fetch(NULL, c->own_records ? "AES-256-GCM" : "AES-256-CBC",
				 NULL);
	ASSERT(c->tickets->type != NULL);
	if (conf->verify != TLS_VERIFY_NONE && conf->must_verify)
		buf_putf(&c->notes,
			 "session_tickets: has no effect: every client shows a "
			 "certificate, and who does gets no ticket\n");
	if (c->own_records) /* tls_handshake.c */
		return 0;
	SSL_CTX_set_session_id_context(c->ssl, scope, sizeof(scope) - 1);
	SSL_CTX_clear_options(c->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(c->ssl, 1);
	SSL_CTX_set_timeout(c->ssl, TLS_TICKET_LIFE_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket);
	return 0;
}

void tls_tickets_fini(struct tls_ctx *c)
{
	if (c->tickets == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(c->tickets->keys); i++)
		wipe_key(&c->tickets->keys[i]);
	EVP_CIPHER_free(c->tickets->type);
	pthread_mutex_destroy(&c->tickets->lock);
	mem_free(c->tickets);
}
