/* Which ciphers a context has: OpenSSL's cipher string, which OpenSSL itself applies to versions up
 * to TLS 1.2 only, and the same string applied to the suites of TLS 1.3. */
#include "io/tls_priv.h"

#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

/* --- TLS 1.3 --- */

enum { AES128 = 1, AES256 = 2, CHACHA = 4, CCM = 8, CCM8 = 16, N_SUITES = 5 };
enum { USUAL = AES128 | AES256 | CHACHA };

/* In the order in which a word that has several gives them: AES-128-GCM needs half the work of
 * AES-256 for the same practical strength. */
static const char *const suite_names[N_SUITES] = {
	"TLS_AES_128_GCM_SHA256",	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
	"TLS_AES_128_CCM_8_SHA256",
};

static const struct word {
	const char *name;
	unsigned suites;
	bool any; /* about key exchange or signatures: these suites do not say which */
} words[] = {
	{ "TLS_AES_128_GCM_SHA256", AES128 },
	{ "TLS_AES_256_GCM_SHA384", AES256 },
	{ "TLS_CHACHA20_POLY1305_SHA256", CHACHA },
	{ "TLS_AES_128_CCM_SHA256", CCM },
	{ "TLS_AES_128_CCM_8_SHA256", CCM8 },
	{ "TLSv1.3", USUAL },
	{ "ALL", USUAL },
	{ "DEFAULT", USUAL },
	{ "HIGH", USUAL },
	{ "AES", AES128 | AES256 },
	{ "AES128", AES128 },
	{ "AES256", AES256 },
	{ "AESGCM", AES128 | AES256 },
	{ "AESCCM", CCM | CCM8 },
	{ "AESCCM8", CCM8 },
	{ "CHACHA20", CHACHA },
	{ "ECDHE", USUAL, .any = true },
	{ "EECDH", USUAL, .any = true },
	{ "kECDHE", USUAL, .any = true },
	{ "kEECDH", USUAL, .any = true },
	{ "ECDH", USUAL, .any = true },
	{ "DHE", USUAL, .any = true },
	{ "EDH", USUAL, .any = true },
	{ "kDHE", USUAL, .any = true },
	{ "kEDH", USUAL, .any = true },
	{ "DH", USUAL, .any = true },
	{ "aRSA", USUAL, .any = true },
	{ "aECDSA", USUAL, .any = true },
	{ "ECDSA", USUAL, .any = true },
};

/* As much of the text as stands before one of `ends`; *rest is what follows that. */
static struct strv cut(struct strv *rest, const char *ends)
{
	size_t n = 0;
	struct strv part;

	while (n < rest->n && strchr(ends, rest->p[n]) == NULL)
		n++;
	part = strv_make(rest->p, n);
	*rest = strv_from_pos(*rest, MIN(n + 1, rest->n));
	return part;
}

/* "AESGCM+ECDHE": what has all of it. */
static unsigned match(struct strv term, bool adds)
{
	unsigned all = ~0u;

	while (term.n) {
		struct strv name = cut(&term, "+");
		unsigned suites = 0;
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (strv_is(name, words[i].name) && (adds || !words[i].any))
				suites = words[i].suites;
		all &= suites;
	}
	return all;
}

static bool is_about_13(struct strv term)
{
	while (term.n) {
		struct strv name = cut(&term, "+");
		if (strv_is(name, "TLSv1.3") || strv_starts(name, STRV("TLS_")))
			return true;
	}
	return false;
}

/* --- the string --- */

struct selection {
	struct buf list;  /* what is for OpenSSL */
	bool any_in_list; /* it has more than exclusions and commands */
	uint8_t order[N_SUITES];
	unsigned n, on, killed;
};

static void add_suites(struct selection *s, unsigned suites)
{
	for (uint8_t i = 0; i < N_SUITES; i++) {
		if (!(suites & 1u << i & ~s->killed & ~s->on))
			continue;
		s->order[s->n++] = i;
		s->on |= 1u << i;
	}
}

static void remove_suites(struct selection *s, unsigned suites)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (!(suites & 1u << s->order[i]))
			s->order[n++] = s->order[i];
	s->n = n;
	s->on &= ~suites;
}

static void take_term(struct selection *s, struct strv term)
{
	char sign = strchr("!-+@", term.p[0]) ? term.p[0] : '\0';
	struct strv name = sign ? strv_from_pos(term, 1) : term;
	unsigned suites = sign == '@' || name.n == 0 ? 0 : match(name, sign == '\0');

	if (!is_about_13(name)) {
		buf_putf(&s->list, "%s" STRV_FMT, s->list.n ? ":" : "", STRV_ARG(term));
		s->any_in_list |= sign == '\0';
	}
	if (sign == '\0') {
		add_suites(s, suites);
	} else if (sign == '!' || sign == '-') {
		remove_suites(s, suites);
		s->killed |= sign == '!' ? suites : 0;
	} else if (sign == '+') { /* those that are there go to the end */
		suites &= s->on;
		remove_suites(s, suites);
		add_suites(s, suites);
	}
}

static int set_suites(struct tls_ctx *c, const struct selection *s, struct buf *err)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);

	for (unsigned i = 0; i < s->n; i++)
		buf_putf(&b, "%s%s", i ? ":" : "", suite_names[s->order[i]]);
	if (SSL_CTX_set_ciphersuites(c->ssl, buf_cstr(&b)) != 1)
		return tls_fail(err, NULL, "the suites of TLS 1.3 cannot be used");
	if (s->n == 0)
		c->unserved |= 1u << TLS_V1_3;
	return 0;
}

/* What gives no secrecy, or proves nothing about the server, is never wanted here. */
static int set_list(struct tls_ctx *c, struct selection *s, struct buf *err)
{
	int ok;

	if (!s->any_in_list) /* only for the commands in it, such as @SECLEVEL */
		buf_putf(&s->list, "%sALL", s->list.n ? ":" : "");
	buf_putf(&s->list, ":!aNULL:!eNULL");
	ok = SSL_CTX_set_cipher_list(c->ssl, buf_cstr(&s->list));
	if (ok && s->any_in_list)
		return 0;
	if (s->n == 0) {
		ERR_clear_error();
		return tls_fail(err, NULL, "the string selects nothing");
	}
	if (!ok && ERR_GET_REASON(ERR_peek_error()) != SSL_R_NO_CIPHER_MATCH)
		return tls_fail(err, NULL, "the string cannot be read");
	c->unserved |= 1u << TLS_V1_0 | 1u << TLS_V1_1 | 1u << TLS_V1_2;
	ERR_clear_error();
	return 0;
}

int tls_set_ciphers(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	struct selection s = { .list = BUF_INIT(65536) };
	struct strv rest;
	int r = 0;

	if (conf->ciphers == NULL)
		return 0;
	rest = strv_from(conf->ciphers);
	if (rest.n > 16384)
		return tls_fail(err, NULL, "the string is too long");
	while (rest.n) {
		struct strv term = cut(&rest, ":, ;");
		if (term.n)
			take_term(&s, term);
	}
	if (s.list.n == 0 && s.n == 0)
		r = tls_fail(err, NULL, "the string selects nothing");
	r = r ? r : set_list(c, &s, err);
	r = r ? r : set_suites(c, &s, err);
	buf_free(&s.list);
	return r;
}

/* --- Diffie-Hellman --- */

static EVP_PKEY *read_params(const char *file)
{
	BIO *bio = BIO_new_file(file, "r");
	EVP_PKEY *params = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;

	BIO_free(bio);
	return params;
}

int tls_load_dh(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	EVP_PKEY *params;
	char what[128];
	int bits, r = 0;

	if (conf->dhfile == NULL) {
		SSL_CTX_set_dh_auto(c->ssl, 1);
		return 0;
	}
	params = read_params(conf->dhfile);
	if (params == NULL || EVP_PKEY_get_base_id(params) != EVP_PKEY_DH) {
		EVP_PKEY_free(params);
		return tls_fail(err, conf->dhfile, "no Diffie-Hellman parameters in PEM");
	}
	bits = EVP_PKEY_get_bits(params);
	if (bits < 1024)
		r = tls_fail(err, conf->dhfile,
			     "the parameters have fewer than 1024 bits");
	if (r == 0 && SSL_CTX_set0_tmp_dh_pkey(c->ssl, params) == 1)
		return 0; /* the context owns them now */
	EVP_PKEY_free(params);
	snprintf(what, sizeof(what),
		 "parameters of %d bits cannot be used at OpenSSL's security level %d",
		 bits, SSL_CTX_get_security_level(c->ssl));
	return r ? r : tls_fail(err, conf->dhfile, what);
}
