/* The method `http`: MongooseIM's API of an HTTP service that knows the accounts. GET requests
 * have `user`, `server` and `pass` in the query, POST requests in the body; the answer is the
 * status, and the body where something is asked for. */
#pragma once

#include "auth/backend.h"
#include "auth/tls.h"

/* All text is copied. NULL: not set. */
struct auth_http_conf {
	const char *host;	 /* "https://auth.example.net:8000" */
	const char *path_prefix; /* "/" */
	const char *basic_auth;	 /* "user:password" */
	struct auth_tls tls;	 /* for https */
	unsigned workers;
	int request_timeout_ms;
	int call_timeout_ms; /* with the wait for a worker */
};

nodiscard struct auth_backend *auth_http_new(const struct auth_http_conf *conf);
