/* SCRAM's client side. */
#include "xmpp/sasl/scram_priv.h"

static struct strv bytes(const unsigned char *p, size_t n)
{
	return strv_make((const char *)p, n);
}

struct strv scram_client_first(struct arena *a, struct scram_client *c,
			       struct strv gs2_header, struct strv nonce)
{
	struct strv user = scram_name_encode(a, c->user), all;

	ASSERT(scram_is_printable(nonce) && gs2_header.n >= 3);
	all = strv_from(arena_printf(a, STRV_FMT "n=" STRV_FMT ",r=" STRV_FMT,
				     STRV_ARG(gs2_header), STRV_ARG(user),
				     STRV_ARG(nonce)));
	c->gs2_header = strv_make(all.p, gs2_header.n);
	c->client_first_bare = strv_from_pos(all, gs2_header.n);
	c->nonce = strv_from_pos(all, all.n - nonce.n);
	return all;
}

struct server_first {
	struct strv nonce;
	size_t n_salt;
	unsigned char salt[SCRAM_SALT_MAX];
	uint64_t iterations;
};

static bool read_server_first(struct strv in, struct server_first *ret)
{
	struct strv rest = in, salt, iterations;

	return scram_message_is_sane(in) && scram_attr_take(&rest, 'r', &ret->nonce) &&
	       scram_is_printable(ret->nonce) && scram_attr_take(&rest, 's', &salt) &&
	       scram_base64_decode(salt, SCRAM_SALT_MAX, ret->salt, &ret->n_salt) &&
	       scram_attr_take(&rest, 'i', &iterations) && iterations.p[0] != '0' &&
	       strv_to_u64(iterations, SCRAM_ITERATIONS_MAX, &ret->iterations) == 0 &&
	       scram_extensions_take(&rest);
}

/* ClientProof: ClientKey under the signature that StoredKey gives. */
static struct strv proof(struct arena *a, const struct scram_client *c)
{
	unsigned char client[DIGEST_MAX_LEN], stored[DIGEST_MAX_LEN],
		server[DIGEST_MAX_LEN], out[DIGEST_MAX_LEN];
	size_t n = digest_len(c->alg);

	scram_keys_expand(c->alg, c->salted, client, stored, server);
	digest_hmac(c->alg, bytes(stored, n), c->auth_message, out);
	for (size_t i = 0; i < n; i++)
		out[i] ^= client[i];
	mem_wipe(client, sizeof(client));
	return scram_base64(a, out, n);
}

int scram_client_final(struct arena *a, struct scram_client *c, struct strv server_first,
		       struct strv cb_data, struct strv *ret)
{
	struct server_first f;
	struct strv without_proof, cb_input, text;

	if (!read_server_first(server_first, &f))
		return -EINVAL;
	/* RFC 5802 5.1: the server's nonce begins with ours, and adds to it. */
	if (f.nonce.n <= c->nonce.n || !strv_starts(f.nonce, c->nonce))
		return -EINVAL;
	cb_input = scram_cb_input(a, c->gs2_header, cb_data);
	without_proof = strv_from(arena_printf(a, "c=" STRV_FMT ",r=" STRV_FMT,
					       STRV_ARG(cb_input), STRV_ARG(f.nonce)));
	c->auth_message =
		scram_auth_message(a, c->client_first_bare, server_first, without_proof);
	digest_pbkdf2(c->alg, c->password, bytes(f.salt, f.n_salt),
		      (unsigned)f.iterations, c->salted);
	text = proof(a, c);
	*ret = strv_from(arena_printf(a, STRV_FMT ",p=" STRV_FMT, STRV_ARG(without_proof),
				      STRV_ARG(text)));
	return 0;
}

bool scram_client_verify(const struct scram_client *c, struct strv server_final)
{
	unsigned char client[DIGEST_MAX_LEN], stored[DIGEST_MAX_LEN],
		server[DIGEST_MAX_LEN], want[DIGEST_MAX_LEN], got[DIGEST_MAX_LEN];
	struct strv rest = server_final, text;
	size_t n = digest_len(c->alg), n_got;

	ASSERT(c->auth_message.p != NULL);
	if (!scram_message_is_sane(server_final) || !scram_attr_take(&rest, 'v', &text) ||
	    !scram_extensions_take(&rest) || !scram_base64_decode(text, n, got, &n_got))
		return false;
	scram_keys_expand(c->alg, c->salted, client, stored, server);
	mem_wipe(client, sizeof(client));
	digest_hmac(c->alg, bytes(server, n), c->auth_message, want);
	return n_got == n && mem_equal_ct(got, want, n);
}
