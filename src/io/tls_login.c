/* What logins ask about a handshake, taken out of the SSL object. */
#include "io/tls_keys.h"
#include "io/tls_ssl.h"

#include <openssl/err.h>

static size_t exporter(const struct tls_ssl *t, unsigned char *to)
{
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 */
	size_t n = t->secrets.n[TLS_SECRET_EXPORTER];
	SSL *ssl = t->ssl;
	int ok;

	if (SSL_version(ssl) != TLS1_3_VERSION)
		return 0;
	if (n) {
		tls_make_exporter(tls_hash_of_len(n),
				  t->secrets.secret[TLS_SECRET_EXPORTER], to);
		return TLS_EXPORTER_LEN;
	}
	ok = SSL_export_keying_material(ssl, to, TLS_EXPORTER_LEN, label,
					sizeof(label) - 1, NULL, 0, 0);
	ERR_clear_error();
	return ok == 1 ? TLS_EXPORTER_LEN : 0;
}

/* RFC 5929 3: the first Finished of the handshake; the client's, unless it was resumed. Without
 * the extended master secret it binds nothing (RFC 7627). */
static size_t unique(SSL *ssl, unsigned char *to)
{
	size_t n;

	if (SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1)
		return 0;
	n = SSL_session_reused(ssl) ? SSL_get_finished(ssl, to, TLS_CB_MAX)
				    : SSL_get_peer_finished(ssl, to, TLS_CB_MAX);
	return MIN(n, (size_t)TLS_CB_MAX);
}

/* A session that is resumed has no certificate of ours in its handshake. */
static size_t end_point(const struct tls_ctx *ctx, SSL *ssl, unsigned char *to)
{
	const struct tls_cert *cert = tls_cert_sent(ctx, ssl);

	if (SSL_session_reused(ssl) || cert == NULL)
		return 0;
	memcpy(to, cert->end_point, cert->n_end_point);
	return cert->n_end_point;
}

struct tls_login *tls_login_new(const struct tls_ssl *t)
{
	struct tls_login *l = MEM_NEW(struct tls_login);
	const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
	size_t n[] = {
		[TLS_CB_EXPORTER] = exporter(t, l->binding[TLS_CB_EXPORTER].data),
		[TLS_CB_SERVER_END_POINT] =
			end_point(t->ctx, t->ssl,
				  l->binding[TLS_CB_SERVER_END_POINT].data),
		[TLS_CB_UNIQUE] = unique(t->ssl, l->binding[TLS_CB_UNIQUE].data),
	};

	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		l->binding[i].n = (uint8_t)n[i];
	l->cert = t->peer.verified ? SSL_get1_peer_certificate(t->ssl) : NULL;
	l->error = t->peer.error;
	l->sni = sni ? mem_strdup(sni) : NULL;
	return l;
}

static void bind(struct tls_login *l, enum tls_cb_kind kind, const unsigned char *data,
		 size_t n)
{
	memcpy(l->binding[kind].data, data, n);
	l->binding[kind].n = (uint8_t)n;
}

struct tls_login *tls_login_own(enum digest_alg hash, const unsigned char *exporter,
				struct strv sni, const struct tls_cert *shown)
{
	struct tls_login *l = MEM_NEW(struct tls_login);
	unsigned char data[TLS_EXPORTER_LEN];

	tls_make_exporter(hash, exporter, data);
	bind(l, TLS_CB_EXPORTER, data, sizeof(data));
	mem_wipe(data, sizeof(data));
	if (shown)
		bind(l, TLS_CB_SERVER_END_POINT, shown->end_point, shown->n_end_point);
	l->error = X509_V_OK;
	l->sni = sni.p ? strv_dup(sni) : NULL;
	return l;
}

void tls_login_free(struct tls_login **pl)
{
	struct tls_login *l = *pl;

	*pl = NULL;
	if (l == NULL)
		return;
	X509_free(l->cert);
	mem_free(l->sni);
	mem_wipe(l->binding, sizeof(l->binding));
	mem_free(l);
}
