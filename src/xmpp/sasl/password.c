/* Stored credentials. The forms are MongooseIM's:
 *
 *   ==MULTI_SCRAM==,ITERATIONS{,PREFIX SALT|STORED KEY|SERVER KEY}	all in base 64
 *   ==SCRAM==,STORED KEY,SERVER KEY,SALT,ITERATIONS			SHA-1, up to 3.6.2 */
#include "xmpp/sasl/password.h"
#include "xmpp/sasl/scram_priv.h"
#include "base/rand.h"

#define MULTI  "==MULTI_SCRAM==,"
#define SINGLE "==SCRAM==,"

static const char *const prefixes[DIGEST_MAX] = {
	[DIGEST_SHA1] = "===SHA1===",	[DIGEST_SHA224] = "==SHA224==",
	[DIGEST_SHA256] = "==SHA256==", [DIGEST_SHA384] = "==SHA384==",
	[DIGEST_SHA512] = "==SHA512==",
};

/* Takes what stands before the next `sep`; after the last piece rest->p is NULL. */
static struct strv take(struct strv *rest, char sep)
{
	ptrdiff_t at = strv_find(*rest, sep);
	struct strv piece = *rest;

	if (at < 0) {
		*rest = STRV_NULL;
		return piece;
	}
	piece.n = (size_t)at;
	*rest = strv_from_pos(*rest, piece.n + 1);
	return piece;
}

static bool read_key(struct strv text, enum digest_alg alg, unsigned char *to)
{
	size_t n;

	return scram_base64_decode(text, digest_len(alg), to, &n) && n == digest_len(alg);
}

static bool read_salt(struct strv text, struct scram_keys *k)
{
	size_t n;

	if (!scram_base64_decode(text, SCRAM_SALT_MAX, k->salt, &n))
		return false;
	k->n_salt = (uint8_t)n;
	return true;
}

static bool read_iterations(struct strv text, uint32_t *ret)
{
	uint64_t n;

	if (strv_to_u64(text, SCRAM_ITERATIONS_MAX, &n) < 0 || n == 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool read_single(struct strv rest, struct credentials *c)
{
	struct scram_keys *k = &c->keys[c->n_keys++];

	k->alg = DIGEST_SHA1;
	return read_key(take(&rest, ','), k->alg, k->stored_key) &&
	       read_key(take(&rest, ','), k->alg, k->server_key) &&
	       read_salt(take(&rest, ','), k) &&
	       read_iterations(take(&rest, ','), &k->iterations) && rest.p == NULL;
}

static bool read_one_of_multi(struct strv piece, uint32_t iterations,
			      struct credentials *c)
{
	struct scram_keys *k;
	unsigned alg = 0;

	while (alg < DIGEST_MAX && !strv_starts(piece, strv_from(prefixes[alg])))
		alg++;
	if (alg == DIGEST_MAX || credentials_keys(c, (enum digest_alg)alg))
		return false;
	piece = strv_from_pos(piece, strlen(prefixes[alg]));
	k = &c->keys[c->n_keys++];
	k->alg = (enum digest_alg)alg;
	k->iterations = iterations;
	return read_salt(take(&piece, '|'), k) &&
	       read_key(take(&piece, '|'), k->alg, k->stored_key) &&
	       read_key(take(&piece, '|'), k->alg, k->server_key) && piece.p == NULL;
}

static bool read_multi(struct strv rest, struct credentials *c)
{
	uint32_t iterations;

	if (!read_iterations(take(&rest, ','), &iterations) || rest.p == NULL)
		return false;
	while (rest.p)
		if (!read_one_of_multi(take(&rest, ','), iterations, c))
			return false;
	return true;
}

bool credentials_is_details(struct strv text)
{
	return strv_starts(text, STRV("==MULTI_SCRAM==")) ||
	       strv_starts(text, STRV("==SCRAM=="));
}

int credentials_parse(struct arena *a, struct strv password, struct strv pass_details,
		      struct credentials *ret)
{
	struct credentials c = { 0 };
	bool ok = true;

	if (password.n > CREDENTIALS_MAX || pass_details.n > CREDENTIALS_MAX)
		return -EINVAL;
	if (pass_details.n == 0) { /* an empty password opens nothing, as in MongooseIM */
		c.has_plain = password.n > 0;
		c.plain = arena_strv(a, password);
		c.plain_for_keys = password_for_keys(a, c.plain);
	} else if (strv_starts(pass_details, STRV(MULTI))) {
		ok = read_multi(strv_from_pos(pass_details, strlen(MULTI)), &c);
	} else if (strv_starts(pass_details, STRV(SINGLE))) {
		ok = read_single(strv_from_pos(pass_details, strlen(SINGLE)), &c);
	} else {
		ok = false;
	}
	if (ok)
		*ret = c;
	mem_wipe(&c, sizeof(c));
	return ok ? 0 : -EINVAL;
}

void credentials_derive(struct strv password, unsigned algs, uint32_t iterations,
			struct credentials *ret)
{
	char salt[SCRAM_SALT_LEN];

	ASSERT(algs > 0 && algs < 1u << DIGEST_MAX);
	*ret = (struct credentials){ 0 };
	for (unsigned alg = 0; alg < DIGEST_MAX; alg++) {
		if (!(algs & (1u << alg)))
			continue;
		rand_bytes(salt, sizeof(salt));
		scram_derive((enum digest_alg)alg, password,
			     strv_make(salt, sizeof(salt)), iterations,
			     &ret->keys[ret->n_keys++]);
	}
}

struct strv credentials_details(struct arena *a, const struct credentials *c)
{
	const char *all;

	ASSERT(c->n_keys > 0 && c->n_keys <= DIGEST_MAX);
	all = arena_printf(a, MULTI "%u", c->keys[0].iterations);
	for (unsigned alg = 0; alg < DIGEST_MAX; alg++) {
		const struct scram_keys *k = credentials_keys(c, (enum digest_alg)alg);
		size_t n = digest_len((enum digest_alg)alg);
		struct strv salt, stored, server;

		if (k == NULL)
			continue;
		ASSERT(k->iterations == c->keys[0].iterations);
		salt = scram_base64(a, k->salt, k->n_salt);
		stored = scram_base64(a, k->stored_key, n);
		server = scram_base64(a, k->server_key, n);
		all = arena_printf(a, "%s,%s" STRV_FMT "|" STRV_FMT "|" STRV_FMT, all,
				   prefixes[alg], STRV_ARG(salt), STRV_ARG(stored),
				   STRV_ARG(server));
	}
	return strv_from(all);
}

const struct scram_keys *credentials_keys(const struct credentials *c,
					  enum digest_alg alg)
{
	for (unsigned i = 0; i < c->n_keys; i++)
		if (c->keys[i].alg == alg)
			return &c->keys[i];
	return NULL;
}

/* Of their digests, so that not even the length shows. */
static bool same_text(struct strv a, struct strv b)
{
	unsigned char da[DIGEST_MAX_LEN], db[DIGEST_MAX_LEN];
	bool same;

	digest(DIGEST_SHA256, a, da);
	digest(DIGEST_SHA256, b, db);
	same = mem_equal_ct(da, db, digest_len(DIGEST_SHA256));
	mem_wipe(da, sizeof(da));
	mem_wipe(db, sizeof(db));
	return same;
}

static bool check_text(const struct credentials *c, const struct password_forms *password)
{
	bool same = same_text(c->plain_for_keys, password->form[0]);

	for (unsigned i = 0; i < password->n; i++)
		same |= same_text(c->plain, password->form[i]);
	return same;
}

/* One that is wrong costs a PBKDF2 for each form, whoever's it is. */
static bool check_keys(const struct scram_keys *k, const struct password_forms *password)
{
	for (unsigned i = 0; i < password->n; i++)
		if (scram_check_password(k, password->form[i]))
			return true;
	return false;
}

static const struct scram_keys *cheapest_keys(const struct credentials *c)
{
	for (unsigned alg = 0; alg < DIGEST_MAX; alg++) {
		const struct scram_keys *k = credentials_keys(c, (enum digest_alg)alg);
		if (k)
			return k;
	}
	return NULL;
}

bool credentials_check(const struct credentials *c, const struct password_forms *password)
{
	const struct scram_keys *keys = cheapest_keys(c);

	if (c->has_plain)
		return check_text(c, password);
	return keys && check_keys(keys, password);
}

bool credentials_check_evenly(const struct credentials *c,
			      const struct credentials_usual *usual,
			      const struct password_forms *password)
{
	static const struct credentials nobody = { .has_plain = true,
						   .plain = STRV("nobody"),
						   .plain_for_keys = STRV("nobody") };
	bool has_text = c && c->has_plain;
	const struct scram_keys *keys = c ? cheapest_keys(c) : NULL;
	bool text = check_text(has_text ? c : &nobody, password), fits = false;

	if (keys || usual->keys)
		fits = check_keys(keys ? keys : &usual->made_up, password);
	return has_text ? text : keys && fits;
}

void credentials_derive_evenly(const struct credentials *c, struct scram_keys *ret)
{
	struct strv salt = strv_make((char *)ret->salt, ret->n_salt);
	struct scram_keys keys;

	scram_derive(ret->alg, c ? c->plain_for_keys : STRV("nobody"), salt,
		     ret->iterations, &keys);
	if (c)
		*ret = keys;
	mem_wipe(&keys, sizeof(keys));
}

void credentials_wipe(struct credentials *c)
{
	/* the copies that credentials_parse made in the caller's arena */
	if (c->plain.n)
		mem_wipe((char *)(uintptr_t)c->plain.p, c->plain.n);
	if (c->plain_for_keys.n)
		mem_wipe((char *)(uintptr_t)c->plain_for_keys.p, c->plain_for_keys.n);
	mem_wipe(c, sizeof(*c));
}
