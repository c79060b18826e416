/* Which contexts shake hands with a certificate on their own: those with one certificate, of a kind that
 * nearly all have, who ask for none and staple nothing. What OpenSSL would agree to, by whatever it is
 * configured with, is found out by asking it. */
#include "io/tls_handshake_priv.h"
#include "io/tls_kdf.h"
#include "io/x25519.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { CERTIFICATE = 11 };
enum { ECDSA_SECP256R1_SHA256 = 0x0403, RSA_PSS_RSAE_SHA256 = 0x0804 };

static const struct kind {
	unsigned scheme;
	const char *name; /* OpenSSL's */
} kinds[] = {
	{ ECDSA_SECP256R1_SHA256, "ecdsa_secp256r1_sha256" },
	{ RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256" },
};

/* NULL: none that we know. */
static const struct kind *kind_of(EVP_PKEY *key)
{
	char group[32];
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA") && bits >= 2048 && bits <= 8 * TLS_SIGNATURE_MAX)
		return &kinds[1];
	if (EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	    strcmp(group, SN_X9_62_prime256v1) == 0)
		return &kinds[0];
	return NULL;
}

/* --- Certificate --- */

static unsigned char *put(unsigned char *to, size_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(v >> 8 * (n - 1 - i));
	return to + n;
}

/* Of the signature below a certificate (RFC 8446 4.2.3). 0: none of these. */
static unsigned scheme_below(const X509 *x)
{
	static const struct {
		int nid;
		unsigned scheme;
	} all[] = {
		{ NID_sha256WithRSAEncryption, 0x0401 },
		{ NID_sha384WithRSAEncryption, 0x0501 },
		{ NID_sha512WithRSAEncryption, 0x0601 },
		{ NID_ecdsa_with_SHA256, 0x0403 },
		{ NID_ecdsa_with_SHA384, 0x0503 },
		{ NID_ecdsa_with_SHA512, 0x0603 },
	};
	int nid = X509_get_signature_nid(x);

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].nid == nid)
			return all[i].scheme;
	return 0;
}

/* A CertificateEntry without extensions. False: there is no room, or its signature is one that not
 * every client is sure to want (RFC 8446 4.4.2.2). */
static bool put_entry(struct tls_shown *s, X509 *x)
{
	int n = i2d_X509(x, NULL);
	unsigned char *p;

	if (scheme_below(x) == 0 || n <= 0 ||
	    s->n + 3 + (size_t)n + 2 > TLS_CERTIFICATE_MAX)
		return false;
	p = put(s->message + s->n, (size_t)n, 3);
	i2d_X509(x, &p);
	p = put(p, 0, 2);
	s->n = (size_t)(p - s->message);
	return true;
}

static bool make_message(struct tls_shown *s, SSL_CTX *ctx)
{
	STACK_OF(X509) *chain = NULL;
	unsigned char *p;
	bool ok;

	s->message = mem_zalloc(TLS_CERTIFICATE_MAX);
	s->n = 4 + 1 + 3; /* its header, no context, the length of the list */
	s->below = scheme_below(SSL_CTX_get0_certificate(ctx));
	ok = put_entry(s, SSL_CTX_get0_certificate(ctx));
	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0; ok && i < sk_X509_num(chain); i++)
		ok = put_entry(s, sk_X509_value(chain, i));
	p = put(s->message, CERTIFICATE, 1);
	p = put(p, s->n - 4, 3);
	p = put(p, 0, 1);
	put(p, s->n - 8, 3);
	return ok;
}

/* --- CertificateVerify --- */

static bool set_padding(const struct tls_shown *s, EVP_PKEY_CTX *ctx)
{
	return s->scheme != RSA_PSS_RSAE_SHA256 ||
	       (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool make_signer(struct tls_shown *s, EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx;

	s->signer = EVP_MD_CTX_new();
	ASSERT(s->signer != NULL);
	return EVP_DigestSignInit_ex(s->signer, &ctx, "SHA256", NULL, NULL, key, NULL) ==
		       1 &&
	       set_padding(s, ctx);
}

/* RFC 8446 4.4.3. */
#define TITLE "TLS 1.3, server CertificateVerify" /* and a zero */
enum { N_SPACES = 64, TEXT_MAX = N_SPACES + sizeof(TITLE) + DIGEST_MAX_LEN };

static size_t put_text(struct strv hash, unsigned char to[TEXT_MAX])
{
	ASSERT(hash.n <= DIGEST_MAX_LEN);
	memset(to, ' ', N_SPACES);
	memcpy(to + N_SPACES, TITLE, sizeof(TITLE));
	memcpy(to + N_SPACES + sizeof(TITLE), hash.p, hash.n);
	return N_SPACES + sizeof(TITLE) + hash.n;
}

size_t tls_shown_sign(const struct tls_shown *s, struct strv hash,
		      unsigned char to[TLS_SIGNATURE_MAX])
{
	unsigned char text[TEXT_MAX];
	EVP_MD_CTX *signer = EVP_MD_CTX_new();
	size_t n = TLS_SIGNATURE_MAX, n_text = put_text(hash, text);
	bool ok;

	ASSERT(signer != NULL);
	ok = EVP_MD_CTX_copy_ex(signer, s->signer) == 1 &&
	     EVP_DigestSign(signer, to, &n, text, n_text) == 1;
	EVP_MD_CTX_free(signer);
	if (ok)
		return n;
	ERR_clear_error();
	return 0;
}

/* Keys may be those of other providers, which can do more or less: it is tried, once. */
static bool can_sign(const struct tls_shown *s, X509 *x)
{
	const struct strv hash = STRV("32 bytes, to be signed for a try");
	unsigned char text[TEXT_MAX], signature[TLS_SIGNATURE_MAX];
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	size_t n = tls_shown_sign(s, hash, signature), n_text = put_text(hash, text);
	EVP_PKEY_CTX *ctx;
	bool ok;

	ASSERT(m != NULL);
	ok = n > 0 &&
	     EVP_DigestVerifyInit_ex(m, &ctx, "SHA256", NULL, NULL, X509_get0_pubkey(x),
				     NULL) == 1 &&
	     set_padding(s, ctx) && EVP_DigestVerify(m, signature, n, text, n_text) == 1;
	EVP_MD_CTX_free(m);
	return ok;
}

/* --- what OpenSSL would agree to --- */

/* Where algorithms have to be of a kind (`fips=yes`), ours are not. */
static bool may_be_ours(void)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, TLS_KDF_PROPERTIES);
	bool ret = kdf && strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)),
				 "meerkat") == 0;

	EVP_KDF_free(kdf);
	return ret;
}

/* A client that knows no other group and no other signature. */
static bool agrees(SSL_CTX *ctx, const struct kind *kind)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	bool ret;

	ASSERT(client != NULL);
	SSL_CTX_set_security_level(client, 0);
	ret = SSL_CTX_set_min_proto_version(client, TLS1_3_VERSION) == 1 &&
	      SSL_CTX_set_max_proto_version(client, TLS1_3_VERSION) == 1 &&
	      SSL_CTX_set_ciphersuites(client, TLS_USUAL_SUITES) == 1 &&
	      SSL_CTX_set1_groups_list(client, "X25519") == 1 &&
	      SSL_CTX_set1_sigalgs_list(client, kind->name) == 1 &&
	      tls_can_agree(ctx, client);
	SSL_CTX_free(client);
	return ret;
}

static const struct tls_suite *own_suite(const SSL_CIPHER *cipher)
{
	for (size_t i = 0; i < TLS_OWN_SUITES; i++)
		if (SSL_CIPHER_get_protocol_id(cipher) == tls_own_suites[i].number)
			return &tls_own_suites[i];
	return NULL;
}

/* Those that stand before all that are not ours: TLS 1.3's come first. */
static void find_suites(struct tls_shown *s, SSL_CTX *ctx)
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const struct tls_suite *suite = own_suite(sk_SSL_CIPHER_value(all, i));
		if (suite == NULL || s->n_suites == TLS_OWN_SUITES)
			break;
		if (tls_aead_is_there(suite->aead))
			s->suites[s->n_suites++] = suite;
	}
}

/* --- at start --- */

static void free_shown(struct tls_shown *s)
{
	EVP_MD_CTX_free(s->signer);
	mem_free(s->message);
	mem_free(s);
}

/* NULL: it is OpenSSL's. */
static struct tls_shown *make_shown(SSL_CTX *ctx)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(ctx);
	const struct kind *kind = kind_of(key);
	struct tls_shown *s;

	if (kind == NULL ||
	    !(X509_get_key_usage(SSL_CTX_get0_certificate(ctx)) & KU_DIGITAL_SIGNATURE))
		return NULL;
	s = MEM_NEW(struct tls_shown);
	s->scheme = kind->scheme;
	if (make_message(s, ctx) && make_signer(s, key) &&
	    can_sign(s, SSL_CTX_get0_certificate(ctx)) && agrees(ctx, kind))
		find_suites(s, ctx);
	if (s->n_suites)
		return s;
	free_shown(s);
	return NULL;
}

static bool is_plain(const struct tls_ctx *c)
{
	uint64_t options = SSL_CTX_get_options(c->ssl);

	return c->own_records && c->n_certs == 1 && c->trust.verify == TLS_VERIFY_NONE &&
	       c->ocsp.n == 0 && options & SSL_OP_CIPHER_SERVER_PREFERENCE &&
	       !(options & (SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TLSv1_3));
}

/* One of the steps: this one cannot fail. */
int tls_shown_init(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	AUTO(buf_free) struct buf why = BUF_INIT(256);

	if (is_plain(c) && may_be_ours() && x25519_init(&why) == 0)
		c->shown = make_shown(c->ssl);
	ERR_clear_error();
	return 0;
}

void tls_shown_fini(struct tls_ctx *c)
{
	if (c->shown)
		free_shown(c->shown);
}
