#define OPENSSL_SUPPRESS_DEPRECATED /* see below */
#include "base/digest.h"

#include <endian.h>
#include <openssl/sha.h>

/* The hash functions themselves, not EVP's contexts around them: those cost more than what they hash
 * here, a few dozen bytes, and PBKDF2 wants the state between two blocks. */
union state {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};

struct hash_fn {
	uint8_t len;   /* of the digest */
	uint8_t word;  /* of the state: 4 or 8 bytes; a block has sixteen of them */
	uint8_t words; /* of the state, that make up the digest and what is cut off it */
	void (*init)(union state *s);
	void (*update)(union state *s, const void *p, size_t n);
	void (*final)(union state *s, unsigned char *to);
	void (*transform)(union state *s, const unsigned char *block);
};

/* OpenSSL's own return 1 always. */
#define HASH_FN(NAME, FAMILY, FIELD)                                             \
	static void NAME##_init(union state *s)                                  \
	{                                                                        \
		NAME##_Init(&s->FIELD);                                          \
	}                                                                        \
	static void NAME##_update(union state *s, const void *p, size_t n)       \
	{                                                                        \
		NAME##_Update(&s->FIELD, p, n);                                  \
	}                                                                        \
	static void NAME##_final(union state *s, unsigned char *to)              \
	{                                                                        \
		NAME##_Final(to, &s->FIELD);                                     \
	}                                                                        \
	static void NAME##_transform(union state *s, const unsigned char *block) \
	{                                                                        \
		FAMILY##_Transform(&s->FIELD, block);                            \
	}
HASH_FN(SHA1, SHA1, sha1)
HASH_FN(SHA224, SHA256, sha256)
HASH_FN(SHA256, SHA256, sha256)
HASH_FN(SHA384, SHA512, sha512)
HASH_FN(SHA512, SHA512, sha512)

#define FNS(NAME) NAME##_init, NAME##_update, NAME##_final, NAME##_transform
static const struct hash_fn fns[DIGEST_MAX] = {
	[DIGEST_SHA1] = { 20, 4, 5, FNS(SHA1) },
	[DIGEST_SHA224] = { 28, 4, 8, FNS(SHA224) },
	[DIGEST_SHA256] = { 32, 4, 8, FNS(SHA256) },
	[DIGEST_SHA384] = { 48, 8, 8, FNS(SHA384) },
	[DIGEST_SHA512] = { 64, 8, 8, FNS(SHA512) },
};

enum { BLOCK_MAX = 128 };

static size_t block_len(const struct hash_fn *f)
{
	return 16u * f->word;
}

static _Thread_local uint64_t count;

uint64_t digest_count(void)
{
	return count;
}

static const struct hash_fn *fn_of(enum digest_alg alg)
{
	ASSERT(alg < DIGEST_MAX);
	return &fns[alg];
}

size_t digest_len(enum digest_alg alg)
{
	return fn_of(alg)->len;
}

void digest(enum digest_alg alg, struct strv in, unsigned char *to)
{
	const struct hash_fn *f = fn_of(alg);
	union state s;

	f->init(&s);
	f->update(&s, in.p ? in.p : "", in.n);
	f->final(&s, to);
	count++;
	mem_wipe(&s, sizeof(s));
}

/* --- bit by bit --- */

_Static_assert(sizeof(union state) <= sizeof(((struct digest_so_far *)0)->state) &&
		       sizeof(union state) <= sizeof(((struct digest_key *)0)->inner),
	       "any state has room");

void digest_begin(struct digest_so_far *d, enum digest_alg alg)
{
	union state s;

	d->alg = alg;
	fn_of(alg)->init(&s);
	memcpy(d->state, &s, sizeof(s));
}

void digest_add(struct digest_so_far *d, struct strv in)
{
	union state s;

	memcpy(&s, d->state, sizeof(s));
	fn_of(d->alg)->update(&s, in.p ? in.p : "", in.n);
	memcpy(d->state, &s, sizeof(s));
}

void digest_peek(const struct digest_so_far *d, unsigned char *to)
{
	union state s;

	memcpy(&s, d->state, sizeof(s));
	fn_of(d->alg)->final(&s, to);
	count++;
	mem_wipe(&s, sizeof(s));
}

/* --- HMAC (RFC 2104) --- */

/* What has hashed the block that the key makes. */
struct hmac {
	const struct hash_fn *f;
	union state inner, outer;
};

static void hash_pad(const struct hash_fn *f, union state *s, unsigned char *block,
		     unsigned char with)
{
	for (size_t i = 0; i < block_len(f); i++)
		block[i] ^= with;
	f->init(s);
	f->update(s, block, block_len(f));
	for (size_t i = 0; i < block_len(f); i++)
		block[i] ^= with;
}

static void hmac_init(struct hmac *h, enum digest_alg alg, struct strv key)
{
	const struct hash_fn *f = h->f = fn_of(alg);
	unsigned char block[BLOCK_MAX] = { 0 };

	if (key.n > block_len(f))
		digest(alg, key, block);
	else if (key.n)
		memcpy(block, key.p, key.n);
	hash_pad(f, &h->inner, block, 0x36);
	hash_pad(f, &h->outer, block, 0x5c);
	mem_wipe(block, sizeof(block));
}

static void hmac_end(const struct hmac *h, union state *s, unsigned char *to)
{
	h->f->final(s, to);
	*s = h->outer;
	h->f->update(s, to, h->f->len);
	h->f->final(s, to);
}

static void hmac(const struct hmac *h, struct strv in, unsigned char *to)
{
	union state s = h->inner;

	h->f->update(&s, in.p ? in.p : "", in.n);
	hmac_end(h, &s, to);
	count += 2;
	mem_wipe(&s, sizeof(s));
}

void digest_hmac(enum digest_alg alg, struct strv key, struct strv in, unsigned char *to)
{
	struct hmac h;

	hmac_init(&h, alg, key);
	hmac(&h, in, to);
	mem_wipe(&h, sizeof(h));
}

void digest_key_make(struct digest_key *k, enum digest_alg alg, struct strv key)
{
	struct hmac h;

	hmac_init(&h, alg, key);
	k->alg = alg;
	memcpy(k->inner, &h.inner, sizeof(h.inner));
	memcpy(k->outer, &h.outer, sizeof(h.outer));
	mem_wipe(&h, sizeof(h));
}

void digest_hmac_with(const struct digest_key *k, struct strv in, unsigned char *to)
{
	struct hmac h = { .f = fn_of(k->alg) };

	memcpy(&h.inner, k->inner, sizeof(h.inner));
	memcpy(&h.outer, k->outer, sizeof(h.outer));
	hmac(&h, in, to);
	mem_wipe(&h, sizeof(h));
}

/* --- PBKDF2 (RFC 8018 5.2) --- */

/* The digest stands at the start of each state as words in the machine's order. */
static void put_words(const struct hash_fn *f, const union state *s, unsigned char *to)
{
	for (size_t i = 0; i < f->words; i++) {
		if (f->word == 4) {
			uint32_t v;
			memcpy(&v, (const char *)s + 4 * i, 4);
			v = htobe32(v);
			memcpy(to + 4 * i, &v, 4);
		} else {
			uint64_t v;
			memcpy(&v, (const char *)s + 8 * i, 8);
			v = htobe64(v);
			memcpy(to + 8 * i, &v, 8);
		}
	}
}

/* The last block of a message: a digest behind one block. */
static void pad_digest(const struct hash_fn *f, unsigned char *block)
{
	size_t bits = 8 * (block_len(f) + f->len);

	memset(block + f->len, 0, block_len(f) - f->len);
	block[f->len] = 0x80;
	block[block_len(f) - 2] = (unsigned char)(bits >> 8);
	block[block_len(f) - 1] = (unsigned char)bits;
}

/* HMAC of what stands at the start of `block`, in its place: two compressions. */
static void hmac_again(const struct hmac *h, union state *s, unsigned char *block)
{
	*s = h->inner;
	h->f->transform(s, block);
	put_words(h->f, s, block);
	pad_digest(h->f, block);
	*s = h->outer;
	h->f->transform(s, block);
	put_words(h->f, s, block);
	pad_digest(h->f, block);
}

void digest_pbkdf2(enum digest_alg alg, struct strv password, struct strv salt,
		   unsigned iterations, unsigned char *to)
{
	static const unsigned char first[4] = { 0, 0, 0, 1 };
	unsigned char block[BLOCK_MAX];
	struct hmac h;
	union state s;

	ASSERT(iterations > 0);
	hmac_init(&h, alg, password);
	s = h.inner;
	h.f->update(&s, salt.p, salt.n);
	h.f->update(&s, first, sizeof(first));
	hmac_end(&h, &s, block);
	memcpy(to, block, h.f->len);
	pad_digest(h.f, block);
	for (unsigned i = 1; i < iterations; i++) {
		hmac_again(&h, &s, block);
		for (size_t k = 0; k < h.f->len; k++)
			to[k] ^= block[k];
	}
	count += 2 * (uint64_t)iterations;
	mem_wipe(&h, sizeof(h));
	mem_wipe(&s, sizeof(s));
	mem_wipe(block, sizeof(block));
}
