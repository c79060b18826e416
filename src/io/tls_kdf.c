/* A provider for OpenSSL with one algorithm. What OpenSSL has for it finds by name, allocates and frees
 * several contexts for each of the twenty secrets of a handshake, which is a sixth of the whole; this
 * is HMAC and nothing else. And the secrets that the record layer goes on with pass here: otherwise
 * they could be had only as lines of text for a key log. */
#include "io/tls_kdf.h"
#include "io/tls_keys.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <strings.h>

static _Thread_local struct tls_secrets *collected;

void tls_kdf_collect(struct tls_secrets *to)
{
	collected = to;
}

static void collect(struct strv label, const unsigned char *secret, size_t n)
{
	static const char *const labels[TLS_N_SECRETS] = {
		[TLS_SECRET_CLIENT] = "c ap traffic",
		[TLS_SECRET_SERVER] = "s ap traffic",
		[TLS_SECRET_RESUMPTION] = "res master",
		[TLS_SECRET_EXPORTER] = "exp master",
	};

	for (size_t i = 0; collected && i < ARRAY_LEN(labels); i++) {
		if (!strv_is(label, labels[i]) || n > TLS_SECRET_MAX)
			continue;
		memcpy(collected->secret[i], secret, n);
		collected->n[i] = (uint8_t)n;
	}
}

/* --- a request --- */

struct request {
	int mode;
	enum digest_alg alg; /* DIGEST_MAX: not said */
	struct strv key, salt, prefix, label, data;
};

static enum digest_alg find_digest(const OSSL_PARAM *p)
{
	static const struct {
		const char *name;
		enum digest_alg alg;
	} names[] = {
		{ "SHA2-256", DIGEST_SHA256 },
		{ "SHA2-384", DIGEST_SHA384 },
		{ "SHA256", DIGEST_SHA256 },
		{ "SHA384", DIGEST_SHA384 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (p->data_type == OSSL_PARAM_UTF8_STRING &&
		    strcasecmp(p->data, names[i].name) == 0)
			return names[i].alg;
	return DIGEST_MAX;
}

/* NULL: nothing that we want. No two of the names begin alike, and this is looked up a hundred times a
 * handshake. */
static struct strv *find_text(struct request *q, const char *name)
{
	static const struct {
		const char *name;
		size_t at;
	} texts[] = {
		['k' - 'a'] = { OSSL_KDF_PARAM_KEY, offsetof(struct request, key) },
		['s' - 'a'] = { OSSL_KDF_PARAM_SALT, offsetof(struct request, salt) },
		['p' - 'a'] = { OSSL_KDF_PARAM_PREFIX, offsetof(struct request, prefix) },
		['l' - 'a'] = { OSSL_KDF_PARAM_LABEL, offsetof(struct request, label) },
		['d' - 'a'] = { OSSL_KDF_PARAM_DATA, offsetof(struct request, data) },
	};
	size_t i = (size_t)name[0] - 'a';

	if (i >= ARRAY_LEN(texts) || texts[i].name == NULL ||
	    strcmp(texts[i].name, name) != 0)
		return NULL;
	return (struct strv *)((char *)q + texts[i].at);
}

static void read_request(const OSSL_PARAM *p, struct request *q)
{
	*q = (struct request){ .mode = -1, .alg = DIGEST_MAX };
	for (; p && p->key; p++) {
		struct strv *to = find_text(q, p->key);

		if (to && p->data_type == OSSL_PARAM_OCTET_STRING)
			*to = strv_make(p->data, p->data_size);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
			q->alg = find_digest(p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0 &&
			 OSSL_PARAM_get_int(p, &q->mode) != 1)
			q->mode = -1;
	}
}

/* --- secrets --- */

/* HKDF-Expand-Label and Derive-Secret: the context is whatever hash OpenSSL has made. */
static int expand(const struct request *q, unsigned char *to, size_t n)
{
	size_t len = digest_len(q->alg);

	if (q->key.n != len || n == 0 || n > len)
		return 0;
	tls_expand_label_with(q->alg, (const unsigned char *)q->key.p, q->label, q->data,
			      to, n);
	collect(q->label, to, n);
	return 1;
}

/* HKDF-Extract: OpenSSL gives the secret that came before, with the label of what it derives. */
static int extract(const struct request *q, unsigned char *to, size_t n)
{
	size_t len = digest_len(q->alg);
	struct digest_key salt;

	if (n != len ||
	    (q->salt.p && (q->salt.n != len || !strv_is(q->label, "derived"))))
		return 0;
	if (q->salt.p)
		tls_secret_key(&salt, q->alg, (const unsigned char *)q->salt.p);
	tls_next_secret(q->alg, q->salt.p ? &salt : NULL, q->key, to);
	mem_wipe(&salt, sizeof(salt));
	return 1;
}

static int derive(void *ctx, unsigned char *to, size_t n, const OSSL_PARAM params[])
{
	struct request q;

	read_request(params, &q);
	if (q.alg == DIGEST_MAX || !strv_is(q.prefix, "tls13 ") ||
	    q.label.n > TLS_LABEL_MAX || q.data.n > DIGEST_MAX_LEN)
		return 0;
	return q.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY	  ? expand(&q, to, n)
	       : q.mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? extract(&q, to, n)
							  : 0;
}

/* --- the provider --- */

/* All that is asked for comes with derive(): there is nothing to keep. */
static void *new_context(void *provider)
{
	static char none;

	return &none;
}

static void free_context(void *ctx)
{
}

static const OSSL_DISPATCH kdf[] = {
	{ OSSL_FUNC_KDF_NEWCTX, (void (*)(void))new_context },
	{ OSSL_FUNC_KDF_FREECTX, (void (*)(void))free_context },
	{ OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive },
	{ 0, NULL },
};

static const OSSL_ALGORITHM kdfs[] = {
	{ OSSL_KDF_NAME_TLS1_3_KDF, "provider=meerkat", kdf, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_store)
{
	*no_store = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ 0, NULL },
};

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		 const OSSL_DISPATCH **ret, void **ret_provider)
{
	static char none;

	*ret = provider_functions;
	*ret_provider = &none;
	return 1;
}

static OSSL_PROVIDER *loaded;

static void unload(void)
{
	OSSL_PROVIDER_unload(loaded);
}

static void init(void)
{
	int ok = OSSL_PROVIDER_add_builtin(NULL, "meerkat", start);

	ASSERT(ok == 1);
	/* 1: beside those that OpenSSL has or is configured to have */
	loaded = OSSL_PROVIDER_try_load(NULL, "meerkat", 1);
	ok = OPENSSL_atexit(unload);
	ASSERT(loaded != NULL && ok == 1);
}

void tls_kdf_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
}
