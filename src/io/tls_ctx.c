/* Contexts: certificates, keys, versions, ciphers. */
#include "io/tls_kdf.h"
#include "io/tls_priv.h"

#include <openssl/err.h>

/* The first error is the cause, those behind it say only what it led to. NULL: none. */
static const char *first_reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (code == 0)
		return NULL;
	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	return reason ? reason : "unknown reason";
}

int tls_fail(struct buf *err, const char *file, const char *what)
{
	const char *why = first_reason();
	int r = buf_addf(err, "%s%s%s%s%s", file ? file : "", file ? ": " : "", what,
			 why ? ": " : "", why ? why : "");

	(void)r; /* a message cut short is still one */
	ERR_clear_error();
	return -EINVAL;
}

/* XEP-0368: "xmpp-client" when the client offers it; a client that offers only others goes on
 * without. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *n_out,
		       const unsigned char *in, unsigned n_in, void *arg)
{
	static const unsigned char ours[] = "\x0bxmpp-client";

	if (SSL_select_next_proto((unsigned char **)out, n_out, ours, sizeof(ours) - 1,
				  in, n_in) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static void set_defaults(struct tls_ctx *c)
{
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					    SSL_OP_NO_TICKET |
					    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(c->ssl, 0);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	/* A certificate that stands alone is shown alone, whatever could be found for it. */
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS |
					 SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, NULL);
	SSL_CTX_set_ciphersuites(c->ssl, TLS_USUAL_SUITES);
}

typedef int (*step_fn)(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err);

/* In this order: ciphers say how weak a key may be. An option of NULL: the step names it. */
static const struct {
	const char *option;
	step_fn run;
} steps[] = {
	{ NULL, tls_set_versions },
	{ "ciphers", tls_set_ciphers },
	{ NULL, tls_load_certificate },
	{ "sni_certfiles", tls_load_sni },
	{ "dhfile", tls_load_dh },
	{ "ocsp_file", tls_ocsp_init },
	{ NULL, tls_trust_init },
	{ NULL, tls_check_versions },
	{ "session_tickets", tls_tickets_init },
	{ NULL, tls_shown_init },
	{ "keep_secrets", tls_keylog_init }, /* behind the handshakes that check */
};

static int set_up(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	set_defaults(c);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t before = err->n;
		int r;

		if (steps[i].option)
			buf_putf(err, "%s: ", steps[i].option);
		r = steps[i].run(c, conf, err);
		if (r < 0)
			return r;
		err->n = before;
	}
	return 0;
}

int tls_ctx_new(const struct tls_conf *conf, struct tls_ctx **ret, struct buf *err)
{
	struct tls_ctx *c = MEM_NEW(struct tls_ctx);
	int r;

	ERR_clear_error();
	c->refs = 1;
	c->notes = BUF_INIT(4096);
	c->keylog_fd = -1;
	c->own_records = !conf->openssl_records;
	tls_kdf_init();
	c->ssl = SSL_CTX_new_ex(NULL, TLS_KDF_PROPERTIES, TLS_server_method());
	if (c->ssl) {
		SSL_CTX_set_app_data(c->ssl, c);
		r = set_up(c, conf, err);
	} else { /* the algorithms that its configuration asks for are not there */
		r = tls_fail(err, NULL, "the system's OpenSSL has no TLS");
	}
	if (r < 0) {
		tls_ctx_unref(&c);
		return r;
	}
	*ret = c;
	return 0;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

struct strv tls_ctx_notes(const struct tls_ctx *c)
{
	return buf_strv(&c->notes);
}

void tls_ctx_unref(struct tls_ctx **pc)
{
	struct tls_ctx *c = *pc;

	*pc = NULL;
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; i < c->n_certs; i++)
		tls_cert_fini(&c->certs[i]);
	mem_free(c->certs);
	SSL_CTX_free(c->ssl);
	tls_shown_fini(c);
	tls_tickets_fini(c);
	tls_ocsp_fini(c);
	tls_keylog_fini(c);
	tls_trust_fini(&c->trust);
	buf_free(&c->notes);
	mem_free(c);
}
