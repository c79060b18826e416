#include "io/tls_aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

/* Which one a key has is told by the key itself, which is random. */
enum { N_SLOTS = 64 };

struct slot {
	EVP_CIPHER_CTX *evp; /* NULL: never used */
	unsigned char key[TLS_KEY_MAX];
	uint8_t aead;
	bool seals;
	bool keyed;
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
static pthread_key_t slots_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct slot *slots;

size_t tls_aead_key_len(enum tls_aead aead)
{
	return aeads[aead].key_len;
}

/* --- contexts --- */

static void free_slots(void *arg)
{
	struct slot *all = arg;

	for (size_t i = 0; i < N_SLOTS; i++)
		EVP_CIPHER_CTX_free(all[i].evp); /* wipes what it has expanded */
	mem_wipe(all, N_SLOTS * sizeof(*all));
	mem_free(all);
	slots = NULL;
}

static void set_up(void)
{
	int r = pthread_key_create(&slots_key, free_slots);

	ASSERT(r == 0);
	for (size_t i = 0; i < TLS_AEAD_MAX; i++) {
		ciphers[i] = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL);
		ASSERT(ciphers[i] != NULL);
	}
}

static void make_slots(void)
{
	int r;

	pthread_once(&once, set_up);
	slots = mem_zalloc(N_SLOTS * sizeof(*slots));
	r = pthread_setspecific(slots_key, slots); /* freed at the end of the thread */
	ASSERT(r == 0);
}

static struct slot *slot_of(const unsigned char *key, bool seals)
{
	return &slots[(key[0] ^ (seals ? N_SLOTS / 2 : 0)) % N_SLOTS];
}

static bool fits(const struct slot *s, enum tls_aead aead, const unsigned char *key,
		 bool seals)
{
	return s->keyed && s->aead == aead && s->seals == seals &&
	       mem_equal_ct(s->key, key, aeads[aead].key_len);
}

/* With this key and nonce. */
static EVP_CIPHER_CTX *context(enum tls_aead aead, const unsigned char *key,
			       const unsigned char *nonce, bool seals)
{
	struct slot *s;
	int ok;

	if (slots == NULL)
		make_slots();
	s = slot_of(key, seals);
	if (fits(s, aead, key, seals)) {
		ok = EVP_CipherInit_ex(s->evp, NULL, NULL, NULL, nonce, seals);
		ASSERT(ok == 1);
		return s->evp;
	}
	if (s->evp == NULL)
		s->evp = EVP_CIPHER_CTX_new();
	ASSERT(s->evp != NULL);
	/* The cipher is named again only when it is another: that makes a new one inside. */
	ok = EVP_CipherInit_ex(s->evp, s->keyed && s->aead == aead ? NULL : ciphers[aead],
			       NULL, key, nonce, seals);
	ASSERT(ok == 1);
	memcpy(s->key, key, aeads[aead].key_len);
	s->aead = (uint8_t)aead;
	s->seals = seals;
	s->keyed = true;
	return s->evp;
}

void tls_aead_forget(enum tls_aead aead, const unsigned char *key)
{
	for (int seals = 0; slots && seals < 2; seals++) {
		struct slot *s = slot_of(key, seals);

		if (!fits(s, aead, key, seals))
			continue;
		EVP_CIPHER_CTX_reset(s->evp);
		mem_wipe(s->key, sizeof(s->key));
		s->keyed = false;
	}
}

/* --- sealing and opening: libcrypto has no reason to fail but a tag that is wrong --- */

void tls_aead_seal(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   unsigned char *text, size_t n)
{
	EVP_CIPHER_CTX *evp = context(aead, key, nonce, true);
	int len, ok;

	ok = EVP_EncryptUpdate(evp, NULL, &len, (const unsigned char *)ad.p, (int)ad.n) &&
	     EVP_EncryptUpdate(evp, text, &len, text, (int)n) &&
	     EVP_EncryptFinal_ex(evp, text + n, &len) &&
	     EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_LEN, text + n);
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
