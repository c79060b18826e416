#include "xmpp/sasl/password.h"
#include "xmpp/sasl/scram.h"
#include "base/base64.h"
#include "test.h"

static struct strv str(const char *s)
{
	return strv_from(s);
}

/* --- published exchanges --- */

struct vector {
	enum digest_alg alg;
	const char *client_nonce, *server_nonce, *salt; /* base 64 */
	const char *first, *challenge, *final, *success;
};

static const struct vector vectors[] = {
	{ DIGEST_SHA1, /* RFC 5802 section 5 */
	  "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
	  "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
	  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	  "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ DIGEST_SHA256, /* RFC 7677 section 3 */
	  "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	  "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	  "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	  "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
	{ DIGEST_SHA512, /* no RFC has one; this is what other implementations test with */
	  "rOprNGfwEbeRWgbNEkqO", "02431b08-2f89-4bad-a4e6-80c0564ec865",
	  "Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=",
	  "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	  "r=rOprNGfwEbeRWgbNEkqO02431b08-2f89-4bad-a4e6-80c0564ec865,"
	  "s=Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=,i=4096",
	  "c=biws,r=rOprNGfwEbeRWgbNEkqO02431b08-2f89-4bad-a4e6-80c0564ec865,"
	  "p=Hc5yec3NmCD7t+kFRw4/3yD6/F3SQHc7AVYschRja+Bc3sbdjlA0eH1OjJc0DD4ghn1tnXN5/"
	  "Wr6qm9xmaHt4A==",
	  "v=BQuhnKHqYDwQWS5jAw4sZed+C9KFUALsbrq81bB0mh+bcUUbbMPNNmBIupnS2AmyyDnG5CTBQtkjJ9"
	  "kyY4kzmw==" },
};

/* As MongooseIM stores them, and as they are read again. */
static struct scram_keys through_a_row(struct arena *a, const struct scram_keys *k)
{
	struct credentials c = { .n_keys = 1, .keys = { *k } };
	struct strv details = credentials_details(a, &c);

	memset(&c, 0, sizeof(c));
	CHECK_INT(credentials_parse(a, STRV(""), details, &c), 0);
	CHECK_INT(c.n_keys, 1);
	return c.keys[0];
}

static void check_vector(struct arena *a, const struct vector *v)
{
	struct scram_client c = { .alg = v->alg,
				  .user = STRV("user"),
				  .password = STRV("pencil") };
	struct scram_server s;
	struct scram_keys k;
	struct strv out;
	char salt[64];
	size_t n_salt;

	CHECK(base64_decode(str(v->salt), salt, &n_salt) == 0);
	scram_derive(v->alg, STRV("pencil"), strv_make(salt, n_salt), 4096, &k);
	CHECK(scram_check_password(&k, STRV("pencil")));
	CHECK(!scram_check_password(&k, STRV("Pencil")));
	k = through_a_row(a, &k);

	CHECK_STR(scram_client_first(a, &c, STRV("n,,"), str(v->client_nonce)), v->first);
	CHECK_INT(scram_server_first(a, str(v->first), &s), SCRAM_OK);
	CHECK_STR(s.user, "user");
	CHECK_STR(scram_server_challenge(a, &s, &k, str(v->server_nonce)), v->challenge);
	CHECK_INT(scram_client_final(a, &c, str(v->challenge), STRV_NULL, &out), 0);
	CHECK_STR(out, v->final);
	CHECK_INT(scram_server_final(a, &s, &k, str(v->final), STRV_NULL, &out),
		  SCRAM_OK);
	CHECK_STR(out, v->success);
	CHECK(scram_client_verify(&c, str(v->success)));
}

TEST(scram_published_exchanges)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		check_vector(a, &vectors[i]);
}

/* --- both sides in memory --- */

struct side {
	const char *gs2;
	struct strv client_cb, server_cb;
	const char *user, *client_password, *server_password;
};

static enum scram_result talk(struct arena *a, enum digest_alg alg, const struct side *t)
{
	struct scram_client c = { .alg = alg,
				  .user = str(t->user),
				  .password = str(t->client_password) };
	struct strv first, challenge, final, success = STRV_NULL;
	struct scram_server s;
	struct scram_keys k;
	enum scram_result r;

	scram_derive(alg, str(t->server_password), STRV("salt"), 3, &k);
	first = scram_client_first(a, &c, str(t->gs2), STRV("client"));
	CHECK_INT(scram_server_first(a, first, &s), SCRAM_OK);
	CHECK_STR(s.user, t->user);
	challenge = scram_server_challenge(a, &s, &k, STRV("server"));
	CHECK_INT(scram_client_final(a, &c, challenge, t->client_cb, &final), 0);
	r = scram_server_final(a, &s, &k, final, t->server_cb, &success);
	CHECK(r == SCRAM_OK ? scram_client_verify(&c, success) : success.p == NULL);
	return r;
}

TEST(scram_all_hashes_with_and_without_binding)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const struct strv one = STRV("0123456789abcdef0123456789abcdef"),
			  other = STRV("\0\xff");
	const char *user = "a,b=c,,==\xc3\xa9";

	for (int i = 0; i < DIGEST_MAX; i++) {
		const enum digest_alg alg = (enum digest_alg)i;
#define TALK(...) talk(a, alg, &(struct side){ __VA_ARGS__ })
		CHECK_INT(TALK("n,,", one, other, user, "pw", "pw"), SCRAM_OK);
		CHECK_INT(TALK("y,,", one, other, user, "pw", "pw"), SCRAM_OK);
		CHECK_INT(TALK("p=tls-exporter,,", one, one, user, "pw", "pw"), SCRAM_OK);
		CHECK_INT(TALK("p=tls-unique,a=x,", other, other, user, "pw", "pw"),
			  SCRAM_OK);
		CHECK_INT(TALK("p=tls-exporter,,", one, other, user, "pw", "pw"),
			  SCRAM_BAD_CB);
		CHECK_INT(TALK("p=tls-exporter,,", one, STRV_NULL, user, "pw", "pw"),
			  SCRAM_BAD_CB);
		CHECK_INT(TALK("p=x,,", STRV_NULL, STRV_NULL, user, "pw", "pw"),
			  SCRAM_BAD_CB);
		CHECK_INT(TALK("n,,", one, one, user, "pw", "pw "), SCRAM_BAD_PROOF);
		CHECK_INT(TALK("p=x,,", one, one, user, "", "pw"), SCRAM_BAD_PROOF);
#undef TALK
		arena_reset(a);
	}
}

/* --- grammar --- */

TEST(scram_reads_the_gs2_header)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct scram_server s;

	CHECK_INT(scram_server_first(a, STRV("p=tls-server-end-point,a=m=2Cx=3D,n=u,r=n"),
				     &s),
		  SCRAM_OK);
	CHECK_INT(s.cb, SCRAM_CB_USED);
	CHECK_STR(s.cb_name, "tls-server-end-point");
	CHECK_STR(s.authzid, "m,x=");
	CHECK_STR(s.gs2_header, "p=tls-server-end-point,a=m=2Cx=3D,");
	CHECK_STR(s.client_first_bare, "n=u,r=n");
	CHECK_STR(s.client_nonce, "n");
	CHECK_INT(scram_server_first(a, STRV("y,,n=u,r=n,x=1,Y==,z=\xc3\xa9"), &s),
		  SCRAM_OK);
	CHECK_INT(s.cb, SCRAM_CB_UNUSED);
	CHECK_STR(s.client_first_bare, "n=u,r=n,x=1,Y==,z=\xc3\xa9");
	CHECK_STR(s.authzid, "");
	CHECK_INT(scram_server_first(a, STRV("n,,n=u,r=n"), &s), SCRAM_OK);
	CHECK_INT(s.cb, SCRAM_CB_NONE);
}

TEST(scram_refuses_bad_client_first)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const char *const bad[] = {
		"",
		"n",
		"n,",
		"n,,",
		"n,,n=u",
		"n,,n=u,",
		"n,,n=u,r=",
		"n,,n=,r=x",
		"n,,r=x,n=u",
		"n,,n=u,r=x,",
		"n,,n=u,r=x,,",
		"n,,n=u,r=x,y",
		"n,,n=u,r=x,y=",
		"n,,n=u,r=x,1=2",
		"n,,n=u,r=x,m=1",
		"n,,m=1,n=u,r=x",
		"n,,n=u,m=1,r=x",
		"n,,n=u,r=x,r=x",
		"n,,n=u,r=x,n=v",
		"n,,n=u,r=x,a=1",
		"n,,n=u,r=x,p=1",
		"n,,x=1,n=u,r=x",
		"n,,n=u,r=a b",
		"n,,n=u,r=\xc3\xa9",
		"n,,n=u,r=a\x7f",
		"n,,n=u=,r=x",
		"n,,n=u=2c,r=x",
		"n,,n=u=3,r=x",
		"n,,n==2,r=x",
		"n,,n=\xff,r=x",
		"n,,n=u,r=x,y=\xc0\x80",
		"N,,n=u,r=x",
		"nn,,n=u,r=x",
		"p,,n=u,r=x",
		"p=,,n=u,r=x",
		"p=a_b,,n=u,r=x",
		"p=a b,,n=u,r=x",
		"F,n,,n=u,r=x",
		",,n=u,r=x",
		"n,b=x,n=u,r=x",
		"n,x,n=u,r=x",
		"n=u,r=x",
		"n,,n=u,r=x,\xc3\xa9=1",
		"n,,=u,r=x",
		"n,,nn=u,r=x",
	};
	struct scram_server s, before;

	memset(&s, 0x5a, sizeof(s));
	before = s;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (scram_server_first(a, str(bad[i]), &s) != SCRAM_BAD_ENCODING)
			test_fail(__FILE__, __LINE__, "not refused: %s", bad[i]);
	CHECK_INT(scram_server_first(a, STRV("n,,n=u\0,r=x"), &s), SCRAM_BAD_ENCODING);
	CHECK_INT(scram_server_first(a, STRV_NULL, &s), SCRAM_BAD_ENCODING);
	CHECK_INT(scram_server_first(a, STRV("n,a=,n=u,r=x"), &s), SCRAM_BAD_AUTHZID);
	CHECK_INT(scram_server_first(a, STRV("n,a=x=y,n=u,r=x"), &s), SCRAM_BAD_AUTHZID);
	CHECK(memcmp(&s, &before, sizeof(s)) == 0);
}

TEST(scram_bounds_the_message)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	char text[SCRAM_MESSAGE_MAX + 1];
	struct scram_server s;

	memset(text, 'x', sizeof(text));
	memcpy(text, "n,,n=u,r=", 9);
	CHECK_INT(scram_server_first(a, strv_make(text, sizeof(text) - 1), &s), SCRAM_OK);
	CHECK_INT(scram_server_first(a, strv_make(text, sizeof(text)), &s),
		  SCRAM_BAD_ENCODING);
}

/* A client's last message, proof and all, with `extra` where extensions stand. */
static struct strv final_with(struct arena *a, const struct scram_server *s,
			      const struct scram_client *c, const char *c_and_r,
			      const char *extra)
{
	unsigned char key[DIGEST_MAX_LEN], stored[DIGEST_MAX_LEN], sign[DIGEST_MAX_LEN];
	char proof[28];
	struct strv head = str(arena_printf(a, "%s%s", c_and_r, extra)), auth;

	auth = str(arena_printf(a, STRV_FMT "," STRV_FMT "," STRV_FMT,
				STRV_ARG(s->client_first_bare), STRV_ARG(s->server_first),
				STRV_ARG(head)));
	digest_hmac(DIGEST_SHA1, strv_make((const char *)c->salted, 20),
		    STRV("Client Key"), key);
	digest(DIGEST_SHA1, strv_make((char *)key, 20), stored);
	digest_hmac(DIGEST_SHA1, strv_make((char *)stored, 20), auth, sign);
	for (int i = 0; i < 20; i++)
		key[i] ^= sign[i];
	base64_encode(key, 20, proof);
	return str(arena_printf(a, STRV_FMT ",p=%.28s", STRV_ARG(head), proof));
}

/* The proof fits each of these; what else they say decides. */
TEST(scram_reads_client_final)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct scram_client c = { .alg = DIGEST_SHA1,
				  .user = STRV("u"),
				  .password = STRV("pw") };
	struct scram_server s;
	struct scram_keys k;
	struct strv out, good = STRV_NULL;
	static const struct {
		enum scram_result want;
		const char *c_and_r, *extra;
	} rows[] = {
		{ SCRAM_OK, "c=biws,r=CS", "" },
		{ SCRAM_OK, "c=biws,r=CS", ",x=1" },
		{ SCRAM_OK, "c=biws,r=CS", ",x=1,P==,x=\xc3\xa9" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",m=1" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",x=1,m=1" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",r=CS" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", "," },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",x" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",x=" },
		{ SCRAM_BAD_ENCODING, "c=biws,r=CS", ",x=\xff" },
		{ SCRAM_BAD_ENCODING, "r=CS,c=biws", "" },
		{ SCRAM_BAD_ENCODING, "c=biws", "" },
		{ SCRAM_BAD_ENCODING, "r=CS", "" },
		{ SCRAM_BAD_ENCODING, "c=,r=CS", "" },
		{ SCRAM_BAD_ENCODING, "m=1,c=biws,r=CS", "" },
		{ SCRAM_BAD_CB, "c=eSws,r=CS", "" }, /* "y,,": not what it said first */
		{ SCRAM_BAD_CB, "c=biwsAA==,r=CS", "" }, /* data with "n" */
		{ SCRAM_BAD_CB, "c=biw,r=CS", "" },
		{ SCRAM_BAD_PROOF, "c=biws,r=C", "" },
		{ SCRAM_BAD_PROOF, "c=biws,r=CSS", "" },
		{ SCRAM_BAD_PROOF, "c=biws,r=CT", "" },
	};

	scram_derive(DIGEST_SHA1, c.password, STRV("salt"), 1, &k);
	CHECK_INT(scram_server_first(a, scram_client_first(a, &c, STRV("n,,"), STRV("C")),
				     &s),
		  0);
	CHECK_INT(scram_client_final(a, &c, scram_server_challenge(a, &s, &k, STRV("S")),
				     STRV_NULL, &good),
		  0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strv text = final_with(a, &s, &c, rows[i].c_and_r, rows[i].extra);
		if (scram_server_final(a, &s, &k, text, STRV_NULL, &out) != rows[i].want)
			test_fail(__FILE__, __LINE__, "row %zu: " STRV_FMT, i,
				  STRV_ARG(text));
	}
	CHECK(strv_eq(good, final_with(a, &s, &c, "c=biws,r=CS", "")));
	CHECK_INT(scram_server_final(a, &s, &k,
				     str(arena_printf(a, STRV_FMT ",x=1",
						      STRV_ARG(good))),
				     STRV_NULL, &out),
		  SCRAM_BAD_ENCODING);
	CHECK_INT(scram_server_final(a, &s, &k, STRV("c=biws,r=CS,p=AAAA"), STRV_NULL,
				     &out),
		  SCRAM_BAD_ENCODING);
	CHECK_INT(scram_server_final(a, &s, &k, STRV("c=biws,r=CS"), STRV_NULL, &out),
		  SCRAM_BAD_ENCODING);
}

TEST(scram_client_refuses_bad_server_messages)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct scram_client c = { .alg = DIGEST_SHA1,
				  .user = STRV("u"),
				  .password = STRV("pw") };
	struct strv out;
	static const char *const bad[] = {
		"",
		"r=CS",
		"r=CS,s=c2FsdA==",
		"r=CS,s=c2FsdA==,i=0",
		"r=CS,s=c2FsdA==,i=",
		"r=CS,s=c2FsdA==,i=01",
		"r=CS,s=c2FsdA==,i=-1",
		"r=CS,s=c2FsdA==,i=10000001",
		"r=CS,s=c2FsdA=,i=1",
		"r=CS,s=,i=1",
		"r=C,s=c2FsdA==,i=1",
		"r=DS,s=c2FsdA==,i=1",
		"m=1,r=CS,s=c2FsdA==,i=1",
		"r=CS,s=c2FsdA==,i=1,m=1",
		"s=c2FsdA==,r=CS,i=1",
		"r=CS,s=c2FsdA==,i=1,",
		"e=other-error",
	};

	(void)scram_client_first(a, &c, STRV("n,,"), STRV("C"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (scram_client_final(a, &c, str(bad[i]), STRV_NULL, &out) != -EINVAL)
			test_fail(__FILE__, __LINE__, "not refused: %s", bad[i]);
	CHECK_INT(scram_client_final(a, &c, STRV("r=CS,s=c2FsdA==,i=1,x=y"), STRV_NULL,
				     &out),
		  0);
	CHECK(!scram_client_verify(&c, STRV("e=invalid-proof")));
	CHECK(!scram_client_verify(&c, STRV("")));
}

/* --- users that do not exist --- */

TEST(scram_fake_keys_stay_the_same_and_fit_nothing)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const struct strv secret = STRV("0123456789abcdef0123456789abcdef");
	const struct strv rotated = STRV("x123456789abcdef0123456789abcdef");
	struct scram_keys k, same, other;
	struct scram_client c = { .alg = DIGEST_SHA256,
				  .user = STRV("u"),
				  .password = STRV("") };
	struct scram_server s;
	struct strv out;

	scram_fake_keys(DIGEST_SHA256, secret, STRV("u"), 4, &k);
	scram_fake_keys(DIGEST_SHA256, secret, STRV("u"), 4, &same);
	CHECK(memcmp(k.salt, same.salt, k.n_salt) == 0);
	CHECK(memcmp(k.stored_key, same.stored_key, 32) == 0);
	CHECK_INT(k.n_salt, SCRAM_SALT_LEN);
	scram_fake_keys(DIGEST_SHA256, secret, STRV("v"), 4, &other);
	CHECK(memcmp(k.salt, other.salt, k.n_salt) != 0);
	scram_fake_keys(DIGEST_SHA1, secret, STRV("u"), 4, &other);
	CHECK(memcmp(k.salt, other.salt, k.n_salt) != 0);
	scram_fake_keys(DIGEST_SHA256, rotated, STRV("u"), 4, &other);
	CHECK(memcmp(k.salt, other.salt, k.n_salt) != 0);
	CHECK(memcmp(k.stored_key, k.server_key, 32) != 0);
	CHECK(!scram_check_password(&k, STRV("")));

	CHECK_INT(scram_server_first(a, scram_client_first(a, &c, STRV("n,,"), STRV("C")),
				     &s),
		  0);
	CHECK_INT(scram_client_final(a, &c, scram_server_challenge(a, &s, &k, STRV("S")),
				     STRV_NULL, &out),
		  0);
	CHECK_INT(scram_server_final(a, &s, &k, out, STRV_NULL, &out), SCRAM_BAD_PROOF);
}
