/* For the files of the stream machine only. */
#pragma once

#include "core/stream/stream.h"

enum {
	STREAM_MAX_AUTH_FAILURES = 4,
	STREAM_MAX_AUTH_TRIES =
		20, /* those that failed before a password was tried included */
	STREAM_MAX_BIND_FAILURES = 6,
	STREAM_MAX_PRE_AUTH_IQS = 20,
	STREAM_MAX_LANG = 35,		  /* bytes of xml:lang; a longer one is ignored */
	STREAM_MAX_ATTR = 1024,		  /* bytes of a stanza's id, type, xml:lang */
	STREAM_MAX_SWELL = 64 << 10,	  /* by how much its content may grow in a copy */
	STREAM_MAX_STANZA = XML_MAX_TREE, /* half of what may wait for one receiver */
	STREAM_MAX_NEG_BYTES = 65536,	  /* of one element before authentication */
};

/* Classes of first-level elements: the columns of the machine's table. */
enum el_class {
	EL_STARTTLS,
	EL_AUTH,
	EL_RESPONSE,
	EL_ABORT,
	EL_IQ,
	EL_MESSAGE,
	EL_PRESENCE,
	EL_STREAM_ERROR,
	EL_OTHER,
	EL_MAX,
};

struct stream_neg {
	struct arena *arena; /* of the SASL exchange under way; reset with it */
	int mech;	     /* enum sasl_mech, -1: no exchange under way */
	bool challenged;     /* the server's SCRAM challenge has gone out */
	bool asked_initial;  /* an empty challenge asked for the initial response */
	bool user_exists;
	uint8_t auth_failures, auth_tries;
	uint8_t bind_failures;
	uint8_t pre_auth_iqs;
	struct scram_server scram;
	struct scram_keys keys;
	enum sasl_err verdict;	  /* waits to be said; SASL_ERR_NONE: success ... */
	struct strv server_final; /* ... with this, in arena */
	struct jid user;	  /* whom the exchange is about, in arena */
	char *bind_id;		  /* of the bind IQ that waits for its answer */
};

/* `a` is scratch memory, gone when the handler has returned. */
typedef void (*stream_handler)(struct stream *st, const struct xml_el *el,
			       struct arena *a);

void stream_enter(struct stream *st, enum stream_state to);
void stream_restart(struct stream *st);
void stream_put(struct stream *st,
		struct strv text); /* output; a full buffer ends the stream */
void stream_putf(struct stream *st, const char *fmt, ...) printf_like(2, 3);
void stream_wait(struct stream *st); /* until an answer comes; no input, no timeout */
void stream_go_on(
	struct stream *st); /* the answer is here: the step's timeout starts anew */

/* stream_sasl.c */
void stream_put_mechanisms(struct stream *st, struct buf *b);
void sasl_on_auth(struct stream *st, const struct xml_el *el, struct arena *a);
void sasl_on_response(struct stream *st, const struct xml_el *el, struct arena *a);
void sasl_on_abort(struct stream *st, const struct xml_el *el, struct arena *a);
void stream_neg_reset(struct stream_neg *n);

/* stream_external.c */
bool external_is_offered(struct stream *st);
/* The account that the certificate and what the client says come to. */
nodiscard enum sasl_err external_user(struct stream *st, struct strv authzid,
				      struct jid *ret);

/* stream_anonymous.c: a name that nobody has. */
nodiscard enum sasl_err anonymous_user_name(struct stream *st, struct strv trace,
					    struct jid *ret);

/* stream_bind.c */
void bind_on_iq(struct stream *st, const struct xml_el *el, struct arena *a);
void bound_on_stanza(struct stream *st, const struct xml_el *el, struct arena *a);
void pre_auth_on_iq(struct stream *st, const struct xml_el *el, struct arena *a);
