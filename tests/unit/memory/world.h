/* A server with one worker, and clients that talk to it over real sockets, all on one thread: what
 * the server allocates is in the ledger, and what clients do is not. */
#pragma once

#include "core/options/conf.h"
#include "core/server/server.h"
#include "core/server/worker.h"

#include <openssl/ssl.h>

struct world {
	char dir[64];
	struct conf *conf;
	struct server *server;
	struct worker *worker;
	uint16_t port[2]; /* plain, TLS */
	SSL_CTX *ctx;
};

extern struct world world;

/* Keeps nothing but its descriptor. */
struct client {
	int fd;
	SSL *ssl; /* NULL: plain */
};

void world_start(void); /* serves example.com, whoever comes with whatever password */
void world_stop(void);
size_t world_bytes(void);

void world_settle(void); /* until nothing more is to be expected */

void world_tell(struct client *c, const char *what);
void world_await(struct client *c, const char *what);

/* Users from to `to` - 1, "user00000" and so on, a multiple of 100 of them or fewer, are available
 * and have their rosters. */
void world_log_in_all(struct client *all, unsigned from, unsigned to, bool tls);
