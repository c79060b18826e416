/* Tickets: who gets one, what opens it, for how long; and the log of keys. */
#include "ca.h"
#include "pair.h"
#include "base/clock.h"

#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>

static struct tls_ctx *ticket_ctx(bool openssl)
{
	struct tls_conf conf = { .tickets = true, .openssl_records = openssl };

	return pair_ctx(&conf);
}

static const char *client_suites; /* NULL: OpenSSL's */

/* One connection, which gives `*session` if there is one, and leaves what it has got there; whether
 * it was resumed. */
static bool meet(struct tls_ctx *ctx, int version, SSL_SESSION **session,
		 const struct made *client)
{
	struct pair t;
	bool resumed;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, version, version);
	if (*session)
		CHECK_INT(SSL_set_session(t.p.ssl, *session), 1);
	if (client_suites)
		CHECK_INT(SSL_set_ciphersuites(t.p.ssl, client_suites), 1);
	if (client) {
		CHECK_INT(SSL_use_certificate(t.p.ssl, client->x), 1);
		CHECK_INT(SSL_use_PrivateKey(t.p.ssl, client->key), 1);
	}
	PAIR_UNTIL(&t, t.s.n_secured && SSL_is_init_finished(t.p.ssl));
	side_write(&t.s, "hello");
	PAIR_UNTIL(&t, t.p.got.n == 5); /* a ticket comes before */
	resumed = tls_is_resumed(conn_tls(t.s.conn));
	CHECK_INT(resumed, SSL_session_reused(t.p.ssl));
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(t.p.ssl);
	/* It would not be resumed if the connection had not ended well. */
	SSL_set_shutdown(t.p.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	pair_close(&t);
	return resumed;
}

static bool is_same_ticket(const SSL_SESSION *a, const SSL_SESSION *b)
{
	const unsigned char *p, *q;
	size_t n, m;

	SSL_SESSION_get0_ticket(a, &p, &n);
	SSL_SESSION_get0_ticket(b, &q, &m);
	return n == m && memcmp(p, q, n) == 0;
}

static void check_resumes(bool openssl)
{
	struct tls_ctx *ctx = ticket_ctx(openssl);
	SSL_SESSION *s = NULL;

	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	CHECK(SSL_SESSION_is_resumable(s) && SSL_SESSION_has_ticket(s));
	CHECK_INT(SSL_SESSION_get_ticket_lifetime_hint(s), TLS_TICKET_LIFE_S);
	CHECK_INT(SSL_SESSION_get_max_early_data(s), 0);
	for (int i = 0; i < 3; i++) {
		SSL_SESSION *last = SSL_SESSION_dup(s);

		CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
		CHECK(!is_same_ticket(s, last));
		SSL_SESSION_free(last);
	}
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

TEST(tls_ticket_resumes_a_session)
{
	check_resumes(false);
	check_resumes(true);
}

TEST(tls_ticket_is_of_one_context)
{
	struct tls_ctx *one = ticket_ctx(false), *other = ticket_ctx(false),
		       *openssl = ticket_ctx(true), *none = pair_ctx(NULL);
	SSL_SESSION *s = NULL;

	CHECK(!meet(one, TLS1_3_VERSION, &s, NULL));
	CHECK(!meet(other, TLS1_3_VERSION, &s, NULL));
	CHECK(!meet(openssl, TLS1_3_VERSION, &s, NULL));
	CHECK(!meet(one, TLS1_3_VERSION, &s, NULL));
	CHECK(!meet(none, TLS1_3_VERSION, &s, NULL));
	CHECK(!SSL_SESSION_has_ticket(s));
	SSL_SESSION_free(s);
	tls_ctx_unref(&one);
	tls_ctx_unref(&other);
	tls_ctx_unref(&openssl);
	tls_ctx_unref(&none);
}

/* With one byte of its ticket changed. */
static SSL_SESSION *forge(const SSL_SESSION *s, size_t at)
{
	unsigned char der[4096], *end = der, *found;
	const unsigned char *ticket, *p = der;
	size_t n;

	SSL_SESSION_get0_ticket(s, &ticket, &n);
	CHECK(at < n && i2d_SSL_SESSION(s, NULL) <= (int)sizeof(der));
	i2d_SSL_SESSION(s, &end);
	found = memmem(der, (size_t)(end - der), ticket, n);
	CHECK(found != NULL);
	found[at] ^= 0x20;
	return d2i_SSL_SESSION(NULL, &p, end - der);
}

/* ... and what is forged leads to a full handshake, not to a failure. */
TEST(tls_ticket_is_small_and_cannot_be_changed)
{
	static const size_t at[] = { 0, 15, 16, 27, 28, 30, 45, 46, 77, 78, 93 };
	struct tls_ctx *ctx = ticket_ctx(false);
	SSL_SESSION *s = NULL, *forged;
	const unsigned char *ticket;
	size_t n;

	client_suites = "TLS_AES_128_GCM_SHA256";
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	SSL_SESSION_get0_ticket(s, &ticket, &n);
	CHECK_INT(n, 94);
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		forged = forge(s, at[i]);
		CHECK(!meet(ctx, TLS1_3_VERSION, &forged, NULL));
		SSL_SESSION_free(forged);
	}
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	client_suites = NULL;
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

/* RFC 8446 4.2.11: a key is for suites with one hash. */
TEST(tls_ticket_is_for_one_hash)
{
	struct tls_ctx *ctx = ticket_ctx(false);
	SSL_SESSION *s = NULL;

	client_suites = "TLS_AES_256_GCM_SHA384";
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	client_suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL)); /* goes on with that of the ticket */
	client_suites = "TLS_AES_128_GCM_SHA256";
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	client_suites = NULL;
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

TEST(tls_ticket_is_not_for_older_versions)
{
	struct tls_ctx *ctx = ticket_ctx(false);
	SSL_SESSION *s = NULL;

	for (int i = 0; i < 2; i++)
		CHECK(!meet(ctx, TLS1_2_VERSION, &s, NULL));
	CHECK(!SSL_SESSION_has_ticket(s));
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

/* A key seals for one life and opens for two; a ticket lives for one. */
TEST(tls_ticket_keys_go_by)
{
	struct tls_ctx *ctx = ticket_ctx(false);
	SSL_SESSION *s = NULL, *old;
	msec_t life = (msec_t)TLS_TICKET_LIFE_S * 1000;

	clock_fake_set(5000, 0);
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	old = SSL_SESSION_dup(s);
	clock_fake_advance(life - 1);
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	clock_fake_advance(1); /* the first key is the older one now */
	CHECK(!meet(ctx, TLS1_3_VERSION, &old, NULL));
	SSL_SESSION_free(old);
	clock_fake_advance(life - 2);
	old = SSL_SESSION_dup(s);
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	clock_fake_advance(2); /* and is gone now */
	SSL_SESSION_free(s);
	s = old;
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	clock_fake_advance(10 * life);
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	clock_fake_off();
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

/* Whether the certificate passes or not: it is looked at each time. */
static void check_certificates(bool openssl)
{
	struct made root = ca_authority("root", NULL), good = ca_client("good", &root);
	struct made bad = ca_client("bad", NULL);
	const struct made *roots[] = { &root }, *clients[] = { &good, &bad };
	struct tls_conf conf = { .tickets = true,
				 .openssl_records = openssl,
				 .verify = TLS_VERIFY_PEER,
				 .cacertfile = ca_write("roots.pem", roots, 1) };
	struct tls_ctx *ctx = pair_ctx(&conf);
	SSL_SESSION *s = NULL;

	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		CHECK(!meet(ctx, TLS1_3_VERSION, &s, clients[i]));
		CHECK(!SSL_SESSION_has_ticket(s));
	}
	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL)); /* nobody is asked who has none */
	CHECK(meet(ctx, TLS1_3_VERSION, &s, NULL));
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
	conf.must_verify = true;
	ctx = pair_ctx(&conf);
	CHECK(strv_starts(tls_ctx_notes(ctx), STRV("session_tickets: has no effect")));
	tls_ctx_unref(&ctx);
	made_free(&root);
	made_free(&good);
	made_free(&bad);
}

TEST(tls_ticket_is_not_for_who_has_shown_a_certificate)
{
	check_certificates(false);
	check_certificates(true);
}

/* There is no certificate in a resumed handshake that could be bound to. */
TEST(tls_ticket_leaves_the_exporter_for_channel_binding)
{
	struct tls_ctx *ctx = ticket_ctx(false);
	unsigned char cb[TLS_CB_MAX];
	SSL_SESSION *s = NULL;
	struct pair t;
	size_t n;

	CHECK(!meet(ctx, TLS1_3_VERSION, &s, NULL));
	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, TLS1_3_VERSION, TLS1_3_VERSION);
	SSL_set_session(t.p.ssl, s);
	PAIR_UNTIL(&t, t.s.n_secured);
	CHECK(tls_is_resumed(conn_tls(t.s.conn)));
	CHECK_INT(tls_channel_binding(conn_tls(t.s.conn), TLS_CB_EXPORTER, cb, &n), 0);
	CHECK_INT(n, 32);
	CHECK_INT(tls_channel_binding(conn_tls(t.s.conn), TLS_CB_SERVER_END_POINT, cb,
				      &n),
		  -ENOTSUP);
	pair_close(&t);
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

/* --- the key log --- */

TEST(tls_keylog_has_the_secrets_of_connections_only)
{
	struct tls_conf conf = { .keylog = pair_file("keys.log") };
	struct tls_ctx *ctx = pair_ctx(&conf);
	SSL_SESSION *s = NULL;
	struct stat st;
	char line[512];
	int n12 = 0, n13 = 0, n = 0;
	FILE *f;

	CHECK_INT(stat(conf.keylog, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(st.st_size, 0);
	CHECK(strv_starts(tls_ctx_notes(ctx), STRV("keep_secrets: ")));
	meet(ctx, TLS1_2_VERSION, &s, NULL);
	SSL_SESSION_free(s);
	s = NULL;
	meet(ctx, TLS1_3_VERSION, &s, NULL);
	SSL_SESSION_free(s);
	f = fopen(conf.keylog, "r");
	while (fgets(line, sizeof(line), f)) {
		n++;
		n12 += strncmp(line, "CLIENT_RANDOM ", 14) == 0;
		n13 += strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;
		CHECK(line[strlen(line) - 1] == '\n');
	}
	fclose(f);
	CHECK(n12 == 1 && n13 == 1 && n >= 5);
	tls_ctx_unref(&ctx);
}

TEST(tls_keylog_that_cannot_be_written)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */
	struct tls_conf conf = { .certfile = pair_file("localhost.pem"),
				 .versions = 1u << TLS_V1_3,
				 .keylog = pair_file("absent/keys.log") };

	tls_ctx_unref(&ctx);
	CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
	CHECK(strv_starts(buf_strv(&err), STRV("keep_secrets: ")));
	CHECK(strstr(buf_cstr(&err), "No such file"));
}
