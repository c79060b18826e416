/* OpenSSL makes a key pair in 40 us, where a third would do (base/x25519.h). Keys are what OpenSSL's own
 * provider takes for keys, and all that is done with them it does: our tables are copies of its own, but
 * for what makes a pair. */
#include "io/tls_x25519.h"
#include "base/x25519.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

static OSSL_PROVIDER *theirs;

static OSSL_FUNC_keymgmt_new_fn *new_key;
static OSSL_FUNC_keymgmt_free_fn *free_key;
static OSSL_FUNC_keymgmt_import_fn *import_key;

/* --- making a pair --- */

struct gen {
	void *provider;
	int selection;
};

static int gen_set(void *ctx, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);

	return p == NULL || (p->data_type == OSSL_PARAM_UTF8_STRING &&
			     strcasecmp(p->data, "x25519") == 0);
}

static const OSSL_PARAM *gen_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_END,
	};

	return params;
}

static void *gen_init(void *provider, int selection, const OSSL_PARAM params[])
{
	struct gen *g;

	if (!gen_set(NULL, params))
		return NULL;
	g = MEM_NEW(struct gen);
	*g = (struct gen){ provider, selection };
	return g;
}

static int fill(void *key)
{
	unsigned char secret[X25519_LEN], public[X25519_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, X25519_LEN),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, secret, X25519_LEN),
		OSSL_PARAM_END,
	};
	int ok = RAND_priv_bytes(secret, X25519_LEN) == 1;

	if (ok) {
		x25519_clamp(secret);
		x25519_public(secret, public);
		ok = import_key(key, OSSL_KEYMGMT_SELECT_KEYPAIR, params);
	}
	mem_wipe(secret, sizeof(secret));
	return ok;
}

/* Where parameters alone are wanted, an empty key. */
static void *gen(void *ctx, OSSL_CALLBACK *cb, void *arg)
{
	struct gen *g = ctx;
	void *key = new_key(g->provider);

	if (key && g->selection & OSSL_KEYMGMT_SELECT_KEYPAIR && !fill(key)) {
		free_key(key);
		return NULL;
	}
	return key;
}

static void gen_cleanup(void *ctx)
{
	mem_free(ctx);
}

/* --- the tables --- */

enum { FUNCTIONS_MAX = 40 };

static OSSL_DISPATCH functions[FUNCTIONS_MAX + 1];
static OSSL_ALGORITHM keys[2], exchanges[2];

static const OSSL_DISPATCH replaced[] = {
	{ OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init },
	{ OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))gen_set },
	{ OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, (void (*)(void))gen_settable },
	{ OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))gen },
	{ OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))gen_cleanup },
};

static bool is_x25519(const char *names)
{
	return strncmp(names, "X25519", 6) == 0 && (names[6] == '\0' || names[6] == ':');
}

/* Ours has the same names, and another property. */
static bool find(int operation, OSSL_ALGORITHM to[2])
{
	int no_store;
	const OSSL_ALGORITHM *a =
		OSSL_PROVIDER_query_operation(theirs, operation, &no_store);

	while (a && a->algorithm_names && !is_x25519(a->algorithm_names))
		a++;
	if (a == NULL || a->algorithm_names == NULL)
		return false;
	to[0] = *a;
	to[0].property_definition = "provider=meerkat";
	return true;
}

static void (*function(int id))(void)
{
	for (const OSSL_DISPATCH *d = keys[0].implementation; d->function_id; d++)
		if (d->function_id == id)
			return d->function;
	return NULL;
}

static bool replace(const OSSL_DISPATCH *from)
{
	size_t n = 0;

	for (; from->function_id && n < FUNCTIONS_MAX; from++, n++) {
		functions[n] = *from;
		for (size_t i = 0; i < ARRAY_LEN(replaced); i++)
			if (replaced[i].function_id == from->function_id)
				functions[n].function = replaced[i].function;
	}
	return from->function_id == 0;
}

static bool find_tables(void)
{
	if (!find(OSSL_OP_KEYMGMT, keys) || !find(OSSL_OP_KEYEXCH, exchanges))
		return false;
	new_key = (OSSL_FUNC_keymgmt_new_fn *)function(OSSL_FUNC_KEYMGMT_NEW);
	free_key = (OSSL_FUNC_keymgmt_free_fn *)function(OSSL_FUNC_KEYMGMT_FREE);
	import_key = (OSSL_FUNC_keymgmt_import_fn *)function(OSSL_FUNC_KEYMGMT_IMPORT);
	for (size_t i = 0; i < ARRAY_LEN(replaced); i++)
		if (function(replaced[i].function_id) == NULL)
			return false;
	if (!new_key || !free_key || !import_key || !replace(keys[0].implementation))
		return false;
	keys[0].implementation = functions;
	return true;
}

/* --- for the provider --- */

void tls_x25519_init(void)
{
	if (!HAS_X25519 || OSSL_PROVIDER_available(NULL, "default") != 1)
		return;
	theirs = OSSL_PROVIDER_try_load(NULL, "default", 1);
	if (theirs && !find_tables())
		tls_x25519_fini();
}

void tls_x25519_fini(void)
{
	OSSL_PROVIDER *p = theirs;

	theirs = NULL;
	if (p)
		OSSL_PROVIDER_unload(p);
}

void *tls_x25519_provider(void)
{
	return theirs ? OSSL_PROVIDER_get0_provider_ctx(theirs) : NULL;
}

const OSSL_ALGORITHM *tls_x25519_query(int operation)
{
	if (theirs == NULL)
		return NULL;
	return operation == OSSL_OP_KEYMGMT   ? keys
	       : operation == OSSL_OP_KEYEXCH ? exchanges
					      : NULL;
}

struct filter {
	OSSL_CALLBACK *cb;
	void *arg;
};

static int pass(const OSSL_PARAM params[], void *arg)
{
	const struct filter *f = arg;
	const OSSL_PARAM *p =
		OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);

	if (p == NULL || p->data_type != OSSL_PARAM_UTF8_STRING || !is_x25519(p->data))
		return 1;
	return f->cb(params, f->arg);
}

/* A group counts for libssl as that provider's which has its keys. */
int tls_x25519_capabilities(void *provider, const char *what, OSSL_CALLBACK *cb,
			    void *arg)
{
	struct filter f = { cb, arg };

	if (theirs == NULL || strcasecmp(what, "TLS-GROUP") != 0)
		return 1;
	return OSSL_PROVIDER_get_capabilities(theirs, what, pass, &f);
}
