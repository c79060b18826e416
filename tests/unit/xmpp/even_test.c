/* Whoever tries a password learns from neither the answer nor the work whether there is such an
 * account. */
#include "base/digest.h"
#include "test.h"
#include "xmpp/sasl/password.h"

enum { ITERATIONS = 64 };

static const struct strv secret = STRV("0123456789abcdef0123456789abcdef");

static struct credentials_usual usual_of(bool keys, enum digest_alg alg)
{
	struct credentials_usual u = { .keys = keys };

	scram_fake_keys(alg, secret, STRV("romeo@example.net"), ITERATIONS, &u.made_up);
	return u;
}

static uint64_t work_of(const struct credentials *c, bool has_keys, const char *password,
			bool want)
{
	struct credentials_usual u = usual_of(has_keys, DIGEST_SHA1);
	struct password_forms f = { 1, { strv_from(password) } };
	uint64_t before = digest_count();

	CHECK_INT(credentials_check_evenly(c, &u, &f), want);
	return digest_count() - before;
}

TEST(even_is_the_work_of_each_check)
{
	static const struct credentials text = { .has_plain = true,
						 .plain = STRV("secret"),
						 .plain_for_keys = STRV("secret") };
	static const struct credentials nothing;
	struct credentials keys;
	uint64_t usual;

	credentials_derive(STRV("secret"), 1u << DIGEST_SHA1 | 1u << DIGEST_SHA512,
			   ITERATIONS, &keys);
	usual = work_of(&keys, true, "wrong", false);
	CHECK(usual >= 2 * ITERATIONS);
	CHECK_INT(work_of(&keys, true, "secret", true), usual);
	CHECK_INT(work_of(NULL, true, "wrong", false), usual);
	CHECK_INT(work_of(NULL, true, "nobody", false), usual);
	CHECK_INT(work_of(&text, true, "wrong", false), usual);
	CHECK_INT(work_of(&text, true, "secret", true), usual);
	CHECK_INT(work_of(&nothing, true, "wrong", false), usual);
	/* Keys where nobody knew of any. */
	CHECK_INT(work_of(&keys, false, "wrong", false), usual);

	usual = work_of(&text, false, "wrong", false);
	CHECK(usual < ITERATIONS);
	CHECK_INT(work_of(&text, false, "secret", true), usual);
	CHECK_INT(work_of(NULL, false, "wrong", false), usual);
	CHECK_INT(work_of(NULL, false, "nobody", false), usual);
}

TEST(even_is_the_work_for_keys_of_plain_text)
{
	static const struct credentials text = { .has_plain = true,
						 .plain = STRV("secret"),
						 .plain_for_keys = STRV("secret") };

	for (enum digest_alg alg = 0; alg < DIGEST_MAX; alg++) {
		struct credentials_usual u = usual_of(false, alg), was = u;
		uint64_t before = digest_count(), work;

		credentials_derive_evenly(NULL, &u.made_up);
		work = digest_count() - before;
		CHECK(work >= 2 * ITERATIONS);
		CHECK(memcmp(&u, &was, sizeof(u)) == 0);
		before = digest_count();
		credentials_derive_evenly(&text, &u.made_up);
		CHECK_INT(digest_count() - before, work);
		CHECK(scram_check_password(&u.made_up, STRV("secret")));
		CHECK(u.made_up.n_salt == was.made_up.n_salt &&
		      memcmp(u.made_up.salt, was.made_up.salt, u.made_up.n_salt) == 0);
	}
}

/* One exchange, as far as the proof: the server's challenge, its verdict, and its work. */
static uint64_t exchange(struct arena *a, const struct scram_keys *keys,
			 struct strv *challenge, enum scram_result *verdict)
{
	struct scram_server s;
	struct strv cb = STRV_NULL, out, final;
	char proof[128], nonce[] = "0123456789012345678901234567890123456789";
	uint64_t before;

	CHECK_INT(scram_server_first(a, STRV("n,,n=romeo,r=client"), &s), SCRAM_OK);
	nonce[SCRAM_NONCE_LEN] = '\0';
	before = digest_count();
	*challenge = scram_server_challenge(a, &s, keys, strv_from(nonce));
	memset(proof, 'A', sizeof(proof));
	out = strv_make(proof, 4 * ((digest_len(keys->alg) + 2) / 3));
	if (digest_len(keys->alg) % 3)
		memset(proof + out.n - (3 - digest_len(keys->alg) % 3), '=',
		       3 - digest_len(keys->alg) % 3);
	final = strv_from(
		arena_printf(a, "c=biws,r=client%s,p=" STRV_FMT, nonce, STRV_ARG(out)));
	*verdict = scram_server_final(a, &s, keys, final, cb, &out);
	return digest_count() - before;
}

TEST(even_are_the_challenges_of_scram)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);

	for (enum digest_alg alg = 0; alg < DIGEST_MAX; alg++) {
		struct credentials real;
		struct credentials_usual u = usual_of(true, alg),
					 again = usual_of(true, alg);
		struct strv known, unknown;
		enum scram_result one, other;
		uint64_t work;

		credentials_derive(STRV("secret"), 1u << alg, ITERATIONS, &real);
		work = exchange(a, credentials_keys(&real, alg), &known, &one);
		CHECK_INT(exchange(a, &u.made_up, &unknown, &other), work);
		CHECK_INT(one, SCRAM_BAD_PROOF);
		CHECK_INT(other, one);
		CHECK_INT(unknown.n, known.n); /* a salt as long, and as many rounds */
		CHECK_STR(strv_from_pos(unknown, unknown.n - 5), ",i=64");
		CHECK_STR(strv_from_pos(known, known.n - 5), ",i=64");
		CHECK(memcmp(&u.made_up, &again.made_up, sizeof(u.made_up)) == 0);
	}
}
