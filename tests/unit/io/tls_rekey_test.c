/* KeyUpdates that the server begins on its own account, on a connection with OpenSSL's client at its
 * other end: a key that is used up is replaced in the midst of what both have to say, in both
 * directions at once. Keys are used up early here; when they are otherwise, tls_record_keys_test.c
 * says. */
#include "pair.h"
#include "io/tls_record.h"

/* How often, as the client sees it. */
struct seen {
	unsigned update;  /* KeyUpdates that want none of the other side's */
	unsigned ask;	  /* ... and that do */
	unsigned records; /* with the present key */
	unsigned most;	  /* ... and with any */
};

struct updates {
	struct seen from[2]; /* by OpenSSL's `writes`: the server, the client */
};

static void on_message(int writes, int version, int type, const void *p, size_t n,
		       SSL *ssl, void *arg)
{
	struct seen *s = &((struct updates *)arg)->from[writes];
	const unsigned char *m = p;

	if (type == SSL3_RT_HEADER) {
		s->records++;
		s->most = MAX(s->most, s->records);
	}
	if (type != SSL3_RT_HANDSHAKE || n != 5 || m[0] != SSL3_MT_KEY_UPDATE)
		return;
	s->update += m[4] == SSL_KEY_UPDATE_NOT_REQUESTED;
	s->ask += m[4] == SSL_KEY_UPDATE_REQUESTED;
	s->records = 0;
}

static const char *const suites[] = {
	"TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256",
};

enum { BLOCK = 100000, RECORDS = 7 /* in one */ };

static const char *block(void) /* bytes that do not repeat soon */
{
	static char b[BLOCK];

	for (size_t i = 0; i + 4 <= sizeof(b); i += 4)
		memcpy(b + i, &(uint32_t){ (uint32_t)i * 2654435761u + 1 }, 4);
	return b;
}

static void open_watched(struct pair *t, const char *suite, uint32_t after,
			 struct updates *u)
{
	struct tls_conf conf = { .versions = 1u << TLS_V1_3, .ciphers = suite };
	struct tls_ctx *ctx = pair_ctx(&conf);

	*u = (struct updates){ 0 };
	tls_record_rekey_early(after);
	pair_open(t, PAIR_TCP, ctx, TLS1_3_VERSION);
	tls_ctx_unref(&ctx);
	CHECK(tls_has_own_records(conn_tls(t->s.conn)));
	CHECK_STR(strv_from(SSL_get_cipher_name(t->p.ssl)), suite);
	SSL_set_msg_callback(t->p.ssl, on_message);
	SSL_set_msg_callback_arg(t->p.ssl, u);
}

/* A block in each direction, under way at the same time. */
static void talk(struct pair *t)
{
	buf_clear(&t->s.got);
	buf_clear(&t->p.got);
	buf_put(conn_out(t->s.conn), strv_make(block(), BLOCK));
	peer_send(t, block(), BLOCK);
	PAIR_UNTIL(t, t->s.got.n == BLOCK && t->p.got.n == BLOCK);
	CHECK(memcmp(t->s.got.p, block(), BLOCK) == 0);
	CHECK(memcmp(t->p.got.p, block(), BLOCK) == 0);
}

TEST(tls_rekey_in_the_midst_of_many_megabytes)
{
	enum { ROUNDS = 80, AFTER = 25 };

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct updates u;
		struct pair t;

		open_watched(&t, suites[i], AFTER, &u);
		for (int round = 0; round < ROUNDS; round++)
			talk(&t);
		CHECK(t.s.conn != NULL && !t.p.failed);
		/* Its own keys, each used for AFTER records and the KeyUpdate. */
		CHECK(u.from[0].most <= AFTER + 1);
		CHECK(u.from[0].update + u.from[0].ask >= ROUNDS * RECORDS / (AFTER + 1));
		/* The client's: it is asked, and answers with what it sends next. */
		CHECK(u.from[0].ask > 5 && u.from[1].update + 1 >= u.from[0].ask);
		CHECK(u.from[1].most >= AFTER && u.from[1].most < AFTER + 3 * RECORDS);
		CHECK_INT(u.from[1].ask, 0);
		pair_close(&t);
	}
	tls_record_rekey_early(TLS_REKEY_AFTER);
}

/* Both sides want new keys before they have heard of each other. */
TEST(tls_rekey_crosses_the_clients)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct updates u;
		struct pair t;

		open_watched(&t, suites[i], TLS_REKEY_AFTER, &u);
		for (int round = 0; round < 10; round++) {
			tls_record_rekey_early(1);
			CHECK_INT(SSL_key_update(t.p.ssl,
						 round % 2
							 ? SSL_KEY_UPDATE_REQUESTED
							 : SSL_KEY_UPDATE_NOT_REQUESTED),
				  1);
			side_write(&t.s, "one");
			side_write(&t.s, "two");
			CHECK_INT(SSL_write(t.p.ssl, "three", 5), 5);
			PAIR_UNTIL(&t, t.s.got.n == 5 && t.p.got.n == 6);
			tls_record_rekey_early(TLS_REKEY_AFTER);
			talk(&t);
			buf_clear(&t.s.got);
			buf_clear(&t.p.got);
		}
		CHECK_INT(u.from[1].ask, 5);
		CHECK(u.from[0].update + u.from[0].ask >= 10);
		pair_close(&t);
	}
}

/* Nobody does so without need. */
TEST(tls_rekey_is_rare)
{
	struct updates u;
	struct pair t;

	open_watched(&t, suites[0], TLS_REKEY_AFTER, &u);
	for (int round = 0; round < 20; round++)
		talk(&t);
	CHECK_INT(u.from[0].update + u.from[0].ask + u.from[1].update + u.from[1].ask, 0);
	pair_close(&t);
}
