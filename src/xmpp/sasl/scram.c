/* SCRAM's keys and the server's side of it. */
#include "xmpp/sasl/scram_priv.h"

static struct strv bytes(const unsigned char *p, size_t n)
{
	return strv_make((const char *)p, n);
}

/* --- keys (RFC 5802 section 3) --- */

void scram_keys_expand(enum digest_alg alg, const unsigned char *salted,
		       unsigned char *client_key, unsigned char *stored_key,
		       unsigned char *server_key)
{
	size_t n = digest_len(alg);

	digest_hmac(alg, bytes(salted, n), STRV("Client Key"), client_key);
	digest(alg, bytes(client_key, n), stored_key);
	digest_hmac(alg, bytes(salted, n), STRV("Server Key"), server_key);
}

void scram_derive(enum digest_alg alg, struct strv password, struct strv salt,
		  uint32_t iterations, struct scram_keys *ret)
{
	unsigned char salted[DIGEST_MAX_LEN], client_key[DIGEST_MAX_LEN];

	ASSERT(salt.n > 0 && salt.n <= SCRAM_SALT_MAX);
	ASSERT(iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX);
	*ret = (struct scram_keys){ .alg = alg,
				    .iterations = iterations,
				    .n_salt = (uint8_t)salt.n };
	memcpy(ret->salt, salt.p, salt.n);
	digest_pbkdf2(alg, password, salt, iterations, salted);
	scram_keys_expand(alg, salted, client_key, ret->stored_key, ret->server_key);
	mem_wipe(salted, sizeof(salted));
	mem_wipe(client_key, sizeof(client_key));
}

bool scram_check_password(const struct scram_keys *k, struct strv password)
{
	struct scram_keys got;
	bool same;

	scram_derive(k->alg, password, bytes(k->salt, k->n_salt), k->iterations, &got);
	same = mem_equal_ct(got.stored_key, k->stored_key, digest_len(k->alg));
	mem_wipe(&got, sizeof(got));
	return same;
}

/* One value per user, hash and purpose, which only the owner of the secret can tell from a
 * random one. */
static void fake(const unsigned char *user_key, const char *purpose, enum digest_alg alg,
		 unsigned char *to, size_t n)
{
	unsigned char out[DIGEST_MAX_LEN];
	char label[16];
	size_t len = strlen(purpose);

	ASSERT(len + 1 <= sizeof(label) && n <= sizeof(out));
	memcpy(label, purpose, len);
	label[len] = (char)alg;
	digest_hmac(DIGEST_SHA512, bytes(user_key, DIGEST_MAX_LEN),
		    strv_make(label, len + 1), out);
	memcpy(to, out, n);
}

void scram_fake_keys(enum digest_alg alg, struct strv secret, struct strv user,
		     uint32_t iterations, struct scram_keys *ret)
{
	unsigned char user_key[DIGEST_MAX_LEN];

	ASSERT(secret.n == 32);
	ASSERT(iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX);
	*ret = (struct scram_keys){ .alg = alg,
				    .iterations = iterations,
				    .n_salt = SCRAM_SALT_LEN };
	digest_hmac(DIGEST_SHA512, secret, user, user_key);
	fake(user_key, "salt", alg, ret->salt, ret->n_salt);
	fake(user_key, "stored key", alg, ret->stored_key, digest_len(alg));
	fake(user_key, "server key", alg, ret->server_key, digest_len(alg));
	mem_wipe(user_key, sizeof(user_key));
}

/* --- client-first-message --- */

static bool read_cb_flag(struct strv flag, struct scram_server *s)
{
	if (strv_is(flag, "n") || strv_is(flag, "y")) {
		s->cb = flag.p[0] == 'n' ? SCRAM_CB_NONE : SCRAM_CB_UNUSED;
		return true;
	}
	if (flag.n < 3 || !strv_starts(flag, STRV("p=")))
		return false;
	s->cb = SCRAM_CB_USED;
	s->cb_name = strv_from_pos(flag, 2);
	for (size_t i = 0; i < s->cb_name.n; i++) {
		char c = s->cb_name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '-'))
			return false;
	}
	return true;
}

static enum scram_result read_gs2_header(struct arena *a, struct strv in,
					 struct scram_server *s)
{
	ptrdiff_t first = strv_find(in, ','), second;
	struct strv authzid;

	if (first < 0 || !read_cb_flag(strv_make(in.p, (size_t)first), s))
		return SCRAM_BAD_ENCODING;
	authzid = strv_from_pos(in, (size_t)first + 1);
	second = strv_find(authzid, ',');
	if (second < 0)
		return SCRAM_BAD_ENCODING;
	authzid.n = (size_t)second;
	s->gs2_header = strv_make(in.p, (size_t)(first + second) + 2);
	if (authzid.n == 0)
		return SCRAM_OK;
	if (!strv_starts(authzid, STRV("a=")))
		return SCRAM_BAD_ENCODING;
	if (!scram_name_decode(a, strv_from_pos(authzid, 2), &s->authzid))
		return SCRAM_BAD_AUTHZID;
	return SCRAM_OK;
}

enum scram_result scram_server_first(struct arena *a, struct strv client_first,
				     struct scram_server *ret)
{
	struct scram_server s = { .cb_name = STRV(""), .authzid = STRV("") };
	struct strv rest, user;
	enum scram_result r;

	if (!scram_message_is_sane(client_first))
		return SCRAM_BAD_ENCODING;
	client_first = arena_strv(a, client_first);
	r = read_gs2_header(a, client_first, &s);
	if (r != SCRAM_OK)
		return r;
	rest = s.client_first_bare = strv_from_pos(client_first, s.gs2_header.n);
	if (!scram_attr_take(&rest, 'n', &user) || !scram_name_decode(a, user, &s.user) ||
	    !scram_attr_take(&rest, 'r', &s.client_nonce) ||
	    !scram_is_printable(s.client_nonce) || !scram_extensions_take(&rest))
		return SCRAM_BAD_ENCODING;
	*ret = s;
	return SCRAM_OK;
}

/* --- server-first-message --- */

struct strv scram_server_challenge(struct arena *a, struct scram_server *s,
				   const struct scram_keys *k, struct strv nonce)
{
	struct strv salt;

	ASSERT(s->client_first_bare.p != NULL);
	ASSERT(scram_is_printable(nonce) && nonce.n <= SCRAM_MESSAGE_MAX);
	ASSERT(k->n_salt > 0 && k->n_salt <= SCRAM_SALT_MAX && k->iterations > 0);
	s->nonce = ARENA_JOIN(a, s->client_nonce, nonce);
	salt = scram_base64(a, k->salt, k->n_salt);
	s->server_first = ARENA_JOIN(a, STRV("r="), s->nonce, STRV(",s="), salt,
				     strv_from(arena_printf(a, ",i=%u", k->iterations)));
	return s->server_first;
}

/* --- client-final-message --- */

struct client_final {
	struct strv cb_input, nonce, proof, without_proof;
};

static bool read_client_final(struct strv in, struct client_final *ret)
{
	struct strv rest = in;

	if (!scram_message_is_sane(in) || !scram_attr_take(&rest, 'c', &ret->cb_input) ||
	    !scram_attr_take(&rest, 'r', &ret->nonce))
		return false;
	while (!strv_starts(rest, STRV("p=")))
		if (!scram_extension_take(&rest))
			return false;
	ret->without_proof = strv_make(in.p, (size_t)(rest.p - in.p) - 1);
	return scram_attr_take(&rest, 'p', &ret->proof) && rest.p == NULL;
}

static bool equal(struct strv a, struct strv b)
{
	return a.n == b.n && mem_equal_ct(a.p, b.p, a.n);
}

/* ClientKey is what the proof hides under the signature that StoredKey gives. */
static bool proof_fits(const struct scram_keys *k, struct strv auth_message,
		       const unsigned char *proof)
{
	unsigned char key[DIGEST_MAX_LEN], got[DIGEST_MAX_LEN];
	size_t n = digest_len(k->alg);
	bool same;

	digest_hmac(k->alg, bytes(k->stored_key, n), auth_message, key);
	for (size_t i = 0; i < n; i++)
		key[i] ^= proof[i];
	digest(k->alg, bytes(key, n), got);
	same = mem_equal_ct(got, k->stored_key, n);
	mem_wipe(key, sizeof(key));
	return same;
}

enum scram_result scram_server_final(struct arena *a, const struct scram_server *s,
				     const struct scram_keys *k, struct strv client_final,
				     struct strv cb_data, struct strv *ret)
{
	unsigned char proof[DIGEST_MAX_LEN], verifier[DIGEST_MAX_LEN];
	size_t n = digest_len(k->alg), n_proof;
	struct client_final f;
	struct strv auth_message, text;

	ASSERT(s->server_first.p != NULL);
	if (!read_client_final(client_final, &f) ||
	    !scram_base64_decode(f.proof, n, proof, &n_proof) || n_proof != n)
		return SCRAM_BAD_ENCODING;
	if (s->cb == SCRAM_CB_USED && cb_data.n == 0)
		return SCRAM_BAD_CB;
	if (!equal(f.cb_input, scram_cb_input(a, s->gs2_header, cb_data)))
		return SCRAM_BAD_CB;
	auth_message = scram_auth_message(a, s->client_first_bare, s->server_first,
					  f.without_proof);
	if (!equal(f.nonce, s->nonce) || !proof_fits(k, auth_message, proof))
		return SCRAM_BAD_PROOF;
	digest_hmac(k->alg, bytes(k->server_key, n), auth_message, verifier);
	text = scram_base64(a, verifier, n);
	*ret = ARENA_JOIN(a, STRV("v="), text);
	return SCRAM_OK;
}
