/* TLS towards a directory. It is OpenSSL's, as everywhere in this server, and not that of the LDAP
 * library, which is GnuTLS in Debian: that has no password for a key, no name to send and other
 * names for ciphers. */
#include "auth/directory_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

struct auth_ldap_tls {
	SSL_CTX *ctx;
	char *name; /* NULL: the server's, as the configuration has it */
	bool checks_name, sends_name;
	unsigned name_flags;
};

/* --- from the configuration --- */

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

/* What of it cannot be used, and why: a file or NULL, what we say, and what OpenSSL says. */
struct refusal {
	const char *option;
	struct buf *err;
};

static int refuse(struct refusal *no, const char *option, const char *file,
		  const char *text)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	no->option = option;
	buf_putf(no->err, "%.1000s%s%s%s%s", file ? file : "", file ? ": " : "", text,
		 reason ? ": " : "", reason ? reason : "");
	return -EINVAL;
}

static int add_key(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	struct secret secret = { .password = from->password };
	int ok;

	SSL_CTX_set_default_passwd_cb(ctx, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &secret);
	ok = SSL_CTX_use_PrivateKey_file(ctx, from->keyfile, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (!ok && secret.asked_for)
		return from->password ? refuse(no, "password", from->keyfile,
					       "the key's password is wrong")
				      : refuse(no, "keyfile", from->keyfile,
					       "the key needs a password");
	if (!ok && ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_X509)
		return refuse(no, "keyfile", from->keyfile,
			      "no private key in PEM can be read");
	if (!ok || SSL_CTX_check_private_key(ctx) != 1)
		return refuse(no, "keyfile", from->keyfile,
			      "the private key does not fit the certificate");
	return 0;
}

static int add_certificate(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	if (!from->certfile && from->keyfile)
		return refuse(no, "keyfile", NULL,
			      "keyfile needs certfile, which is missing");
	if (!from->certfile && from->password)
		return refuse(
			no, "password", NULL,
			"there is no key that it could be for: certfile is missing");
	if (!from->certfile)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, from->certfile) != 1)
		return refuse(no, "certfile", from->certfile,
			      "no certificate in PEM can be read");
	return add_key(ctx, from, no);
}

/* A certificate of `cacertfile` is trusted itself, too, whoever has signed it. */
static int add_trust(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	if (from->verify == AUTH_TLS_NONE)
		return 0;
	if (from->cacertfile && SSL_CTX_load_verify_file(ctx, from->cacertfile) != 1)
		return refuse(no, "cacertfile", from->cacertfile,
			      "no certificate in PEM can be read");
	if (!from->cacertfile && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return refuse(no, "", NULL, "the system's store cannot be read");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

/* What of the two lists could never be used would be ignored. */
static int add_ciphers(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	AUTO(buf_free) struct buf list = BUF_INIT(8192), suites = BUF_INIT(8192);

	if (!from->ciphers)
		return 0;
	if (!auth_tls_set_ciphers(ctx, from->ciphers))
		return refuse(no, "ciphers", NULL, "OpenSSL does not know them");
	auth_tls_split_ciphers(from->ciphers, &list, &suites);
	if (from->min_version > TLS1_2_VERSION && !suites.n)
		return refuse(
			no, "ciphers", NULL,
			"none of them is of TLS 1.3 (\"TLS_...\"), and versions has "
			"no other");
	if (from->max_version < TLS1_3_VERSION && !list.n)
		return refuse(no, "ciphers", NULL,
			      "they are of TLS 1.3, which versions does not have");
	return 0;
}

static int set_versions(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	static const uint64_t without[] = { SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1,
					    SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3 };

	/* OpenSSL 3 takes their signatures for too weak at any other level. */
	if (from->min_version < TLS1_2_VERSION && SSL_CTX_get_security_level(ctx) > 0)
		return refuse(no, "versions", NULL,
			      "TLS 1.0 and 1.1 need \"@SECLEVEL=0\" in ciphers");
	/* Instead of what the system's configuration of OpenSSL says. */
	if (SSL_CTX_set_min_proto_version(ctx, (int)from->min_version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, (int)from->max_version) != 1)
		return refuse(no, "versions", NULL, "OpenSSL does not speak them");
	for (size_t i = 0; i < ARRAY_LEN(without); i++)
		if (!(from->versions & 1u << i))
			SSL_CTX_set_options(ctx, without[i]);
	return 0;
}

static int fill(SSL_CTX *ctx, const struct auth_tls *from, struct refusal *no)
{
	int r;

	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (from->name && from->no_sni)
		return refuse(
			no, "server_name_indication.host", NULL,
			"with enabled = false no name is sent, and none is compared");
	r = add_ciphers(ctx, from, no);
	r = r ? r : set_versions(ctx, from, no);
	r = r ? r : add_trust(ctx, from, no);
	return r ? r : add_certificate(ctx, from, no);
}

int auth_ldap_tls_new(const struct auth_tls *from, struct auth_ldap_tls **ret,
		      const char **ret_option, struct buf *err)
{
	struct refusal no = { .err = err };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int r;

	ASSERT(ctx != NULL);
	ERR_clear_error();
	r = fill(ctx, from, &no);
	ERR_clear_error();
	if (r < 0) {
		SSL_CTX_free(ctx);
		*ret_option = no.option;
		return r;
	}
	*ret = MEM_NEW(struct auth_ldap_tls);
	**ret = (struct auth_ldap_tls){
		.ctx = ctx,
		.name = from->name ? mem_strdup(from->name) : NULL,
		.checks_name = from->verify == AUTH_TLS_FULL,
		.sends_name = !from->no_sni,
		.name_flags = from->no_globs ? X509_CHECK_FLAG_NO_WILDCARDS
					     : X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
	};
	return 0;
}

void auth_ldap_tls_free(struct auth_ldap_tls **p)
{
	struct auth_ldap_tls *t = *p;

	*p = NULL;
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	mem_free(t->name);
	mem_free(t);
}

/* --- a connection --- */

static bool is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 ||
	       inet_pton(AF_INET6, name, &any) == 1;
}

/* RFC 4513 3.1.3: the name that the configuration has, not one that a resolver says. */
static bool set_name(SSL *ssl, const struct auth_ldap_tls *t, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	bool by_address = is_address(name);

	if (name[0] == '\0') /* it would be any */
		return false;
	X509_VERIFY_PARAM_set_hostflags(param, t->name_flags);
	if (t->checks_name && by_address && !X509_VERIFY_PARAM_set1_ip_asc(param, name))
		return false;
	if (t->checks_name && !by_address &&
	    !X509_VERIFY_PARAM_set1_host(param, name, strlen(name)))
		return false;
	/* RFC 6066 3: addresses are not names. */
	return !t->sends_name || by_address || SSL_set_tlsext_host_name(ssl, name) == 1;
}

static void say_why(SSL *ssl, const char *name, struct buf *why)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	long verified = SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE
				? X509_V_OK
				: SSL_get_verify_result(ssl);

	if (verified == X509_V_ERR_HOSTNAME_MISMATCH ||
	    verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
		buf_putf(why, "TLS: the certificate is not for \"%.255s\"", name);
	else if (verified != X509_V_OK)
		buf_putf(why, "TLS: the certificate is not valid: %s",
			 X509_verify_cert_error_string(verified));
	else
		buf_putf(why, "TLS: %s",
			 reason	 ? reason
			 : errno ? strerror(errno)
				 : "the connection was closed");
}

static int shake_hands(struct ldap_io *io)
{
	int r;

	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(io->ssl);
	} while (r != 1 && ldap_io_may_go_on(io, r));
	return r == 1 ? 0 : -EPROTO;
}

int ldap_tls_start(const struct auth_ldap_tls *t, const char *host, struct ldap_io *io,
		   struct buf *why)
{
	const char *name = t->name ? t->name : host;
	int r;

	io->ssl = SSL_new(t->ctx);
	ASSERT(io->ssl != NULL);
	errno = EINVAL;
	r = SSL_set_fd(io->ssl, io->fd) == 1 && set_name(io->ssl, t, name) ? 0 : -EINVAL;
	r = r ? r : shake_hands(io);
	if (r == 0)
		return 0;
	say_why(io->ssl, name, why);
	ldap_io_close(io);
	return r;
}
