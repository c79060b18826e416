#include "tls/pem.h"
#include "tls/wipe.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

/* --- files --- */

struct pem {
	char *text;
	size_t n;
};

static int read_all(int fd, struct pem *pem)
{
	ssize_t r;

	do {
		r = read(fd, pem->text + pem->n, FILE_MAX - pem->n);
		pem->n += r > 0 ? (size_t)r : 0;
	} while (r > 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : pem->n == FILE_MAX ? -EFBIG : 0;
}

/* Not with stdio, nor a BIO over it, whose buffers would keep a copy. */
static bool pem_read(const char *file, struct pem *pem)
{
	AUTO(fd_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	*pem = (struct pem){ 0 };
	ERR_clear_error();
	if (fd >= 0)
		pem->text = mem_alloc(FILE_MAX);
	r = fd < 0 ? -errno : read_all(fd, pem);
	if (r < 0)
		ERR_raise(ERR_LIB_SYS, -r);
	return r == 0;
}

static void pem_fini(struct pem *pem)
{
	if (pem->text)
		mem_wipe(pem->text, pem->n);
	mem_free(pem->text);
}

static BIO *pem_bio(const struct pem *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->text, (int)pem->n);

	ASSERT(bio != NULL);
	return bio;
}

/* --- certificates --- */

static bool add_rest_of_chain(SSL_CTX *ctx, BIO *bio)
{
	unsigned long end;
	X509 *x;

	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!SSL_CTX_add0_chain_cert(ctx, x)) {
			X509_free(x);
			return false;
		}
	end = ERR_peek_last_error();
	if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool use_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;

	X509_free(x);
	return ok && SSL_CTX_clear_chain_certs(ctx) == 1 && add_rest_of_chain(ctx, bio);
}

const char *tls_pem_use_chain(SSL_CTX *ctx, const char *file)
{
	bool wiped = tls_wipe_begin(), ok = false;
	struct pem pem;
	BIO *bio;

	if (pem_read(file, &pem)) {
		bio = pem_bio(&pem);
		ok = use_chain(ctx, bio);
		BIO_free(bio);
	}
	pem_fini(&pem);
	tls_wipe_end(wiped);
	return ok ? NULL : "no certificate in PEM can be read";
}

/* --- keys --- */

struct secret {
	const char *password; /* NULL: none */
	bool asked_for;
};

static int give_password(char *to, int size, int writing, void *arg)
{
	struct secret *secret = arg;
	size_t n = secret->password ? strlen(secret->password) : 0;

	secret->asked_for = true;
	if (n == 0 || n > (size_t)size)
		return -1;
	memcpy(to, secret->password, n);
	return (int)n;
}

static enum tls_pem_key use_key(SSL_CTX *ctx, BIO *bio, const char *password)
{
	struct secret secret = { .password = password };
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &secret);
	bool fits = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		    SSL_CTX_check_private_key(ctx) == 1;

	EVP_PKEY_free(key);
	if (key == NULL && secret.asked_for) {
		ERR_clear_error(); /* that says it in other words */
		return password ? TLS_PEM_WRONG_PASSWORD : TLS_PEM_LOCKED;
	}
	return key == NULL ? TLS_PEM_UNREADABLE : fits ? TLS_PEM_OK : TLS_PEM_MISFIT;
}

enum tls_pem_key tls_pem_use_key(SSL_CTX *ctx, const char *file, const char *password,
				 const char **ret_why)
{
	static const char *const texts[] = {
		[TLS_PEM_UNREADABLE] = "no private key in PEM can be read",
		[TLS_PEM_LOCKED] = "the key needs a password",
		[TLS_PEM_WRONG_PASSWORD] = "the key's password is wrong",
		[TLS_PEM_MISFIT] = "the private key does not fit the certificate",
	};
	bool wiped = tls_wipe_begin();
	enum tls_pem_key got = TLS_PEM_UNREADABLE;
	struct pem pem;
	BIO *bio;

	if (pem_read(file, &pem)) {
		bio = pem_bio(&pem);
		got = use_key(ctx, bio, password);
		BIO_free(bio);
	}
	pem_fini(&pem);
	tls_wipe_end(wiped);
	if (got != TLS_PEM_OK)
		*ret_why = texts[got];
	return got;
}
