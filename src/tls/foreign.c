#include "tls/foreign.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>

/* That of what this thread connects to just now. */
static _Thread_local struct tls_foreign *current;

/* Nothing is spoken then, and so there will be no handshake. */
static void spoil(SSL *ssl)
{
	SSL_set_options(ssl, SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 |
				     SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
}

/* Its first fatal alert, or ours, if we have sent that because of its certificate. */
static void note_failure(struct tls_foreign *f, const SSL *ssl, int event, int alert)
{
	AUTO(buf_free) struct buf why = BUF_INIT(sizeof(f->why));

	if (f->why[0] || alert >> 8 != SSL3_AL_FATAL)
		return;
	if (event == SSL_CB_READ_ALERT)
		buf_putf(&why, "TLS: alert %s", SSL_alert_desc_string_long(alert));
	else
		tls_client_describe(f->client, ssl, f->host, &why);
	snprintf(f->why, sizeof(f->why), "%s", buf_cstr(&why));
}

/* SSL_CTX_set_info_callback(3). */
static void on_event(const SSL *ssl, int event, int value)
{
	struct tls_foreign *f = current;

	if (f == NULL)
		return;
	if (event == SSL_CB_HANDSHAKE_START) {
		f->began = true;
		f->why[0] = '\0';
		if (!tls_client_set_up(f->client, (SSL *)ssl, f->host))
			spoil((SSL *)ssl);
	} else if (event == SSL_CB_WRITE_ALERT || event == SSL_CB_READ_ALERT) {
		note_failure(f, ssl, event, value);
	}
}

/* CRYPTO_get_ex_new_index(3): each new SSL object comes here. Until it is set up it trusts nobody. */
static void on_new(void *ssl, void *none, CRYPTO_EX_DATA *data, int index, long number,
		   void *arg)
{
	if (current == NULL)
		return;
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_info_callback(ssl, on_event);
}

static void watch(void)
{
	int index = SSL_get_ex_new_index(0, NULL, on_new, NULL, NULL);

	ASSERT(index >= 0);
}

void tls_foreign_begin(struct tls_foreign *f, const struct tls_client *client,
		       const char *host)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch);
	ASSERT(current == NULL);
	*f = (struct tls_foreign){ .client = client, .host = host };
	current = f;
}

void tls_foreign_end(struct tls_foreign *f)
{
	ASSERT(current == f);
	current = NULL;
}
