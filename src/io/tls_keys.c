#include "io/tls_keys.h"

static struct strv bytes(const unsigned char *p, size_t n)
{
	return strv_make((const char *)p, n);
}

void tls_secret_key(struct digest_key *k, enum digest_alg alg,
		    const unsigned char *secret)
{
	digest_key_make(k, alg, bytes(secret, digest_len(alg)));
}

void tls_expand_label_of(const struct digest_key *secret, struct strv label,
			 struct strv context, unsigned char *to, size_t n)
{
	unsigned char info[2 + 1 + 6 + TLS_LABEL_MAX + 1 + DIGEST_MAX_LEN + 1];
	unsigned char all[DIGEST_MAX_LEN];
	size_t at = 0;

	/* One block of HKDF-Expand (RFC 5869 2.3) is all that is ever needed. */
	ASSERT(n <= digest_len(secret->alg) && label.n <= TLS_LABEL_MAX &&
	       context.n <= DIGEST_MAX_LEN);
	info[at++] = (unsigned char)(n >> 8);
	info[at++] = (unsigned char)n;
	info[at++] = (unsigned char)(6 + label.n);
	memcpy(info + at, "tls13 ", 6);
	at += 6;
	memcpy(info + at, label.p, label.n);
	at += label.n;
	info[at++] = (unsigned char)context.n;
	if (context.n)
		memcpy(info + at, context.p, context.n);
	at += context.n;
	info[at++] = 1; /* the first block */
	digest_hmac_with(secret, bytes(info, at), all);
	memcpy(to, all, n);
	mem_wipe(all, sizeof(all));
}

void tls_expand_label_with(enum digest_alg alg, const unsigned char *secret,
			   struct strv label, struct strv context, unsigned char *to,
			   size_t n)
{
	struct digest_key key;

	tls_secret_key(&key, alg, secret);
	tls_expand_label_of(&key, label, context, to, n);
	mem_wipe(&key, sizeof(key));
}

void tls_expand_label(enum digest_alg alg, const unsigned char *secret, const char *label,
		      unsigned char *to, size_t n)
{
	tls_expand_label_with(alg, secret, strv_from(label), STRV_NULL, to, n);
}

/* --- the key schedule of TLS 1.3 --- */

void tls_derive_secret(const struct digest_key *secret, struct strv label,
		       const unsigned char *hash, unsigned char *to)
{
	size_t n = digest_len(secret->alg);

	tls_expand_label_of(secret, label, bytes(hash, n), to, n);
}

void tls_next_secret(enum digest_alg alg, const struct digest_key *secret,
		     struct strv with, unsigned char *to)
{
	static const unsigned char zeros[DIGEST_MAX_LEN];
	unsigned char nothing[DIGEST_MAX_LEN], salt[DIGEST_MAX_LEN] = { 0 };
	size_t n = digest_len(alg);

	if (secret) {
		digest(alg, STRV(""), nothing);
		tls_derive_secret(secret, STRV("derived"), nothing, salt);
	}
	digest_hmac(alg, bytes(salt, n), with.p ? with : bytes(zeros, n), to);
	mem_wipe(salt, sizeof(salt));
}

void tls_verify_data(const struct digest_key *base_key, const unsigned char *hash,
		     unsigned char *to)
{
	unsigned char key[DIGEST_MAX_LEN];
	size_t n = digest_len(base_key->alg);

	tls_expand_label_of(base_key, STRV("finished"), STRV_NULL, key, n);
	digest_hmac(base_key->alg, bytes(key, n), bytes(hash, n), to);
	mem_wipe(key, sizeof(key));
}

void tls_make_keys(const struct digest_key *secret, enum tls_aead aead,
		   unsigned char key[TLS_KEY_MAX], unsigned char iv[TLS_NONCE_LEN])
{
	tls_expand_label_of(secret, STRV("key"), STRV_NULL, key, tls_aead_key_len(aead));
	tls_expand_label_of(secret, STRV("iv"), STRV_NULL, iv, TLS_NONCE_LEN);
}

void tls_make_exporter(enum digest_alg alg, const unsigned char *secret,
		       unsigned char to[TLS_EXPORTER_LEN])
{
	unsigned char nothing[DIGEST_MAX_LEN], derived[DIGEST_MAX_LEN];
	struct strv context = bytes(nothing, digest_len(alg));

	digest(alg, STRV(""), nothing);
	tls_expand_label_with(alg, secret, STRV("EXPORTER-Channel-Binding"), context,
			      derived, context.n);
	tls_expand_label_with(alg, derived, STRV("exporter"), context, to,
			      TLS_EXPORTER_LEN);
	mem_wipe(derived, sizeof(derived));
}

/* --- TLS 1.2 --- */

/* P_hash(master, label + seed), RFC 5246 5. */
void tls_key_block(enum digest_alg alg, const unsigned char master[TLS_MASTER_LEN],
		   const unsigned char client_random[TLS_RANDOM_LEN],
		   const unsigned char server_random[TLS_RANDOM_LEN], unsigned char *to,
		   size_t n)
{
	static const char label[] = "key expansion";
	enum { SEED_LEN = sizeof(label) - 1 + 2 * TLS_RANDOM_LEN };
	unsigned char block[DIGEST_MAX_LEN + SEED_LEN], out[DIGEST_MAX_LEN], *seed;
	size_t len = digest_len(alg);
	struct strv key = bytes(master, TLS_MASTER_LEN);

	seed = block + len; /* A(i) stands before it */
	memcpy(seed, label, sizeof(label) - 1);
	memcpy(seed + sizeof(label) - 1, server_random, TLS_RANDOM_LEN);
	memcpy(seed + sizeof(label) - 1 + TLS_RANDOM_LEN, client_random, TLS_RANDOM_LEN);
	digest_hmac(alg, key, bytes(seed, SEED_LEN), block);
	while (n) {
		size_t part = MIN(n, len);

		digest_hmac(alg, key, bytes(block, len + SEED_LEN), out);
		memcpy(to, out, part);
		to += part;
		n -= part;
		digest_hmac(alg, key, bytes(block, len), out);
		memcpy(block, out, len);
	}
	mem_wipe(block, sizeof(block));
	mem_wipe(out, sizeof(out));
}
