/* Which stored credentials are brought up to date at a login. */
#include "core/account/account_upgrade.h"
#include "test.h"

enum {
	SHA1 = 1u << DIGEST_SHA1,
	SHA256 = 1u << DIGEST_SHA256,
	SHA512 = 1u << DIGEST_SHA512
};

static bool outdated(unsigned stored, uint32_t iterations, unsigned wanted,
		     uint32_t wanted_iterations)
{
	struct conf_auth auth = { .hashes = wanted,
				  .scram_iterations = wanted_iterations };
	struct credentials c = { 0 };

	for (unsigned alg = 0; alg < DIGEST_MAX; alg++)
		if (stored & (1u << alg))
			c.keys[c.n_keys++] =
				(struct scram_keys){ .alg = (enum digest_alg)alg,
						     .iterations = iterations };
	return account_is_outdated(&auth, &c);
}

TEST(upgrade_of_keys)
{
	CHECK(!outdated(SHA1, 10, SHA1, 10));
	CHECK(!outdated(SHA1, 11, SHA1, 10));
	CHECK(outdated(SHA1, 9, SHA1, 10));
	CHECK(outdated(SHA1, 10, SHA1 | SHA256, 10));
	CHECK(outdated(SHA256, 10, SHA1, 10));
	CHECK(!outdated(SHA1 | SHA512, 10, SHA512, 10));
	CHECK(!outdated(SHA1 | SHA512, 10, SHA1 | SHA512, 10));
	CHECK(outdated(SHA1 | SHA512, 9, SHA512, 10));
}

TEST(upgrade_of_plain_text)
{
	struct conf_auth auth = { .hashes = SHA1, .scram_iterations = 10 };
	struct credentials c = { .has_plain = true, .plain = STRV("secret") };

	CHECK(account_is_outdated(&auth, &c));
	auth.store_plain = true;
	CHECK(!account_is_outdated(&auth, &c));
	c = (struct credentials){ 0 };
	CHECK(!account_is_outdated(&auth, &c));
}
