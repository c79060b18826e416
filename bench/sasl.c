#include "sasl.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/rand.h"

#include <stdio.h>

enum { SHA1_LEN = 20, TEXT_MAX = 512 };

/* The last password, salted: servers that were given the same salt for all accounts cost
 * us one PBKDF2 in all. */
static struct {
	char salt[96];
	size_t n_salt;
	uint64_t iterations;
	unsigned char client_key[SHA1_LEN], stored_key[SHA1_LEN], server_key[SHA1_LEN];
} cache;

static void add_base64(struct buf *to, struct strv text)
{
	int r = buf_add_base64(to, text.p, text.n);
	ASSERT(r == 0);
}

void sasl_plain(struct buf *to, const char *user, const char *password)
{
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%c%s%c%s", 0, user, 0, password);

	ASSERT(n > 0 && (size_t)n < sizeof(text));
	add_base64(to, strv_make(text, (size_t)n));
}

void sasl_scram_first(struct sasl *s, struct buf *to, const char *user)
{
	char nonce[25], text[TEXT_MAX];
	int n;

	rand_token(nonce, sizeof(nonce) - 1);
	n = snprintf(s->first_bare, sizeof(s->first_bare), "n=%s,r=%s", user, nonce);
	ASSERT(n > 0 && (size_t)n < sizeof(s->first_bare));
	n = snprintf(text, sizeof(text), "n,,%s", s->first_bare);
	add_base64(to, strv_make(text, (size_t)n));
}

/* The value of attribute `name` ("r="), up to the comma. */
static struct strv attribute(struct strv text, const char *name)
{
	const char *p = text.p, *end = text.p + text.n;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (stop - p >= 2 && memcmp(p, name, 2) == 0)
			return strv_make(p + 2, (size_t)(stop - p - 2));
		p = stop + 1;
	}
	return STRV_NULL;
}

static void derive(const char *password, struct strv salt, uint64_t iterations)
{
	unsigned char salted[SHA1_LEN];
	struct strv key = { (const char *)salted, SHA1_LEN };

	if (cache.iterations == iterations && cache.n_salt == salt.n &&
	    memcmp(cache.salt, salt.p, salt.n) == 0)
		return;
	digest_pbkdf2(DIGEST_SHA1, strv_from(password), salt, (unsigned)iterations,
		      salted);
	digest_hmac(DIGEST_SHA1, key, STRV("Client Key"), cache.client_key);
	digest_hmac(DIGEST_SHA1, key, STRV("Server Key"), cache.server_key);
	digest(DIGEST_SHA1, strv_make((char *)cache.client_key, SHA1_LEN),
	       cache.stored_key);
	cache.iterations = iterations;
	cache.n_salt = salt.n;
	memcpy(cache.salt, salt.p, salt.n);
}

static int read_challenge(struct strv text, const char *password, struct strv *ret_nonce)
{
	struct strv salt64 = attribute(text, "s="), nonce = attribute(text, "r=");
	uint64_t iterations;
	char salt[96];
	size_t n_salt;
	int r;

	if (salt64.n == 0 || salt64.n / 4 * 3 > sizeof(salt) || nonce.n == 0)
		return -EINVAL;
	if ((r = base64_decode(salt64, salt, &n_salt)) < 0 ||
	    (r = strv_to_u64(attribute(text, "i="), 10000000, &iterations)) < 0)
		return r;
	if (iterations == 0)
		return -EINVAL;
	derive(password, strv_make(salt, n_salt), iterations);
	*ret_nonce = nonce;
	return 0;
}

int sasl_scram_final(struct sasl *s, struct buf *to, struct strv challenge,
		     const char *password)
{
	char text[TEXT_MAX], final[TEXT_MAX], auth[2 * TEXT_MAX], proof64[32];
	unsigned char proof[SHA1_LEN];
	struct strv key = { (const char *)cache.stored_key, SHA1_LEN };
	struct strv server_key = { (const char *)cache.server_key, SHA1_LEN }, nonce;
	size_t n_text;
	int n, r;

	if (challenge.n / 4 * 3 > sizeof(text) - 1)
		return -EINVAL;
	if ((r = base64_decode(challenge, text, &n_text)) < 0 ||
	    (r = read_challenge(strv_make(text, n_text), password, &nonce)) < 0)
		return r;
	n = snprintf(final, sizeof(final), "c=biws,r=" STRV_FMT, STRV_ARG(nonce));
	ASSERT(n > 0 && (size_t)n < sizeof(final));
	n = snprintf(auth, sizeof(auth), "%s," STRV_FMT ",%s", s->first_bare, (int)n_text,
		     text, final);
	ASSERT(n > 0 && (size_t)n < sizeof(auth));
	digest_hmac(DIGEST_SHA1, key, strv_make(auth, (size_t)n), proof);
	digest_hmac(DIGEST_SHA1, server_key, strv_make(auth, (size_t)n),
		    s->server_signature);
	for (size_t i = 0; i < SHA1_LEN; i++)
		proof[i] ^= cache.client_key[i];
	base64_encode(proof, sizeof(proof), proof64);
	n = snprintf(text, sizeof(text), "%s,p=%.*s", final,
		     (int)base64_encoded_len(sizeof(proof)), proof64);
	ASSERT(n > 0 && (size_t)n < sizeof(text));
	add_base64(to, strv_make(text, (size_t)n));
	return 0;
}

bool sasl_scram_verify(const struct sasl *s, struct strv additional_data)
{
	char text[TEXT_MAX], want[2 + 32] = "v=";
	size_t n;

	if (additional_data.n / 4 * 3 > sizeof(text) ||
	    base64_decode(additional_data, text, &n) < 0)
		return false;
	base64_encode(s->server_signature, SHA1_LEN, want + 2);
	return strv_eq(strv_make(text, n),
		       strv_make(want, 2 + base64_encoded_len(SHA1_LEN)));
}
