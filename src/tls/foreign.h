/* TLS of libraries that make their connections' SSL objects by themselves, and know fewer options
 * than we do: each object that is made on this thread while such a library connects is set up as it
 * is configured here, when its handshake begins, by when the library has said what it had to say. */
#pragma once

#include "tls/client.h"

struct tls_foreign {
	const struct tls_client *client;
	const char *host; /* as for tls_client_set_up() */
	bool began;	  /* there was a handshake */
	char why[320]; /* what was wrong with the server's certificate; empty: nothing */
};

/* Around what connects; `f` is there until the end, which any number of connections may come before. */
void tls_foreign_begin(struct tls_foreign *f, const struct tls_client *client,
		       const char *host);
void tls_foreign_end(struct tls_foreign *f);
