/* What a section of the configuration says, checked and read. */
#include "tls/anchors.h"
#include "tls/client_priv.h"
#include "tls/pem.h"
#include "tls/wipe.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { CIPHERS_MAX = 4096 };

/* What of it cannot be used, and why: a file or NULL, what we say, and what OpenSSL says. */
struct refusal {
	const char *option;
	struct buf *err;
};

static int refuse(struct refusal *no, const char *option, const char *file,
		  const char *text)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	no->option = option;
	buf_putf(no->err, "%.1000s%s%s%s%s", file ? file : "", file ? ": " : "", text,
		 reason ? ": " : "", reason ? reason : "");
	return -EINVAL;
}

/* --- ciphers --- */

/* OpenSSL has two lists: the names of TLS 1.3's suites, which alone begin with TLS_, go to the
 * second. */
static void split_ciphers(const char *ciphers, struct buf *list, struct buf *suites)
{
	struct strv rest = strv_from(ciphers);

	while (rest.n) {
		size_t n = 0;
		while (n < rest.n && !strchr(":, ", rest.p[n]))
			n++;
		struct strv word = strv_make(rest.p, n);
		struct buf *b = strv_starts(word, STRV("TLS_")) ? suites : list;
		buf_putf(b, "%s" STRV_FMT, b->n && n ? ":" : "", STRV_ARG(word));
		rest = strv_from_pos(rest, MIN(n + 1, rest.n));
	}
}

static bool read_ciphers(struct tls_client *t, const char *ciphers)
{
	AUTO(buf_free) struct buf list = BUF_INIT(2 * CIPHERS_MAX);
	AUTO(buf_free) struct buf suites = BUF_INIT(2 * CIPHERS_MAX);

	if (strlen(ciphers) > CIPHERS_MAX)
		return false;
	split_ciphers(ciphers, &list, &suites);
	t->list = list.n ? mem_strdup(buf_cstr(&list)) : NULL;
	t->suites = suites.n ? mem_strdup(buf_cstr(&suites)) : NULL;
	return (t->list || t->suites) &&
	       (!t->list || SSL_CTX_set_cipher_list(t->ctx, t->list)) &&
	       (!t->suites || SSL_CTX_set_ciphersuites(t->ctx, t->suites));
}

/* What of the two lists could never be used would be ignored. */
static int add_ciphers(struct tls_client *t, const struct tls_client_options *from,
		       struct refusal *no)
{
	const unsigned v13 = 1u << (TLS1_3_VERSION - TLS1_VERSION);

	if (!from->ciphers)
		return 0;
	if (!read_ciphers(t, from->ciphers))
		return refuse(no, "ciphers", NULL, "OpenSSL does not know them");
	if (from->versions == v13 && !t->suites)
		return refuse(
			no, "ciphers", NULL,
			"none of them is of TLS 1.3 (\"TLS_...\"), and versions has "
			"no other");
	if (!(from->versions & v13) && !t->list)
		return refuse(no, "ciphers", NULL,
			      "they are of TLS 1.3, which versions does not have");
	return 0;
}

/* --- versions --- */

static int add_versions(SSL_CTX *ctx, const struct tls_client_options *from,
			struct refusal *no)
{
	static const uint64_t without[] = { SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1,
					    SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3 };
	int min = 0, max = 0;

	ASSERT(from->versions != 0);
	for (int i = 0; i < (int)ARRAY_LEN(without); i++) {
		if (from->versions & 1u << i) {
			min = min ? min : TLS1_VERSION + i;
			max = TLS1_VERSION + i;
			SSL_CTX_clear_options(ctx, without[i]);
		} else {
			SSL_CTX_set_options(ctx, without[i]);
		}
	}
	/* OpenSSL 3 takes their signatures for too weak at any other level. */
	if (min < TLS1_2_VERSION && SSL_CTX_get_security_level(ctx) > 0)
		return refuse(no, "versions", NULL,
			      "TLS 1.0 and 1.1 need \"@SECLEVEL=0\" in ciphers");
	/* Instead of what the system's configuration of OpenSSL says. */
	if (SSL_CTX_set_min_proto_version(ctx, min) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, max) != 1)
		return refuse(no, "versions", NULL, "OpenSSL does not speak them");
	return 0;
}

/* --- certificates --- */

/* A certificate of `cacertfile` is trusted itself, too, whoever has signed it. */
static int add_trust(SSL_CTX *ctx, const struct tls_client_options *from,
		     struct refusal *no)
{
	if (from->verify == TLS_CLIENT_NONE)
		return 0;
	if (from->cacertfile && SSL_CTX_load_verify_file(ctx, from->cacertfile) != 1)
		return refuse(no, "cacertfile", from->cacertfile,
			      "no certificate in PEM can be read");
	if (!from->cacertfile && !tls_add_system_anchors(SSL_CTX_get_cert_store(ctx)))
		return refuse(no, "", NULL, "the system's store cannot be read");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return 0;
}

static int add_key(SSL_CTX *ctx, const struct tls_client_options *from,
		   struct refusal *no)
{
	const char *file = from->keyfile ? from->keyfile : from->certfile, *why;
	enum tls_pem_key got = tls_pem_use_key(ctx, file, from->password, &why);

	if (got == TLS_PEM_OK)
		return 0;
	return refuse(no, got == TLS_PEM_WRONG_PASSWORD ? "password" : "keyfile", file,
		      why);
}

static int add_certificate(SSL_CTX *ctx, const struct tls_client_options *from,
			   struct refusal *no)
{
	const char *why;

	if (!from->certfile && from->keyfile)
		return refuse(no, "keyfile", NULL,
			      "keyfile needs certfile, which is missing");
	if (!from->certfile && from->password)
		return refuse(
			no, "password", NULL,
			"there is no key that it could be for: certfile is missing");
	if (!from->certfile)
		return 0;
	why = tls_pem_use_chain(ctx, from->certfile);
	return why ? refuse(no, "certfile", from->certfile, why) : add_key(ctx, from, no);
}

/* --- the whole --- */

static int fill(struct tls_client *t, const struct tls_client_options *from,
		struct refusal *no)
{
	int r;

	if (from->name && from->no_sni)
		return refuse(
			no, "server_name_indication.host", NULL,
			"with enabled = false no name is sent, and none is compared");
	r = add_ciphers(t, from, no);
	r = r ? r : add_versions(t->ctx, from, no);
	r = r ? r : add_trust(t->ctx, from, no);
	return r ? r : add_certificate(t->ctx, from, no);
}

static struct tls_client *make_empty(void)
{
	struct tls_client *t = MEM_NEW(struct tls_client);

	t->ctx = SSL_CTX_new(TLS_client_method());
	ASSERT(t->ctx != NULL);
	ERR_clear_error();
	return t;
}

int tls_client_new(const struct tls_client_options *from, struct tls_client **ret,
		   const char **ret_option, struct buf *err)
{
	struct refusal no = { .err = err };
	struct tls_client *t = make_empty();
	int r = fill(t, from, &no);

	ERR_clear_error();
	if (r < 0) {
		tls_client_free(&t);
		*ret_option = no.option;
		return r;
	}
	t->name = from->name ? mem_strdup(from->name) : NULL;
	t->checks_name = from->verify == TLS_CLIENT_FULL;
	t->sends_name = !from->no_sni;
	t->name_flags = from->no_globs ? X509_CHECK_FLAG_NO_WILDCARDS
				       : X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	*ret = t;
	return 0;
}

void tls_client_free(struct tls_client **p)
{
	struct tls_client *t = *p;
	bool wiped;

	*p = NULL;
	if (t == NULL)
		return;
	wiped = tls_wipe_begin(); /* the key may go with it */
	SSL_CTX_free(t->ctx);
	tls_wipe_end(wiped);
	mem_free(t->list);
	mem_free(t->suites);
	mem_free(t->name);
	mem_free(t);
}

bool tls_client_takes_ciphers(const char *ciphers)
{
	struct tls_client *t = make_empty();
	bool ok = read_ciphers(t, ciphers);

	tls_client_free(&t);
	ERR_clear_error();
	return ok;
}
