/* For the files of the method `http` only. */
#pragma once

#include "auth/http.h"
#include "auth/libcurl.h"
#include "base/buf.h"
#include "tls/foreign.h"

/* TLS towards the service: of a backend, read by all its threads. */
struct http_tls {
	struct tls_client *client;
	char *name; /* of the service; NULL: it is asked in plain text */
};

/* Takes conf->tls. */
void http_tls_init(struct http_tls *t, const struct auth_http_conf *conf);
void http_tls_fini(struct http_tls *t);
void http_tls_set(CURL *curl, const struct http_tls *t);

/* Around each request. */
void http_tls_begin(const struct http_tls *t, struct tls_foreign *f);
void http_tls_end(const struct http_tls *t, struct tls_foreign *f);

/* Before anything else of curl's: what it frees is wiped. */
nodiscard CURLcode http_memory_init(void);

/* Of a thread: curl, and the connection that it keeps. */
struct http_client {
	const struct auth_backend *owner;
	const struct http_tls *tls;
	CURL *curl;
	struct tls_foreign over;
	struct buf body;
	msec_t again_at; /* not before that: its name has not been found in time */
	size_t header_bytes;
	bool has_more; /* than the answer: it has been read, and will not be seen on the socket */
	char error[CURL_ERROR_SIZE];
};

nodiscard struct http_client *http_client_new(const struct auth_backend *owner,
					      const struct http_tls *tls);
void http_client_free(struct http_client **p);
/* Before each request. `anew`: on a connection of its own. */
void http_client_begin(struct http_client *cl, bool anew);
/* After it. */
void http_client_note_end(struct http_client *cl, CURLcode code);
