/* The load generator: many client sessions in one process and one thread. Only what a
 * measured phase needs is fast; signing in works on text searches, for servers that are
 * known to be well-behaved. Whatever a server does that was not expected ends the run: a
 * benchmark with errors has no result. */
#pragma once

#include "base/buf.h"
#include "sasl.h"

#include <openssl/ssl.h>

typedef int64_t nsec_t; /* CLOCK_MONOTONIC */

#define SECOND	 ((nsec_t)1000000000)
#define HEADROOM 64 /* bytes before what on_data gets, free for the callee */

struct load_conf {
	uint16_t port;
	bool tls;     /* Direct TLS 1.3 (XEP-0368) */
	bool plain;   /* SASL PLAIN instead of SCRAM-SHA-1 */
	bool tickets; /* TLS: resumes the last session of the same slot */
	bool open_loop;
	bool wire; /* chat, open loop: from send to packet, as the network would have it */
	unsigned users; /* accounts user0@localhost ... exist, all with this password: */
	const char *password;
	unsigned sessions;	   /* idle: to hold; login and pests: in parallel */
	unsigned pairs, in_flight; /* chat */
	unsigned rate;		   /* open loop: messages, or logins, a second */
	unsigned count;		   /* chat, login: so many and no more; 0: for a time */
	unsigned first_user;
	unsigned net; /* the addresses are 127.NET.0.0/16 */
	unsigned warmup_ms, measure_ms;
};

enum session_state {
	SESSION_CLOSED,
	SESSION_CONNECTING,
	SESSION_HANDSHAKE,
	SESSION_FEATURES,  /* awaits the features that name the mechanisms */
	SESSION_CHALLENGE, /* SCRAM only */
	SESSION_OUTCOME,   /* awaits <success/> */
	SESSION_RESTART,   /* awaits the features that name bind */
	SESSION_BIND,
	SESSION_READY,
	SESSION_CLOSING, /* awaits the server's end of the stream */
};

struct engine;
struct pair;

struct session {
	struct engine *engine;
	enum session_state state;
	int fd;
	SSL *ssl;
	struct buf in, out; /* in: only while signing in */
	struct sasl sasl;
	unsigned user; /* number of the account */
	bool writable, dirty;
	bool quiet_failure; /* a refused connection only closes the session */
	bool deaf;	    /* nothing is read once it is ready */
	SSL_SESSION *ticket;
	nsec_t begun; /* login: when it was due */
	char jid[128];
	struct pair *pair;
};

struct engine {
	const struct load_conf *conf;
	int epoll;
	SSL_CTX *tls;
	unsigned n_connect; /* spreads the source addresses */
	unsigned n_resumed;
	nsec_t came; /* wire: when the last bytes of what on_data gets did */
	struct session **dirty;
	unsigned n_dirty, max_dirty;
	bool go; /* the driver wrote a line to our standard input */
	void (*on_ready)(struct session *s);
	/* Bytes for a session that is ready; HEADROOM bytes before p may be written. */
	void (*on_data)(struct session *s, char *p, size_t n);
	void (*on_closed)(struct session *s);
	/* NULL: it is a failure of ours. The server does not let us in; the connection has ended,
	 * or could not be made. */
	void (*on_refused)(struct session *s);
	void (*on_lost)(struct session *s);
};

/* engine.c */
void engine_init(struct engine *e, const struct load_conf *conf);
void engine_turn(struct engine *e, nsec_t timeout); /* waits, reads, then writes */
void engine_wait_go(struct engine *e);		    /* says "ready", serves until told */
nsec_t now_ns(void);
nsec_t cpu_ns(void); /* of this process */
_Noreturn void fail(const char *fmt, ...) printf_like(1, 2);
void say(const char *fmt, ...) printf_like(1, 2); /* a line for the driver */

/* Times, to be sorted: engine.c. */
struct samples {
	nsec_t *v;
	size_t n, max;
};
void samples_init(struct samples *s, size_t max);
void samples_add(struct samples *s, nsec_t v); /* what is too much is not kept */
double samples_quantile_us(struct samples *s, double q);

/* session.c */
void session_connect(struct session *s, struct engine *e, unsigned user);
void session_send(struct session *s, struct strv bytes); /* goes out at the turn's end */
void session_flush(struct session *s);
void session_event(struct session *s, uint32_t events);
void session_close(struct session *s);	 /* ends the stream; on_closed follows */
void session_abandon(struct session *s); /* closes at once, without on_closed */

/* The modes: each returns when its result is printed. */
void first_run(struct engine *e); /* login.c: retries until a login works */
void login_run(struct engine *e);
void idle_run(struct engine *e);
void chat_run(struct engine *e); /* chat.c */
void deaf_run(struct engine *e); /* pest.c: each until the driver writes a line */
void endless_run(struct engine *e);
void churn_run(struct engine *e);
void flood_run(struct engine *e);
void storm_run(struct engine *e);
void presence_run(struct engine *e); /* presence.c: sessions - 1 contacts */
