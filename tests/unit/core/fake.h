/* Surroundings of a stream without a socket: what it asks for is written down, and the test
 * answers. The fuzzer uses them, too. */
#pragma once

#include "core/stream/stream.h"

struct fake {
	struct stream st;
	struct xml_reader *reader;
	struct arena *scratch;
	struct arena *kept; /* until the end: the session's JID */
	struct buf out;
	struct buf in; /* what the stream has not taken yet */
	struct buf
		events; /* "tls;", "lookup romeo@example.com sha1;", "stanza message;", ... */
	int64_t timeout_ms;
	int auth_mech;		/* of the last env->auth_done ... */
	enum sasl_err auth_err; /* ... and how it ended */
	unsigned auth_done;	/* how often */
	bool answers;		/* lookups, passwords and binds are answered at once */
	bool delays; /* whether a password was right is told when the test says so */
	bool account_exists;
	bool stops;    /* each stanza ends the turn ... */
	bool stopped;  /* ... until the test says otherwise */
	uint32_t work; /* what was reported of it */
	struct strv cb[CB_MAX];
	const struct cert_names *certificate; /* NULL: none that passes */
	struct scram_keys keys;		      /* of password "secret" */
	struct conf conf;
	struct conf_listener listener;
	struct host hosts[2];
};

void fake_init(struct fake *f);	 /* no TLS, example.com and example.net, all mechanisms */
void fake_start(struct fake *f); /* after the test has changed conf or listener */
void fake_fini(struct fake *f);

void fake_send(struct fake *f, struct strv bytes);

/* What the stream has written since the last call; events likewise. Valid until the next. */
const char *fake_out(struct fake *f);
const char *fake_events(struct fake *f);

/* Opens the stream, logs in as romeo with PLAIN, opens it again; binds "orchard". */
void fake_login(struct fake *f);
void fake_bind(struct fake *f);

#define FAKE_HEADER                                                  \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' " \
	"xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>"
#define FAKE_PLAIN /* romeo, secret */                                      \
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" \
	"AHJvbWVvAHNlY3JldA==</auth>"

/* Is it in there? Says so when it is not. */
bool fake_has(const char *text, const char *what);
