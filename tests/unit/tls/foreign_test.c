/* A library that makes its own SSL objects, played by the test: what it sets does not matter. */
#include "tls/foreign.h"
#include "test.h"
#include "tls/client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { V12 = 1u << 2, V13 = 1u << 3 };

/* --- a server --- */

static EVP_PKEY *key;
static X509 *certificate; /* for *.example.net */
static char cacertfile[] = "/tmp/meerkat-tls-XXXXXX";
static char name_seen[100];

static void remove_file(void)
{
	unlink(cacertfile);
}

static void make_certificate(void)
{
	X509_NAME *name;
	X509_EXTENSION *ext;
	FILE *f;

	if (key)
		return;
	key = EVP_EC_gen("P-256");
	certificate = X509_new();
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"server", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:*.example.net");
	X509_add_ext(certificate, ext, -1);
	X509_EXTENSION_free(ext);
	CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
	f = fdopen(mkstemp(cacertfile), "w");
	atexit(remove_file);
	CHECK(f != NULL && PEM_write_X509(f, certificate) == 1);
	fclose(f);
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	snprintf(name_seen, sizeof(name_seen), "%s", name ? name : "none");
	return SSL_TLSEXT_ERR_OK;
}

static SSL *new_server(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;

	make_certificate();
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	CHECK(SSL_CTX_use_certificate(ctx, certificate) == 1 &&
	      SSL_CTX_use_PrivateKey(ctx, key) == 1);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_accept_state(ssl);
	return ssl;
}

/* --- the library --- */

/* As loosely as one can. */
static SSL *library_ssl(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);

	SSL_CTX_free(ctx);
	SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_set_tlsext_host_name(ssl, "library.example.net");
	SSL_set_connect_state(ssl);
	return ssl;
}

/* Whether there is a connection, and of which version. */
static int shake_hands(SSL *client, SSL *server)
{
	BIO *one, *other;

	name_seen[0] = '\0';
	CHECK(BIO_new_bio_pair(&one, 0, &other, 0) == 1);
	SSL_set_bio(client, one, one);
	SSL_set_bio(server, other, other);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	ERR_clear_error();
	return SSL_is_init_finished(client) && SSL_is_init_finished(server)
		       ? SSL_version(client)
		       : 0;
}

static int library_connect(void)
{
	SSL *server = new_server(), *client = library_ssl();
	int version = shake_hands(client, server);

	SSL_free(client);
	SSL_free(server);
	return version;
}

static struct tls_client *new_client(struct tls_client_options o)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct tls_client *t = NULL;
	const char *option;

	make_certificate();
	o.cacertfile = cacertfile;
	o.versions = o.versions ? o.versions : V12 | V13;
	if (tls_client_new(&o, &t, &option, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", option, buf_cstr(&err));
	return t;
}

static int connect_with(struct tls_client_options o, const char *host, char why[320])
{
	struct tls_client *t = new_client(o);
	struct tls_foreign f;
	int version;

	tls_foreign_begin(&f, t, host);
	version = library_connect();
	tls_foreign_end(&f);
	CHECK(f.began);
	memcpy(why, f.why, sizeof(f.why));
	tls_client_free(&t);
	return version;
}

/* --- the tests --- */

TEST(foreign_is_set_up_whatever_the_library_sets)
{
	struct tls_client_options full = { .verify = TLS_CLIENT_FULL };
	char why[320];

	CHECK_INT(connect_with(full, "a.example.net", why), TLS1_3_VERSION);
	CHECK_STR(strv_from(name_seen), "a.example.net");
	CHECK_STR(strv_from(why), "");
	full.versions = V12;
	CHECK_INT(connect_with(full, "a.example.net", why), TLS1_2_VERSION);
	full.no_sni = true;
	CHECK_INT(connect_with(full, "a.example.net", why), TLS1_2_VERSION);
	CHECK_STR(strv_from(name_seen), "none");
}

TEST(foreign_says_what_is_wrong)
{
	struct tls_client_options full = { .verify = TLS_CLIENT_FULL };
	char why[320];

	CHECK_INT(connect_with(full, "a.example.org", why), 0);
	CHECK_STR(strv_from(why), "TLS: the certificate is not for \"a.example.org\"");
	full.no_globs = true;
	CHECK_INT(connect_with(full, "a.example.net", why), 0);
	CHECK_STR(strv_from(why), "TLS: the certificate is not for \"a.example.net\"");
	CHECK_INT(connect_with(full, "192.0.2.1", why), 0);
	CHECK_STR(strv_from(why), "TLS: the certificate is not for \"192.0.2.1\"");
	CHECK_STR(strv_from(name_seen), "none");
	full.name = "b.example.net";
	full.no_globs = false;
	CHECK_INT(connect_with(full, "192.0.2.1", why), TLS1_3_VERSION);
	CHECK_STR(strv_from(name_seen), "b.example.net");
}

/* No name at all would be any. */
TEST(foreign_that_cannot_be_set_up_is_no_connection)
{
	struct tls_client_options full = { .verify = TLS_CLIENT_FULL };
	char why[320], long_name[400];

	CHECK_INT(connect_with(full, "", why), 0);
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	CHECK_INT(connect_with(full, long_name, why), 0);
	full.verify = TLS_CLIENT_NONE;
	CHECK_INT(connect_with(full, long_name, why), 0);
}

static void *connect_elsewhere(void *arg)
{
	*(int *)arg = library_connect();
	return NULL;
}

/* Neither those that are made before and after it, nor those of other threads. */
TEST(foreign_leaves_other_connections_alone)
{
	struct tls_client *t =
		new_client((struct tls_client_options){ .verify = TLS_CLIENT_FULL });
	SSL *before = library_ssl(), *server = new_server();
	struct tls_foreign f;
	pthread_t thread;
	int version = 0;

	tls_foreign_begin(&f, t, "a.example.org");
	CHECK_INT(shake_hands(before, server), TLS1_3_VERSION);
	CHECK_INT(pthread_create(&thread, NULL, connect_elsewhere, &version), 0);
	pthread_join(thread, NULL);
	CHECK_INT(version, TLS1_3_VERSION);
	CHECK(!f.began);
	CHECK_INT(library_connect(), 0);
	CHECK(f.began);
	tls_foreign_end(&f);
	CHECK_INT(library_connect(), TLS1_3_VERSION);
	SSL_free(before);
	SSL_free(server);
	tls_client_free(&t);
}
