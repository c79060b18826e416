/* The method `http`: MongooseIM's API of an HTTP service that knows the accounts. GET requests
 * have `user`, `server` and `pass` in the query, POST requests in the body; the answer is the
 * status, and the body where something is asked for. */
#pragma once

#include "auth/backend.h"
#include "base/buf.h"
#include "tls/client.h"

/* All text is copied. NULL: not set. */
struct auth_http_conf {
	const char *host;	 /* "https://auth.example.net:8000" */
	const char *path_prefix; /* "/" */
	const char *basic_auth;	 /* "user:password" */
	struct tls_client *tls;	 /* for https; the backend's from then on */
	struct dispatch_conf workers;
	int request_timeout_ms;
	int call_timeout_ms; /* with the wait for a worker */
};

/* Loads the library that it is written for, before the first is made. -ENOENT with a text in `err`: it
 * is not installed. */
nodiscard int auth_http_load(struct buf *err);

nodiscard struct auth_backend *auth_http_new(const struct auth_http_conf *conf);
