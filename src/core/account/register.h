/* In-band registration (XEP-0077) before login: what mod_register's IQs and the stream machine
 * have in common. */
#pragma once

#include "base/net.h"
#include "core/stream/stream.h"

struct register_net { /* ip_access: of the networks that hold an address the smallest decides */
	struct strv address; /* "192.0.2.0/24" */
	int64_t deny;
	struct net net;
};

struct register_conf {
	struct strv access;
	struct register_net *ip_access;
	size_t n_ip_access;
	struct strv welcome_subject, welcome_body;
	const struct strv *registration_watchers;
	size_t n_registration_watchers;
	int64_t password_strength; /* bits; 0: not looked at */
};

/* mod_register's configuration where it is on for this host, else NULL. */
const struct register_conf *register_conf(const struct host *h);

/* May passwords go over this stream: is it encrypted, or on a listener that knows no TLS at all? */
bool register_is_safe(const struct stream *st);

/* ... and can one of the host's methods that the listener allows make accounts? */
bool register_is_offered(const struct stream *st);

/* stream_env.pre_auth_iq. */
bool register_pre_auth(struct stream *st, const struct stanza *s);

/* What an attempt to make or change an account has come to. */
enum stanza_err register_error(int err, const char **text);

/* <username/> and <password/> of a query, trimmed of nothing; p == NULL: not there. The password is in
 * the arena, and no part of the query. */
struct register_fields {
	struct strv username, password;
	bool remove;
};
void register_read(struct arena *a, const struct xml_el *query,
		   struct register_fields *ret);
/* The password is not needed any more: what the arena has of it is overwritten. */
void register_wipe(struct register_fields *f);

/* MongooseIM's measure: the length times the bits of a byte drawn from the classes of bytes that
 * occur in it. */
bool register_is_strong(const struct register_conf *c, struct strv password);

bool register_address_may(const struct register_conf *c, const char *address);
