/* The client-to-server stream machine (RFC 6120): bytes and events in, bytes and requests out.
 * It has no socket, no thread and no database; what it needs of its surroundings goes through
 * `struct stream_env`, which c2s.c implements for real and the tests and the fuzzer with fakes.
 *
 *   state    | waits for                                | leaves to
 *   OPENING  | a stream header (first, or after restart) | SECURING, AUTH, BINDING, CLOSING
 *   SECURING | the TLS handshake                        | OPENING, CLOSING
 *   AUTH     | a SASL element, or the answer to a lookup | OPENING, CLOSING
 *   BINDING  | bind, or the account to be loaded        | BOUND, CLOSING
 *   BOUND    | stanzas                                  | CLOSING
 *   CLOSING  | the output to drain, the peer's end      | -
 *
 * stream_enter() is the only writer of the state. Input goes through a table [state][class of
 * element]; an empty cell is the protocol's error. While an answer is awaited the machine takes
 * no input (stream_feed consumes nothing), and the caller calls stream_feed again after it. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "core/options/conf.h"
#include "core/options/host.h"
#include "io/cert.h"
#include "xml/xml.h"
#include "xmpp/error.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/stanza.h"

enum stream_state {
	ST_OPENING,
	ST_SECURING,
	ST_AUTH,
	ST_BINDING,
	ST_BOUND,
	ST_DETACHED,
	ST_CLOSING,
	ST_MAX,
};

enum stream_cb { CB_TLS_EXPORTER, CB_TLS_SERVER_END_POINT, CB_TLS_UNIQUE, CB_MAX };

struct stream;

struct stream_env {
	/* Where output goes; what is appended is sent at the end of the turn. */
	struct buf *(*out)(struct stream *st);

	/* The header has come: st->host is known. */
	void (*opened)(struct stream *st);

	/* A new state's time limit (-1: none). Runs stream_on_timeout() when it is over. */
	void (*timeout)(struct stream *st, int64_t ms);

	/* <proceed/> is in the output: start TLS behind it. Ends in stream_on_secured(). */
	void (*start_tls)(struct stream *st);

	/* The channel binding of this kind, or p == NULL: not available on this connection. */
	struct strv (*channel_binding)(struct stream *st, enum stream_cb kind,
				       struct arena *a);

	/* Ask for the account's SCRAM keys; ends in stream_on_keys(), maybe at once. */
	void (*lookup)(struct stream *st, struct jid user, enum digest_alg alg);

	/* Check a password; ends in stream_on_password(), maybe at once. */
	void (*check_password)(struct stream *st, struct jid user, struct strv password);

	/* A password of this user's was tried, and was right or wrong. Ends in
	 * stream_on_answer_due(), maybe at once: until then the peer is not told. */
	void (*tried)(struct stream *st, struct jid user, bool right);

	/* A try has ended, by this enum sasl_mech (-1: none that is known); SASL_ERR_NONE: it has
	 * succeeded. */
	void (*auth_done)(struct stream *st, int mech, enum sasl_err err);

	/* Whom the client's certificate is for, if it passes; `ret` may be NULL: does it? */
	bool (*certificate)(struct stream *st, struct arena *a, struct cert_names *ret);

	/* A certificate vouches for this user: may he log in by one of these methods? Ends in
	 * stream_on_password(), maybe at once. */
	void (*check_vouched)(struct stream *st, struct jid user, unsigned methods);

	/* Somebody without an account comes by SASL ANONYMOUS, and gets this name. `trace` is what
	 * he says of himself, for the log only. Ends in stream_on_password(), maybe at once. */
	void (*enter)(struct stream *st, struct jid user, struct strv trace);

	/* SASL has succeeded for st->jid: the connection may move to another worker. */
	void (*authenticated)(struct stream *st);

	/* Bind this resource ("" = make one); ends in stream_on_bound(). */
	void (*bind)(struct stream *st, struct strv resource);

	/* A valid stanza of a bound session, `from` stamped with the session's full JID. */
	void (*stanza)(struct stream *st, const struct stanza *s);

	/* May the next element be handled now? Else the rest is presented later. */
	bool (*goes_on)(struct stream *st);

	/* So many microseconds of work have been done for an element, beyond what is usual. */
	void (*works)(struct stream *st, uint32_t work);

	/* An IQ before authentication (in-band registration); ends in stream_resume(), maybe at
	 * once; false: not offered here. */
	bool (*pre_auth_iq)(struct stream *st, const struct stanza *s);

	/* Adds features of modules (registration, roster versioning). */
	void (*features)(struct stream *st, bool authed, struct buf *b);

	/* The last bytes are in the output (the closing tag, where one is due): flush, close. */
	void (*close)(struct stream *st, enum stream_err why, const char *text);
};

struct stream_neg; /* what only negotiation needs: freed when the session is bound */

struct stream {
	const struct stream_env *env;
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct host *host; /* set by the header's `to` */
	struct xml_stream xs;
	struct stream_neg *neg;
	struct jid
		jid; /* bare after SASL, and owned; full after bind, and the session's */
	union {	     /* of the header, for stanzas that name none: see stream_lang() */
		char lang_short[8];
		char *lang_long;
	};
	uint8_t state;
	bool secure : 1; /* TLS is on */
	bool authed : 1;
	bool waiting : 1;     /* an answer is under way: no input is taken */
	bool feeding : 1;     /* stream_feed is on the stack */
	bool header_sent : 1; /* ours, since the last restart */
	bool header_seen : 1; /* the peer has sent one ever: it speaks XMPP */
	bool closed : 1;      /* env->close has been called */
	bool peer_closed : 1; /* </stream:stream> or its equal has come */
	bool has_long_lang : 1;
};

/* NULL: none. */
const char *stream_lang(const struct stream *st);

/* Is it a language tag that a header may have? It needs no escaping then. */
bool stream_takes_lang(struct strv lang);

/* `secure`: TLS was there from the first byte. */
void stream_init(struct stream *st, const struct stream_env *env, const struct conf *c,
		 const struct conf_listener *l, bool secure);
void stream_fini(struct stream *st);

/* Its options from now on; for a stream that is authenticated, and whose domain `c` serves. */
void stream_set_conf(struct stream *st, const struct conf *c,
		     const struct conf_listener *l);

/* Takes bytes; returns how many are done with. Present the rest again with more behind it.
 * `scratch` is reset before each element. */
size_t stream_feed(struct stream *st, struct xml_reader *r, struct arena *scratch,
		   struct strv in);

/* Who has logged in; or whom the login is about that has an answer, which waits to be told. */
struct jid stream_user(const struct stream *st);

void stream_on_secured(struct stream *st);
void stream_on_timeout(struct stream *st);
void stream_on_eof(struct stream *st); /* the peer's side of the connection has ended */
/* ... and it has nothing more to say: is the answer that it waits for of no use without it? */
bool stream_waits_in_vain(const struct stream *st);

/* The keys to challenge with. `exists` false: they are made up (scram_fake_keys), and no proof
 * will do. `err` < 0: the store failed or is too busy. */
void stream_on_keys(struct stream *st, const struct scram_keys *keys, bool exists,
		    int err);

enum password_answer {
	PASSWORD_RIGHT,
	PASSWORD_WRONG, /* or no such account */
	PASSWORD_BUSY,	/* too much to do, or the store failed: temporary-auth-failure */
};
void stream_on_password(struct stream *st, enum password_answer answer);

/* What came of env->tried() may be said. */
void stream_on_answer_due(struct stream *st);

/* The session's JID, whose text stays until stream_fini(). */
void stream_set_full_jid(struct stream *st, struct jid full);

/* STANZA_ERR_NONE, and it has its full JID; otherwise the bind IQ's error. */
void stream_on_bound(struct stream *st, enum stanza_err err, const char *text);

/* The IQ that env->pre_auth_iq took has been answered: input goes on. */
void stream_resume(struct stream *st);

/* Ends the stream: header if none was sent, the error (STREAM_ERR_NONE: none), the closing tag,
 * and env->close. Once; later calls do nothing. */
void stream_close(struct stream *st, enum stream_err why, const char *text);
