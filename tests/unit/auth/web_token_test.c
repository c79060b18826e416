#include "auth/web_token.h"
#include "base/base64.h"
#include "base/digest.h"
#include "test.h"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOW_S = 1300819300 }; /* 80 s before the token of RFC 7515 A.1 expires */

static const char rfc_key[] =
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
static const char rfc_token[] =
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

static struct auth_backend *start(enum auth_jwt_key kind, const char *key,
				  const char *algorithm, const char *username_key)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_jwt_conf conf = { .kind = kind,
				      .key = key,
				      .algorithm = algorithm,
				      .username_key = username_key };
	struct auth_backend *b = NULL;

	CHECK_INT(auth_jwt_new(&conf, &b, &err), 0);
	return b;
}

/* Straight: the pool is another test's. */
static int check(struct auth_backend *b, const char *user, const char *token)
{
	struct auth_call c = { .op = AUTH_CHECK,
			       .user = strv_from(user),
			       .domain = STRV("example.net"),
			       .password = strv_from(token),
			       .backend = b };

	return b->ops->call(NULL, &c);
}

static char *make_token(jwt_alg_t alg, const char *key, const char *claims)
{
	jwt_t *jwt = NULL;
	char *text;

	jwt_new(&jwt);
	jwt_add_grants_json(jwt, claims);
	jwt_set_alg(jwt, alg, (const unsigned char *)key, (int)strlen(key));
	text = jwt_encode_str(jwt);
	jwt_free(jwt);
	return text;
}

static int check_claims(struct auth_backend *b, const char *key, const char *claims)
{
	char *token = make_token(JWT_ALG_HS256, key, claims);
	int r = check(b, "joe", token);

	free(token);
	return r;
}

/* A file with these bytes; unlinked by the caller. */
static void write_file(char *path, const void *bytes, size_t n)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	CHECK(fwrite(bytes, 1, n, f) == n);
	fclose(f);
}

TEST(jwt_takes_the_token_of_rfc_7515_until_it_expires)
{
	char path[] = "/tmp/meerkat-jwt-XXXXXX", text[128];
	unsigned char key[96];
	size_t n;
	struct auth_backend *b;

	snprintf(text, sizeof(text), "%s==", rfc_key);
	for (char *c = text; *c; c++)
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
	CHECK_INT(base64_decode(strv_from(text), key, &n), 0);
	write_file(path, key, n);
	b = start(AUTH_JWT_FILE, path, "HS256", "iss");
	unlink(path);
	clock_fake_set(1000, (wallus_t)NOW_S * 1000000);
	CHECK_INT(check(b, "joe", rfc_token), 0);
	CHECK_INT(check(b, "jane", rfc_token), -EACCES);
	clock_fake_set(1000, (wallus_t)(NOW_S + 80 + AUTH_JWT_LEEWAY_S) * 1000000);
	CHECK_INT(check(b, "joe", rfc_token), -EACCES);
	clock_fake_off();
	auth_backend_free(&b);
}

TEST(jwt_looks_at_every_claim)
{
	struct auth_backend *b = start(AUTH_JWT_VALUE, "secret", "HS256", "user");

	clock_fake_set(1000, (wallus_t)NOW_S * 1000000);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\"}"), 0);
	CHECK_INT(check_claims(b, "other", "{\"user\":\"joe\"}"), -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"jane\"}"), -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"user\":1}"), -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"name\":\"joe\"}"), -EACCES);
	/* the leeway is 30 s, either way */
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"exp\":1300819280}"), 0);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"exp\":1300819270}"),
		  -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"nbf\":1300819320}"), 0);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"nbf\":1300819340}"),
		  -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"iat\":1300819340}"),
		  -EACCES);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"exp\":1300819300.5}"),
		  0);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\",\"exp\":\"never\"}"),
		  -EACCES);
	clock_fake_off();
	auth_backend_free(&b);
}

TEST(jwt_refuses_what_is_no_token)
{
	static const char *const bad[] = { "", ".", "..", "a.b.c", "correct horse" };
	struct auth_backend *b = start(AUTH_JWT_VALUE, "secret", "HS256", "user");
	char *token = make_token(JWT_ALG_HS256, "secret", "{\"user\":\"joe\"}");
	size_t n = strlen(token);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(check(b, "joe", bad[i]), -EACCES);
	CHECK_INT(check(b, "joe", token), 0);
	for (size_t i = 0; i < n; i++) { /* cut anywhere */
		char c = token[i];
		token[i] = '\0';
		CHECK_INT(check(b, "joe", token), -EACCES);
		token[i] = c;
	}
	free(token);
	auth_backend_free(&b);
}

TEST(jwt_takes_the_configured_algorithm_alone)
{
	static const char claims[] = "{\"user\":\"joe\"}";
	struct auth_backend *b = start(AUTH_JWT_VALUE, "secret", "HS386", "user");
	char *t384 = make_token(JWT_ALG_HS384, "secret", claims),
	     *t256 = make_token(JWT_ALG_HS256, "secret", claims),
	     *none = make_token(JWT_ALG_NONE, "", claims);

	CHECK_INT(check(b, "joe", t384), 0);
	CHECK_INT(check(b, "joe", t256), -EACCES);
	CHECK_INT(check(b, "joe", none), -EACCES);
	free(t384);
	free(t256);
	free(none);
	auth_backend_free(&b);
}

/* Both halves as PEM. */
static void make_keys(EVP_PKEY *k, char private[4096], char public[4096])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL);
	n = BIO_read(bio, private, 4095);
	private[n] = '\0';
	PEM_write_bio_PUBKEY(bio, k);
	n = BIO_read(bio, public, 4095);
	public[n] = '\0';
	BIO_free(bio);
	EVP_PKEY_free(k);
}

TEST(jwt_verifies_public_keys_and_is_not_confused_about_them)
{
	static const char claims[] = "{\"user\":\"joe\"}";
	char private[4096], public[4096], *token;
	struct auth_backend *b;

	make_keys(EVP_RSA_gen(2048), private, public);
	b = start(AUTH_JWT_VALUE, public, "RS256", "user");
	token = make_token(JWT_ALG_RS256, private, claims);
	CHECK_INT(check(b, "joe", token), 0);
	free(token);
	token = make_token(JWT_ALG_HS256, public,
			   claims); /* the public key as a secret */
	CHECK_INT(check(b, "joe", token), -EACCES);
	free(token);
	auth_backend_free(&b);

	make_keys(EVP_EC_gen("P-256"), private, public);
	b = start(AUTH_JWT_VALUE, public, "ES256", "user");
	token = make_token(JWT_ALG_ES256, private, claims);
	CHECK_INT(check(b, "joe", token), 0);
	CHECK_INT(check(b, "jane", token), -EACCES);
	free(token);
	auth_backend_free(&b);
}

static char said[256]; /* by the last refused() */

static int refused(const char *algorithm, enum auth_jwt_key kind, const char *key)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_jwt_conf conf = {
		.kind = kind, .key = key, .algorithm = algorithm, .username_key = "user"
	};
	struct auth_backend *b = NULL;
	int r = auth_jwt_new(&conf, &b, &err);

	CHECK(r < 0 ? err.n > 0 : b != NULL);
	snprintf(said, sizeof(said), "%s", buf_cstr(&err));
	auth_backend_free(&b);
	return r;
}

TEST(jwt_refuses_keys_that_cannot_verify_anything)
{
	char private[4096], public[4096];

	make_keys(EVP_EC_gen("P-256"), private, public);
	CHECK_INT(refused("HS256", AUTH_JWT_VALUE, ""), -EINVAL);
	CHECK_INT(refused("RS256", AUTH_JWT_VALUE, "secret"), -EINVAL);
	CHECK_INT(refused("RS256", AUTH_JWT_VALUE, public), -EINVAL);
	CHECK_INT(refused("ES256", AUTH_JWT_VALUE, public), 0);
	CHECK_INT(refused("ES384", AUTH_JWT_VALUE, public), -EINVAL);
	CHECK_INT(refused("ES386", AUTH_JWT_VALUE, public), -EINVAL);
	CHECK_INT(refused("ES512", AUTH_JWT_VALUE, public), -EINVAL);
	CHECK_INT(refused("HS256", AUTH_JWT_VALUE, public), -EINVAL); /* no secret */
	make_keys(EVP_EC_gen("P-384"), private, public);
	CHECK_INT(refused("ES384", AUTH_JWT_VALUE, public), 0);
	CHECK_INT(refused("ES256", AUTH_JWT_VALUE, public), -EINVAL);
	make_keys(EVP_EC_gen("secp256k1"), private, public);
	CHECK_INT(refused("ES256", AUTH_JWT_VALUE, public), -EINVAL);
	CHECK_INT(refused("HS256", AUTH_JWT_FILE, "/nonexistent"), -EINVAL);
	CHECK_INT(refused("HS256", AUTH_JWT_ENV, "MEERKAT_TEST_JWT"), 0);
	CHECK(strstr(said, "no variable of that name"));
	setenv("MEERKAT_TEST_JWT", "short", 1);
	CHECK_INT(refused("HS256", AUTH_JWT_ENV, "MEERKAT_TEST_JWT"), 0);
	CHECK(strstr(said, "may be guessed") && !strstr(said, "short"));
	CHECK_INT(refused("RS256", AUTH_JWT_ENV, "MEERKAT_TEST_JWT"), 0);
	CHECK(strstr(said, "expected a public key") && !strstr(said, "short"));
	setenv("MEERKAT_TEST_JWT", "a secret of thirty-two bytes, or more", 1);
	CHECK_INT(refused("HS256", AUTH_JWT_ENV, "MEERKAT_TEST_JWT"), 0);
	CHECK(said[0] == '\0');
	unsetenv("MEERKAT_TEST_JWT");
}

TEST(jwt_reads_the_environment_for_each_token)
{
	struct auth_backend *b = start(AUTH_JWT_ENV, "MEERKAT_TEST_JWT", "HS256", "user");

	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\"}"), -EIO);
	setenv("MEERKAT_TEST_JWT", "secret", 1);
	CHECK_INT(check_claims(b, "secret", "{\"user\":\"joe\"}"), 0);
	unsetenv("MEERKAT_TEST_JWT");
	auth_backend_free(&b);
}

/* --- tokens that the library would not make --- */

static char *url(char *to, const void *p, size_t n)
{
	size_t len = base64_encoded_len(n);

	base64_encode(p, n, to);
	while (len > 0 && to[len - 1] == '=')
		len--;
	to[len] = '\0';
	for (char *c = to; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return to + len;
}

static int check_raw(const char *header, const char *payload)
{
	static const char secret[] = "a secret of more than 32 bytes, for HS256";
	struct auth_backend *b = start(AUTH_JWT_VALUE, secret, "HS256", "user");
	unsigned char mac[DIGEST_MAX_LEN];
	char token[4096], *at = url(token, header, strlen(header));
	int r;

	*at++ = '.';
	at = url(at, payload, strlen(payload));
	digest_hmac(DIGEST_SHA256, strv_from(secret),
		    strv_make(token, (size_t)(at - token)), mac);
	*at++ = '.';
	url(at, mac, digest_len(DIGEST_SHA256));
	r = check(b, "joe", token);
	auth_backend_free(&b);
	return r;
}

TEST(jwt_looks_at_the_header)
{
	static const char claims[] = "{\"user\":\"joe\"}";
	static const struct {
		const char *header;
		int want;
	} t[] = {
		{ "{\"alg\":\"HS256\"}", 0 },
		{ " {\"typ\":\"JWT\", \"alg\":\"HS256\",\"kid\":\"1\"} ", 0 },
		{ "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", 0 },
		{ "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", 0 },
		{ "{\"alg\":\"HS256\",\"typ\":\"application/at+JWT\"}", 0 },
		{ "{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", -EACCES },
		{ "{\"alg\":\"HS256\",\"typ\":1}", -EACCES },
		{ "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", -EACCES },
		{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", -EACCES },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", -EACCES },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\"}", -EACCES },
		{ "{\"alg\":\"hs256\"}", -EACCES },
		{ "{\"alg\":\"HS512\"}", -EACCES },
		{ "{\"alg\":1}", -EACCES },
		{ "{}", -EACCES },
		{ "[\"alg\",\"HS256\"]", -EACCES },
		{ "", -EACCES },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		CHECK_INT(check_raw(t[i].header, claims), t[i].want);
}

TEST(jwt_looks_at_the_payload_as_it_was_signed)
{
	static const char header[] = "{\"alg\":\"HS256\"}";

	CHECK_INT(check_raw(header, "{\"user\":\"joe\"}"), 0);
	CHECK_INT(check_raw(header, "{\"user\":\"jane\",\"user\":\"joe\"}"), -EACCES);
	CHECK_INT(check_raw(header, "{\"user\":\"joe\",\"x\":{\"y\":1,\"y\":1}}"),
		  -EACCES);
	CHECK_INT(check_raw(header, "{\"user\":\"joe\\u0000\"}"), -EACCES);
	CHECK_INT(check_raw(header, "{\"user\":\"joe\"} {}"), -EACCES);
	CHECK_INT(check_raw(header, "[\"user\",\"joe\"]"), -EACCES);
	CHECK_INT(check_raw(header, ""), -EACCES);
}

TEST(jwt_takes_base_64_as_it_is_written_for_urls)
{
	struct auth_backend *b = start(AUTH_JWT_VALUE, "secret", "HS256", "user");
	char *token = make_token(JWT_ALG_HS256, "secret", "{\"user\":\"joe\"}"),
	     text[512];

	CHECK_INT(check(b, "joe", token), 0);
	snprintf(text, sizeof(text), "%s=", token);
	CHECK_INT(check(b, "joe", text), -EACCES);
	snprintf(text, sizeof(text), "%s.x", token);
	CHECK_INT(check(b, "joe", text), -EACCES);
	snprintf(text, sizeof(text), "%s\n", token);
	CHECK_INT(check(b, "joe", text), -EACCES);
	snprintf(text, sizeof(text), " %s", token);
	CHECK_INT(check(b, "joe", text), -EACCES);
	free(token);
	auth_backend_free(&b);
}

/* Another implementation signs. */
static void check_pair(EVP_PKEY *k, const char *algorithm, jwt_alg_t alg)
{
	char private[4096], public[4096], *token, *end;
	struct auth_backend *b;

	make_keys(k, private, public);
	b = start(AUTH_JWT_VALUE, public, algorithm, "user");
	for (int i = 0; i < 8; i++) { /* numbers that begin with zeros, sometimes */
		token = make_token(alg, private, "{\"user\":\"joe\"}");
		CHECK_INT(check(b, "joe", token), 0);
		end = strrchr(token, '.') + 10;
		*end = *end == 'A' ? 'B' : 'A';
		CHECK_INT(check(b, "joe", token), -EACCES);
		free(token);
	}
	auth_backend_free(&b);
}

TEST(jwt_verifies_what_others_sign)
{
	check_pair(EVP_EC_gen("P-256"), "ES256", JWT_ALG_ES256);
	check_pair(EVP_EC_gen("P-384"), "ES386", JWT_ALG_ES384);
	check_pair(EVP_EC_gen("P-521"), "ES512", JWT_ALG_ES512);
	check_pair(EVP_RSA_gen(2048), "RS256", JWT_ALG_RS256);
	check_pair(EVP_RSA_gen(2048), "RS384", JWT_ALG_RS384);
	check_pair(EVP_RSA_gen(2048), "RS512", JWT_ALG_RS512);
}

/* What is said of a key that is used all the same. */
static void check_warning(const char *algorithm, const char *key, const char *want)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_jwt_conf conf = { .kind = AUTH_JWT_VALUE,
				      .key = key,
				      .algorithm = algorithm,
				      .username_key = "user" };
	struct auth_backend *b = NULL;

	CHECK_INT(auth_jwt_new(&conf, &b, &err), 0);
	CHECK_STR(buf_strv(&err), want);
	auth_backend_free(&b);
}

TEST(jwt_warns_of_weak_keys)
{
	char private[4096], public[4096];

	check_warning("HS256", "0123456789abcdef0123456789abcdef", "");
	check_warning(
		"HS256", "0123456789abcdef0123456789abcde",
		"HS256 wants a secret of at least 32 bytes (RFC 7518): this one may be "
		"guessed");
	check_warning(
		"HS512", "0123456789abcdef0123456789abcdef",
		"HS512 wants a secret of at least 64 bytes (RFC 7518): this one may be "
		"guessed");
	make_keys(EVP_RSA_gen(1024), private, public);
	check_warning(
		"RS256", public,
		"RS256 wants a key of at least 2048 bits (RFC 7518): this one may be "
		"guessed");
	make_keys(EVP_RSA_gen(2048), private, public);
	check_warning("RS256", public, "");
}

TEST(jwt_looks_at_a_key_of_the_environment)
{
	char private[4096], public[4096];
	struct auth_backend *b = start(AUTH_JWT_ENV, "MEERKAT_TEST_JWT", "HS256", "user");

	make_keys(EVP_EC_gen("P-256"), private, public);
	setenv("MEERKAT_TEST_JWT", public, 1);
	CHECK_INT(check_claims(b, public, "{\"user\":\"joe\"}"), -EIO);
	unsetenv("MEERKAT_TEST_JWT");
	auth_backend_free(&b);
}
