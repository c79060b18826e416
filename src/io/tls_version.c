/* Which versions of TLS a context speaks: those that are asked for, if they can be spoken. */
#include "io/tls_priv.h"

#include <openssl/err.h>

static const struct {
	int wire;
	uint64_t off;
	const char *name;
} versions[TLS_VERSION_MAX] = {
	[TLS_V1_0] = { TLS1_VERSION, SSL_OP_NO_TLSv1, "TLS 1.0" },
	[TLS_V1_1] = { TLS1_1_VERSION, SSL_OP_NO_TLSv1_1, "TLS 1.1" },
	[TLS_V1_2] = { TLS1_2_VERSION, SSL_OP_NO_TLSv1_2, "TLS 1.2" },
	[TLS_V1_3] = { TLS1_3_VERSION, SSL_OP_NO_TLSv1_3, "TLS 1.3" },
};

static uint64_t option_bits(const struct tls_conf *conf)
{
	static const uint64_t bits[TLS_OPTION_MAX] = {
#define X(id, name) [TLS_OPTION_##id] = SSL_OP_##id,
		TLS_OPTIONS(X)
#undef X
	};
	uint64_t all = 0;

	for (size_t i = 0; i < conf->n_options; i++) {
		ASSERT(conf->options[i] >= 0 && conf->options[i] < TLS_OPTION_MAX);
		all |= bits[conf->options[i]];
	}
	return all;
}

static const char *asked_by(const struct tls_conf *conf)
{
	return conf->versions ? "versions" : "protocol_options";
}

int tls_set_versions(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	uint64_t options = option_bits(conf);
	bool any = false;

	for (unsigned v = 0; conf->versions && v < TLS_VERSION_MAX; v++)
		if (!(conf->versions & 1u << v))
			options |= versions[v].off;
	for (unsigned v = 0; v < TLS_VERSION_MAX; v++)
		any |= !(options & versions[v].off);
	if (!any) {
		buf_putf(err, "%s: ", asked_by(conf));
		return tls_fail(err, NULL, "no version of TLS is left");
	}
	/* The system's configuration of OpenSSL may have limits of its own. */
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(c->ssl, TLS1_3_VERSION);
	SSL_CTX_set_options(c->ssl, options);
	return 0;
}

/* --- can they be spoken? --- */

/* A client that takes everything. */
static SSL_CTX *any_client(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	ASSERT(ctx != NULL);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_cipher_list(ctx, "ALL");
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				      "TLS_CHACHA20_POLY1305_SHA256:"
				      "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256");
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	return ctx;
}

static bool may_go_on(SSL *s, int r)
{
	int why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(s, r);

	return why == SSL_ERROR_NONE || why == SSL_ERROR_WANT_READ ||
	       why == SSL_ERROR_WANT_WRITE;
}

bool tls_can_agree(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
	SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
	BIO *a, *b;
	int done = 0, answered = 0, r = BIO_new_bio_pair(&a, 0, &b, 0);
	bool go_on = true;

	ASSERT(client != NULL && server != NULL && r == 1);
	SSL_set_connect_state(client);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_verify(server, SSL_VERIFY_NONE,
		       NULL); /* this client has no certificate */
	SSL_set_accept_state(server);
	ERR_clear_error();
	for (int i = 0; i < 64 && go_on && (done != 1 || answered != 1); i++) {
		done = SSL_do_handshake(client);
		go_on = may_go_on(client, done);
		if (!go_on)
			break;
		answered = SSL_do_handshake(server);
		go_on = may_go_on(server, answered);
	}
	SSL_free(client);
	SSL_free(server);
	return done == 1 && answered == 1;
}

static bool can_speak(SSL_CTX *ctx, int version)
{
	SSL_CTX *client = any_client(version);
	bool ret = tls_can_agree(ctx, client);

	SSL_CTX_free(client);
	return ret;
}

/* "OPTION: TLS 1.x is not spoken: why". Versions before 1.2 sign with MD5 and SHA-1, which OpenSSL
 * allows at its security level 0 only. */
static void explain(const struct tls_ctx *c, const struct tls_conf *conf, unsigned v,
		    struct buf *to)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	int level = SSL_CTX_get_security_level(c->ssl);

	if (c->unserved & 1u << v && (v >= TLS_V1_2 || level == 0))
		buf_putf(to,
			 "ciphers: %s is not spoken: the string selects nothing of it",
			 versions[v].name);
	else if (v < TLS_V1_2 && level > 0)
		buf_putf(
			to,
			"%s: %s cannot be spoken: OpenSSL has it at its security level 0 "
			"only, and the level here is %d; \"@SECLEVEL=0\" in `ciphers` sets it",
			asked_by(conf), versions[v].name, level);
	else
		buf_putf(to,
			 "%s: %s cannot be spoken with these ciphers and this key: %s",
			 conf->ciphers ? "ciphers" : "certfile", versions[v].name,
			 reason ? reason : "no handshake comes about");
	ERR_clear_error();
}

int tls_check_versions(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	bool any = false;

	/* OpenSSL refuses to begin when the newest that is on has no ciphers. */
	for (unsigned v = TLS_VERSION_MAX; v-- > 0;) {
		if (SSL_CTX_get_options(c->ssl) & versions[v].off)
			continue;
		if (!(c->unserved & 1u << v) && can_speak(c->ssl, versions[v].wire)) {
			any = true;
			continue;
		}
		SSL_CTX_set_options(c->ssl, versions[v].off);
		if (conf->versions_needed) {
			explain(c, conf, v, err);
			return -EINVAL;
		}
		explain(c, conf, v, &c->notes);
		buf_put(&c->notes, STRV("\n"));
	}
	if (any)
		return 0;
	buf_put(err, buf_strv(&c->notes));
	return -EINVAL;
}
