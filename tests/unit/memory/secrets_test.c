/* When a connection has ended, none of its secrets is left on the heap: not even in memory that has
 * been freed. The client's object is in the same heap, and goes the same way. */
#include "duo.h"
#include "heap.h"
#include "io/tls.h"
#include "tls/wipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before all tests: nobody has used OpenSSL yet. */
__attribute__((constructor)) static void init(void)
{
	tls_wipe_init();
}

static const char *const names[] = {
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET ",
	"SERVER_HANDSHAKE_TRAFFIC_SECRET ",
	"CLIENT_TRAFFIC_SECRET_0 ",
	"SERVER_TRAFFIC_SECRET_0 ",
	"EXPORTER_SECRET ",
	"CLIENT_RANDOM ", /* TLS 1.2's master secret */
};
enum { N = ARRAY_LEN(names) };

static struct {
	unsigned char not [48]; /* inverted, so that it is not found here */
	size_t n;
} secrets[N];

static void on_line(const SSL *ssl, const char *line)
{
	const char *hex = strrchr(line, ' ') + 1;
	unsigned byte;

	for (size_t i = 0; i < N; i++) {
		if (strncmp(line, names[i], strlen(names[i])) != 0)
			continue;
		for (size_t k = 0; k < strlen(hex) / 2; k++) {
			CHECK(sscanf(hex + 2 * k, "%2x", &byte) == 1);
			secrets[i].not [k] = (unsigned char)~byte;
		}
		secrets[i].n = strlen(hex) / 2;
	}
}

static unsigned copies(size_t i)
{
	return heap_copies(secrets[i].not, secrets[i].n);
}

/* With a ticket of *session, if there is one, and leaves the next one there; NULL: without. */
static void check(struct tls_ctx *ctx, int version, SSL_SESSION **session)
{
	SSL *client = client_new(version, version);
	struct duo d;
	char b[8];

	memset(secrets, 0, sizeof(secrets));
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(client), on_line);
	duo_open(&d, ctx, client);
	if (session && *session)
		CHECK_INT(SSL_set_session(client, *session), 1);
	shake_hands(&d);
	CHECK(tls_is_resumed(d.t) == (session && *session));
	CHECK_INT(tls_seal(d.t, STRV("hello"), &d.wire), 0);
	carry(&d, 65536);
	if (session) {
		CHECK_INT(SSL_read(client, b, sizeof(b)), 5);
		SSL_SESSION_free(*session);
		*session = SSL_get1_session(client);
		SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	CHECK_INT(secrets[N - 1].n > 0, version == TLS1_2_VERSION);
	CHECK_INT(secrets[0].n > 0, version == TLS1_3_VERSION);
	SSL_set_quiet_shutdown(client, 1);
	tls_free(&d.t);
	d.client = NULL;
	for (size_t i = 0; i < N; i++) /* the client's: that is how it would look */
		CHECK(secrets[i].n == 0 || i < 2 || copies(i) > 0);
	tls_wipe_ssl(client);
	duo_close(&d);
	for (size_t i = 0; i < N; i++)
		if (secrets[i].n && copies(i))
			test_fail(__FILE__, __LINE__, "%sis left", names[i]);
}

TEST(secrets_leave_the_heap_with_their_connection)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		check(ctx, *v, NULL);
	}
	tls_ctx_unref(&ctx);
}

TEST(secrets_leave_the_heap_with_their_resumed_connection)
{
	struct tls_ctx *ctx = pair_ctx(&(struct tls_conf){ .tickets = true });
	SSL_SESSION *session = NULL;

	for (int i = 0; i < 3; i++)
		check(ctx, TLS1_3_VERSION, &session);
	SSL_SESSION_free(session);
	tls_ctx_unref(&ctx);
}

/* Where no record layer of our own takes over, OpenSSL has the secrets, and nobody else. */
static void check_kept(const struct tls_conf *conf, const char *suite)
{
	struct tls_ctx *ctx = pair_ctx(conf);
	SSL *client = client_new(TLS1_3_VERSION, TLS1_3_VERSION);
	struct duo d;

	memset(secrets, 0, sizeof(secrets));
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(client), on_line);
	CHECK_INT(SSL_set_ciphersuites(client, suite), 1);
	duo_open(&d, ctx, client);
	tls_ctx_unref(&ctx);
	shake_hands(&d);
	CHECK(!tls_has_own_records(d.t));
	SSL_set_quiet_shutdown(client, 1);
	tls_wipe_ssl(client);
	d.client = NULL;
	CHECK_INT(copies(2), 1); /* CLIENT_TRAFFIC_SECRET_0 */
	CHECK_INT(copies(3), 1);
	duo_close(&d);
	CHECK_INT(copies(2), 0);
}

TEST(secrets_are_kept_by_nobody_but_openssl_where_its_records_stay)
{
	check_kept(&(struct tls_conf){ .openssl_records = true },
		   "TLS_AES_128_GCM_SHA256");
	check_kept(&(struct tls_conf){ .ciphers = "TLS_AES_128_CCM_SHA256" },
		   "TLS_AES_128_CCM_SHA256");
}
