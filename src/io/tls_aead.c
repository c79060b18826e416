#include "io/tls_aead.h"
#include "tls/provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

/* Those who seal and open now and then share a context for each direction, which is given their key
 * each time: that is half of the work. Busy ones have one of their own; which it is, the key tells,
 * which is random. */
enum { N_SLOTS = 512, BUSY = 16 };

struct slot {
	void *ctx; /* the provider's; NULL: nobody has been busy here */
	unsigned char key[TLS_KEY_MAX];
	uint8_t aead;
	bool seals;
	bool taken;   /* the key is somebody's */
	bool keyed;   /* ... and `ctx` has it */
	uint8_t uses; /* of this key, less those of others that would have had the slot */
};

struct contexts {
	struct slot shared[2];
	struct slot slot[N_SLOTS];
};

static const struct {
	const char *name;
	size_t key_len;
} aeads[TLS_AEAD_MAX] = {
	[TLS_AES_128_GCM] = { "AES-128-GCM", 16 },
	[TLS_AES_256_GCM] = { "AES-256-GCM", 32 },
	[TLS_CHACHA20_POLY1305] = { "ChaCha20-Poly1305", 32 },
};

/* What libcrypto has of each. */
static struct cipher {
	EVP_CIPHER *fetched; /* keeps the provider; NULL: not to be used */
	void *provider;
	OSSL_FUNC_cipher_newctx_fn *new;
	OSSL_FUNC_cipher_freectx_fn *free; /* wipes what has been expanded */
	OSSL_FUNC_cipher_encrypt_init_fn *seal;
	OSSL_FUNC_cipher_decrypt_init_fn *open;
	OSSL_FUNC_cipher_update_fn *update;
	OSSL_FUNC_cipher_final_fn *final;
	OSSL_FUNC_cipher_get_ctx_params_fn *get;
	OSSL_FUNC_cipher_set_ctx_params_fn *set;
} ciphers[TLS_AEAD_MAX];

static pthread_key_t contexts_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct contexts *contexts;

size_t tls_aead_key_len(enum tls_aead aead)
{
	return aeads[aead].key_len;
}

/* --- at start --- */

static void find_functions(struct cipher *c, const OSSL_DISPATCH *d)
{
	for (; d && d->function_id; d++) {
		if (d->function_id == OSSL_FUNC_CIPHER_NEWCTX)
			c->new = OSSL_FUNC_cipher_newctx(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_FREECTX)
			c->free = OSSL_FUNC_cipher_freectx(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_ENCRYPT_INIT)
			c->seal = OSSL_FUNC_cipher_encrypt_init(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_DECRYPT_INIT)
			c->open = OSSL_FUNC_cipher_decrypt_init(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_UPDATE)
			c->update = OSSL_FUNC_cipher_update(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_FINAL)
			c->final = OSSL_FUNC_cipher_final(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_GET_CTX_PARAMS)
			c->get = OSSL_FUNC_cipher_get_ctx_params(d);
		else if (d->function_id == OSSL_FUNC_CIPHER_SET_CTX_PARAMS)
			c->set = OSSL_FUNC_cipher_set_ctx_params(d);
	}
}

static bool has_all(const struct cipher *c)
{
	return c->new && c->free && c->seal && c->open && c->update && c->final &&
	       c->get && c->set;
}

static void find_cipher(struct cipher *c, const char *name)
{
	const OSSL_PROVIDER *provider;

	c->fetched = EVP_CIPHER_fetch(NULL, name, NULL);
	ERR_clear_error();
	if (c->fetched == NULL)
		return;
	provider = EVP_CIPHER_get0_provider(c->fetched);
	c->provider = OSSL_PROVIDER_get0_provider_ctx(provider);
	find_functions(c, provider_find(provider, OSSL_OP_CIPHER, name));
	if (has_all(c))
		return;
	EVP_CIPHER_free(c->fetched);
	c->fetched = NULL;
}

/* --- contexts --- */

static void free_context(struct slot *s)
{
	if (s->ctx)
		ciphers[s->aead].free(s->ctx);
	s->ctx = NULL;
	s->keyed = false;
}

static void free_contexts(void *arg)
{
	struct contexts *c = arg;

	for (size_t i = 0; i < N_SLOTS; i++)
		free_context(&c->slot[i]);
	for (size_t i = 0; i < ARRAY_LEN(c->shared); i++)
		free_context(&c->shared[i]);
	mem_wipe(c, sizeof(*c));
	mem_free(c);
	contexts = NULL;
}

static void set_up(void)
{
	int r = pthread_key_create(&contexts_key, free_contexts);

	ASSERT(r == 0);
	for (size_t i = 0; i < TLS_AEAD_MAX; i++)
		find_cipher(&ciphers[i], aeads[i].name);
}

bool tls_aead_is_there(enum tls_aead aead)
{
	pthread_once(&once, set_up);
	return ciphers[aead].fetched != NULL;
}

static void make_contexts(void)
{
	int r;

	pthread_once(&once, set_up);
	contexts = MEM_NEW(struct contexts);
	r = pthread_setspecific(contexts_key, contexts); /* freed at the thread's end */
	ASSERT(r == 0);
}

static struct slot *slot_of(const unsigned char *key, bool seals)
{
	return &contexts->slot[key[0] | (size_t)((key[1] & 1) ^ seals) << 8];
}

static bool fits(const struct slot *s, enum tls_aead aead, const unsigned char *key,
		 bool seals)
{
	return s->taken && s->aead == aead && s->seals == seals &&
	       mem_equal_ct(s->key, key, aeads[aead].key_len);
}

static void take(struct slot *s, enum tls_aead aead, const unsigned char *key, bool seals)
{
	if (s->aead != aead)
		free_context(s);
	mem_wipe(s->key, sizeof(s->key)); /* the last one may have been longer */
	memcpy(s->key, key, aeads[aead].key_len);
	s->aead = (uint8_t)aead;
	s->seals = seals;
	s->taken = true;
	s->keyed = false;
	s->uses = 1;
}

/* One that is, or has just become, the key's own, or the one that is shared. */
static struct slot *find(enum tls_aead aead, const unsigned char *key, bool seals)
{
	struct slot *s = slot_of(key, seals), *shared = &contexts->shared[seals];

	if (fits(s, aead, key, seals)) {
		s->uses = (uint8_t)MIN(s->uses + 1, UINT8_MAX);
		if (s->ctx || s->uses >= BUSY)
			return s;
	} else if (s->uses == 0) {
		take(s, aead, key, seals);
	} else {
		s->uses--;
	}
	if (!fits(shared, aead, key, seals))
		take(shared, aead, key, seals);
	return shared;
}

/* With this key and nonce. */
static void *context(enum tls_aead aead, const unsigned char *key,
		     const unsigned char *nonce, bool seals)
{
	const struct cipher *c = &ciphers[aead];
	size_t n = aeads[aead].key_len;
	struct slot *s;
	int ok;

	if (contexts == NULL)
		make_contexts();
	ASSERT(c->fetched != NULL);
	s = find(aead, key, seals);
	if (s->ctx == NULL)
		s->ctx = c->new (c->provider);
	ASSERT(s->ctx != NULL);
	ok = (seals ? c->seal : c->open)(s->ctx, s->keyed ? NULL : key, s->keyed ? 0 : n,
					 nonce, TLS_NONCE_LEN, NULL);
	ASSERT(ok == 1);
	s->keyed = true;
	return s->ctx;
}

static void forget(struct slot *s)
{
	free_context(s);
	mem_wipe(s->key, sizeof(s->key));
	s->taken = false;
	s->uses = 0;
}

void tls_aead_forget(enum tls_aead aead, const unsigned char *key)
{
	for (int seals = 0; contexts && seals < 2; seals++) {
		struct slot *all[] = { slot_of(key, seals), &contexts->shared[seals] };

		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			if (fits(all[i], aead, key, seals))
				forget(all[i]);
	}
}

/* --- sealing and opening: libcrypto has no reason to fail but a tag that is wrong --- */

/* `to` is NULL for what is not encrypted. */
static bool add(const struct cipher *c, void *ctx, unsigned char *to, const void *p,
		size_t n)
{
	size_t len;

	return c->update(ctx, to, &len, n, p, n) == 1;
}

static OSSL_PARAM of_tag(const unsigned char *tag)
{
	return OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, (void *)tag,
						 TLS_TAG_LEN);
}

void tls_aead_seal(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   struct strv text, struct strv more, unsigned char *to)
{
	const struct cipher *c = &ciphers[aead];
	void *ctx = context(aead, key, nonce, true);
	unsigned char *tag = to + text.n + more.n;
	OSSL_PARAM get[] = { of_tag(tag), OSSL_PARAM_construct_end() };
	size_t len;
	bool ok;

	ok = add(c, ctx, NULL, ad.p, ad.n) && add(c, ctx, to, text.p, text.n) &&
	     (more.n == 0 || add(c, ctx, to + text.n, more.p, more.n)) &&
	     c->final(ctx, tag, &len, TLS_TAG_LEN) == 1 && c->get(ctx, get) == 1;
	ASSERT(ok);
}

bool tls_aead_open(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   const unsigned char *cipher, size_t n, unsigned char *to)
{
	const struct cipher *c = &ciphers[aead];
	void *ctx = context(aead, key, nonce, false);
	OSSL_PARAM set[] = { of_tag(cipher + n), OSSL_PARAM_construct_end() };
	size_t len;
	int ok;

	ok = c->set(ctx, set) == 1 && add(c, ctx, NULL, ad.p, ad.n) &&
	     add(c, ctx, to, cipher, n);
	ASSERT(ok);
	ok = c->final(ctx, to + n, &len, 0);
	if (ok != 1)
		ERR_clear_error();
	return ok == 1;
}
