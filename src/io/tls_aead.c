#include "io/tls_aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

/* Those who seal and open now and then share a context for each direction, which is given their key
 * each time: that is half of the work. Busy ones have one of their own; which it is, the key tells,
 * which is random. */
enum { N_SLOTS = 512, BUSY = 16 };

struct slot {
	EVP_CIPHER_CTX *evp; /* NULL: nobody has been busy here */
	unsigned char key[TLS_KEY_MAX];
	uint8_t aead;
	bool seals;
	bool taken;   /* the key is somebody's */
	bool keyed;   /* ... and `evp` has it */
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

static EVP_CIPHER *ciphers[TLS_AEAD_MAX];
static pthread_key_t contexts_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct contexts *contexts;

size_t tls_aead_key_len(enum tls_aead aead)
{
	return aeads[aead].key_len;
}

/* --- contexts --- */

static void free_contexts(void *arg)
{
	struct contexts *c = arg;

	for (size_t i = 0; i < N_SLOTS; i++)
		EVP_CIPHER_CTX_free(c->slot[i].evp); /* wipes what it has expanded */
	for (size_t i = 0; i < ARRAY_LEN(c->shared); i++)
		EVP_CIPHER_CTX_free(c->shared[i].evp);
	mem_wipe(c, sizeof(*c));
	mem_free(c);
	contexts = NULL;
}

static void set_up(void)
{
	int r = pthread_key_create(&contexts_key, free_contexts);

	ASSERT(r == 0);
	for (size_t i = 0; i < TLS_AEAD_MAX; i++) {
		ciphers[i] = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL);
		if (ciphers[i] == NULL)
			ERR_clear_error();
	}
}

bool tls_aead_is_there(enum tls_aead aead)
{
	pthread_once(&once, set_up);
	return ciphers[aead] != NULL;
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
	/* The cipher is named again only when it is another: that makes a new one inside. */
	if (s->evp && s->aead != aead)
		EVP_CIPHER_CTX_reset(s->evp);
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
		if (s->evp || s->uses >= BUSY)
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
static EVP_CIPHER_CTX *context(enum tls_aead aead, const unsigned char *key,
			       const unsigned char *nonce, bool seals)
{
	struct slot *s;
	int ok;

	if (contexts == NULL)
		make_contexts();
	ASSERT(ciphers[aead] != NULL);
	s = find(aead, key, seals);
	if (s->evp == NULL)
		s->evp = EVP_CIPHER_CTX_new();
	ASSERT(s->evp != NULL);
	ok = EVP_CipherInit_ex(s->evp,
			       EVP_CIPHER_CTX_get0_cipher(s->evp) ? NULL : ciphers[aead],
			       NULL, s->keyed ? NULL : key, nonce, seals);
	ASSERT(ok == 1);
	s->keyed = true;
	return s->evp;
}

static void forget(struct slot *s)
{
	if (s->evp)
		EVP_CIPHER_CTX_reset(s->evp);
	mem_wipe(s->key, sizeof(s->key));
	s->taken = s->keyed = false;
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

static bool add(EVP_CIPHER_CTX *evp, unsigned char *to, struct strv in)
{
	int len;

	return EVP_EncryptUpdate(evp, to, &len, (const unsigned char *)in.p, (int)in.n) ==
	       1;
}

void tls_aead_seal(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   struct strv text, struct strv more, unsigned char *to)
{
	EVP_CIPHER_CTX *evp = context(aead, key, nonce, true);
	unsigned char *tag = to + text.n + more.n;
	int len;
	bool ok;

	ok = add(evp, NULL, ad) && add(evp, to, text) &&
	     (more.n == 0 || add(evp, to + text.n, more)) &&
	     EVP_EncryptFinal_ex(evp, tag, &len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_LEN, tag) == 1;
	ASSERT(ok);
}

bool tls_aead_open(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   const unsigned char *cipher, size_t n, unsigned char *to)
{
	EVP_CIPHER_CTX *evp = context(aead, key, nonce, false);
	int len, ok;

	ok = EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_LEN,
				 (void *)(cipher + n)) &&
	     EVP_DecryptUpdate(evp, NULL, &len, (const unsigned char *)ad.p, (int)ad.n) &&
	     EVP_DecryptUpdate(evp, to, &len, cipher, (int)n);
	ASSERT(ok);
	ok = EVP_DecryptFinal_ex(evp, to + n, &len);
	if (ok != 1)
		ERR_clear_error();
	return ok == 1;
}
