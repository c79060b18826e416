/* A connection under test and the peer at its other end, which the test plays: plain, or an
 * OpenSSL client. */
#pragma once

#include "test.h"
#include "io/conn.h"

#include <openssl/ssl.h>

enum pair_kind { PAIR_UNIX, PAIR_TCP };
enum { PAIR_DEADLINE_MS = 10000 };

/* What the connection has told its owner. */
struct side {
	struct loop *loop;
	struct conn *conn; /* NULL from on_close on */
	struct conn_meter meter;
	struct buf got;
	int n_data, n_secured, n_eof, n_hangup, n_drained, n_close;
	size_t got_at_eof, most_read;
	enum conn_close why;
	char detail[200];
	/* What a test does instead of taking all; NULL: takes all. */
	size_t (*take)(struct side *s, struct strv in);
	void (*at_eof)(struct side *s);
	void (*at_hangup)(struct side *s);
	void (*at_secured)(struct side *s);
	void (*at_drained)(struct side *s);
	struct tls_ctx *ctx; /* for STARTTLS */
	size_t step;
};
extern const struct conn_ops side_ops;

struct peer {
	int fd;
	SSL *ssl; /* NULL: plain */
	struct buf got;
	bool reads; /* false: peer_step() does not read */
	bool eof, reset, notified, failed;
};

struct pair {
	struct side s;
	struct peer p;
};

/* The loop is new. `tls`: from the first byte on both sides; the client speaks these versions. */
void pair_open(struct pair *t, enum pair_kind kind, struct tls_ctx *tls, int version);
/* The ways to be connected that most tests go through. */
struct way {
	enum pair_kind kind;
	int version;  /* 0: plain */
	bool openssl; /* it keeps its SSL object */
};
enum { PAIR_N_WAYS = 7 };
extern const struct way pair_ways[PAIR_N_WAYS];
#define EACH_WAY(w) \
	for (const struct way *w = pair_ways; w < pair_ways + PAIR_N_WAYS; w++)
void pair_open_way(struct pair *t, const struct way *w);

void pair_close(struct pair *t); /* aborts what is left, frees all */

void peer_start_tls(struct peer *p, int min_version, int max_version);
void peer_step(struct peer *p); /* handshake, reading */
void peer_send(struct pair *t, const char *bytes, size_t n);
void peer_end(struct peer *p);	 /* close_notify, FIN */
void peer_reset(struct peer *p); /* RST */

/* Turns both sides once; the loop waits a millisecond at most for something to happen. */
void pair_step(struct pair *t);
msec_t pair_real_ms(void); /* whatever clock_fake_set() says */

#define PAIR_UNTIL(t, cond)                                                             \
	do {                                                                            \
		msec_t deadline_ = pair_real_ms() + PAIR_DEADLINE_MS;                   \
		while (!(cond)) {                                                       \
			if (pair_real_ms() > deadline_)                                 \
				test_fail(__FILE__, __LINE__, "never came: %s", #cond); \
			pair_step(t);                                                   \
		}                                                                       \
	} while (0)

/* Some turns in which something that must not happen could. */
static inline void pair_idle(struct pair *t)
{
	for (int i = 0; i < 5; i++)
		pair_step(t);
}

static inline void side_write(struct side *s, const char *text)
{
	buf_put(conn_out(s->conn), strv_from(text));
}

/* A directory of this run for files, removed at its end; and a context with a certificate for
 * "localhost" in it. */
const char *pair_file(const char *name);
struct tls_ctx *pair_ctx(const struct tls_conf *conf); /* NULL: TLS 1.2 and 1.3 */
