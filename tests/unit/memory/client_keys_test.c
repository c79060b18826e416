/* The key of a certificate of ours is on the heap while somebody may need it, and the text of its file
 * never is, whoever reads it. */
#include "heap.h"
#include "pair.h"
#include "tls/client.h"
#include "tls/pem.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT, BIG, LITTLE, N };

/* Of the key: some of its text, and of a prime, as DER and as OpenSSL have it. Inverted. */
static struct {
	unsigned char bytes[N][48];
} inverted;

/* --- a key, made elsewhere: nothing of it has ever been here --- */

static void write_key(const char *name, EVP_PKEY *key, X509 *x, const char *password)
{
	FILE *f = fopen(pair_file(name), "w");

	ASSERT(f != NULL);
	if (x)
		ASSERT(PEM_write_X509(f, x) == 1);
	ASSERT(PEM_write_PKCS8PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL,
					 password, password ? (int)strlen(password) : 0,
					 NULL, NULL) == 1);
	fclose(f);
}

static X509 *certify(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"meerkat", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	ASSERT(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void tell(int to, EVP_PKEY *key)
{
	unsigned char der[2048], *at = der, prime[128];
	char text[4096];
	BIGNUM *p = NULL;
	FILE *f = fopen(pair_file("plain.pem"), "r");
	size_t n = fread(text, 1, sizeof(text), f);

	ASSERT(i2d_PrivateKey(key, &at) > 0 && n > 800 && n < sizeof(text));
	ASSERT(EVP_PKEY_get_bn_param(key, "rsa-factor1", &p) == 1);
	ASSERT(BN_bn2binpad(p, prime, sizeof(prime)) == sizeof(prime));
	for (size_t i = 0; i < 48; i++) {
		inverted.bytes[TEXT][i] = (unsigned char)~text[n - 400 + i];
		inverted.bytes[BIG][i] = (unsigned char)~prime[40 + i];
		inverted.bytes[LITTLE][i] = (unsigned char)~prime[87 - i];
	}
	ASSERT(write(to, &inverted, sizeof(inverted)) == sizeof(inverted));
}

static void make_elsewhere(int to)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *x = certify(key);

	write_key("plain.pem", key, NULL, NULL);
	write_key("both.pem", key, x, NULL);
	write_key("locked.pem", key, x, "open it");
	tell(to, key);
	_exit(0);
}

static void make_key(void)
{
	static bool made;
	int pipes[2], status;
	pid_t child;

	if (made)
		return;
	made = true;
	pair_file(""); /* its directory is ours */
	CHECK_INT(pipe(pipes), 0);
	child = fork();
	if (child == 0)
		make_elsewhere(pipes[1]);
	CHECK_INT(read(pipes[0], &inverted, sizeof(inverted)), sizeof(inverted));
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(pipes[0]);
	close(pipes[1]);
}

static unsigned copies(unsigned what)
{
	return heap_copies(inverted.bytes[what], sizeof(inverted.bytes[what]));
}

static void check_gone(void)
{
	for (unsigned i = 0; i < N; i++)
		CHECK_INT(copies(i), 0);
}

/* --- the tests --- */

static struct tls_client *new_client(bool locked)
{
	struct tls_client_options o = {
		.verify = TLS_CLIENT_NONE,
		.versions = 0xc,
		.certfile = pair_file(locked ? "locked.pem" : "both.pem"),
		.password = locked ? "open it" : NULL,
	};
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct tls_client *t = NULL;
	const char *option;

	CHECK_INT(tls_client_new(&o, &t, &option, &err), 0);
	return t;
}

TEST(keys_of_clients_leave_the_heap_with_them)
{
	make_key();
	check_gone();
	for (int locked = 0; locked <= 1; locked++) {
		struct tls_client *t = new_client(locked);

		CHECK(copies(LITTLE) > 0); /* that is how it would look */
		CHECK_INT(copies(BIG), 0);
		CHECK_INT(copies(TEXT), 0);
		tls_client_free(&t);
		check_gone();
	}
}

TEST(keys_that_cannot_be_used_leave_nothing)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *why;

	make_key();
	CHECK_INT(tls_pem_use_key(ctx, pair_file("locked.pem"), "wrong", &why),
		  TLS_PEM_WRONG_PASSWORD);
	CHECK(tls_pem_use_chain(ctx, pair_file("plain.pem")) !=
	      NULL); /* it is no certificate */
	check_gone();
	SSL_CTX_free(ctx);
}

TEST(keys_of_listeners_leave_no_text)
{
	struct tls_conf conf = { .certfile = pair_file("both.pem") };
	struct tls_ctx *ctx;

	make_key();
	ctx = pair_ctx(&conf);
	CHECK(copies(LITTLE) > 0);
	CHECK_INT(copies(BIG), 0);
	CHECK_INT(copies(TEXT), 0);
	tls_ctx_unref(&ctx);
}
