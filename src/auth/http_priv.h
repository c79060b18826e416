/* For the files of the method `http` only. */
#pragma once

#include "auth/http.h"
#include "auth/libcurl.h"
#include "base/buf.h"

/* Where the service is, and TLS towards it: of a backend, read by all its threads. */
struct http_tls {
	enum auth_tls_verify verify;
	long versions; /* CURL_SSLVERSION_* */
	char *origin; /* "https://host:port", with the name that the certificate is for */
	char *cacertfile, *certfile, *keyfile, *password;
	char *ciphers, *suites;	   /* up to TLS 1.2, and of 1.3 */
	char *connect_to, *header; /* NULL: the origin is where to connect */
};

/* What curl borrows; of one thread. */
struct http_tls_lists {
	struct curl_slist *connect_to, *headers;
};

void http_tls_init(struct http_tls *t, const struct auth_http_conf *conf);
void http_tls_fini(struct http_tls *t);
void http_tls_set(CURL *curl, const struct http_tls *t, struct http_tls_lists *ret);
void http_tls_lists_fini(struct http_tls_lists *l);

void http_free_secret(char *s); /* NULL is fine */

/* Before anything else of curl's: what it frees is wiped. */
nodiscard CURLcode http_memory_init(void);
