/* Contexts: certificates, keys, versions, ciphers. */
#include "io/tls_priv.h"

#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

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

struct secret {
	const char *password; /* NULL: none */
	bool asked_for;
};

static int give_password(char *to, int size, int writing, void *arg)
{
	struct secret *secret = arg;
	size_t n = secret->password ? strlen(secret->password) : 0;

	secret->asked_for = true;
	if (n == 0 || n > (size_t)size)
		return -1;
	memcpy(to, secret->password, n);
	return (int)n;
}

/* "OPTION: file: what: OpenSSL's reason" */
static int fail_option(struct buf *err, const char *option, const char *file,
		       const char *what)
{
	buf_putf(err, "%s: ", option);
	return tls_fail(err, file, what);
}

static int load_certificate(struct tls_ctx *c, const struct tls_conf *conf,
			    struct buf *err)
{
	const char *keyfile = conf->keyfile ? conf->keyfile : conf->certfile;
	const char *option = conf->keyfile ? "keyfile" : "certfile";
	struct secret secret = { .password = conf->password };
	int ok;

	if (SSL_CTX_use_certificate_chain_file(c->ssl, conf->certfile) != 1)
		return fail_option(err, "certfile", conf->certfile,
				   "no certificate in PEM can be read");
	SSL_CTX_set_default_passwd_cb(c->ssl, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(c->ssl, &secret);
	ok = SSL_CTX_use_PrivateKey_file(c->ssl, keyfile, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(c->ssl, NULL);
	if (!ok && secret.asked_for)
		return fail_option(err, option, keyfile,
				   conf->password ? "the key's password is wrong"
						  : "the key needs a password");
	if (!ok && ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_X509)
		return fail_option(err, option, keyfile,
				   "no private key in PEM can be read");
	if (!ok || SSL_CTX_check_private_key(c->ssl) != 1)
		return fail_option(err, option, keyfile,
				   "the private key does not fit the certificate");
	return 0;
}

static int load_dh(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	BIO *bio;
	EVP_PKEY *params;
	int r = 0;

	if (conf->dhfile == NULL) {
		SSL_CTX_set_dh_auto(c->ssl, 1);
		return 0;
	}
	bio = BIO_new_file(conf->dhfile, "r");
	params = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;
	BIO_free(bio);
	if (params == NULL || EVP_PKEY_get_base_id(params) != EVP_PKEY_DH) {
		EVP_PKEY_free(params);
		return tls_fail(err, conf->dhfile, "no Diffie-Hellman parameters in PEM");
	}
	if (EVP_PKEY_get_bits(params) < 1024)
		r = tls_fail(err, conf->dhfile,
			     "the parameters have fewer than 1024 bits");
	if (r == 0 && SSL_CTX_set0_tmp_dh_pkey(c->ssl, params) == 1)
		return 0; /* the context owns them now */
	EVP_PKEY_free(params);
	return r ? r : tls_fail(err, conf->dhfile, "the parameters cannot be used");
}

/* One string for TLS 1.2 lists and TLS 1.3 suites: names that begin with TLS_ are suites. */
static int set_ciphers(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	AUTO(buf_free) struct buf list = BUF_INIT(65536), suites = BUF_INIT(65536);
	struct strv rest = strv_from(conf->ciphers ? conf->ciphers : "");

	if (conf->ciphers == NULL)
		return 0;
	while (rest.n) {
		size_t n = strcspn(rest.p, ":, ");
		struct strv word = strv_make(rest.p, n);
		struct buf *to = strv_starts(word, STRV("TLS_")) ? &suites : &list;

		if (n &&
		    buf_addf(to, "%s" STRV_FMT, to->n ? ":" : "", STRV_ARG(word)) < 0)
			return tls_fail(err, NULL, "the string is too long");
		rest = strv_from_pos(rest, MIN(n + 1, rest.n));
	}
	if (list.n && SSL_CTX_set_cipher_list(c->ssl, buf_cstr(&list)) != 1)
		return tls_fail(err, NULL, "the string selects nothing");
	if (suites.n && SSL_CTX_set_ciphersuites(c->ssl, buf_cstr(&suites)) != 1)
		return tls_fail(err, NULL, "unknown suite of TLS 1.3");
	if (list.n == 0 && suites.n == 0)
		return tls_fail(err, NULL, "the string is empty");
	return 0;
}

/* RFC 5929 4.1: the certificate's hash, by the hash of its signature; MD5 and SHA-1 are replaced
 * by SHA-256. */
static void make_end_point(struct tls_ctx *c)
{
	X509 *cert = SSL_CTX_get0_certificate(c->ssl);
	const EVP_MD *md;
	unsigned n = 0;
	int hash;

	if (X509_get_signature_info(cert, &hash, NULL, NULL, NULL) != 1 ||
	    hash == NID_undef) {
		ERR_clear_error();
		return;
	}
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	md = EVP_get_digestbynid(hash);
	if (md && EVP_MD_get_size(md) <= TLS_CB_MAX &&
	    X509_digest(cert, md, c->end_point, &n) == 1)
		c->n_end_point = n;
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
	SSL_CTX_set_mode(c->ssl,
			 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, NULL);
	/* AES-128-GCM first: half the work of AES-256 for the same practical strength. */
	SSL_CTX_set_ciphersuites(c->ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					 "TLS_CHACHA20_POLY1305_SHA256");
}

typedef int (*step_fn)(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err);

/* In this order: ciphers say how weak a key may be. An option of NULL: the step names it. */
static const struct {
	const char *option;
	step_fn run;
} steps[] = {
	{ NULL, tls_set_versions }, { "ciphers", set_ciphers },
	{ NULL, load_certificate }, { "dhfile", load_dh },
	{ NULL, tls_trust_init },   { NULL, tls_check_versions },
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
	make_end_point(c);
	return 0;
}

int tls_ctx_new(const struct tls_conf *conf, struct tls_ctx **ret, struct buf *err)
{
	struct tls_ctx *c = MEM_NEW(struct tls_ctx);
	int r;

	ERR_clear_error();
	c->refs = 1;
	c->notes = BUF_INIT(4096);
	c->ssl = SSL_CTX_new(TLS_server_method());
	ASSERT(c->ssl != NULL);
	r = set_up(c, conf, err);
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
	SSL_CTX_free(c->ssl);
	tls_trust_fini(&c->trust);
	buf_free(&c->notes);
	mem_free(c);
}
