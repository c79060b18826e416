/* For the files of the method `ldap` only. A connection to one of a pool's servers, of one thread:
 * found, connected, encrypted and bound within a limit, and kept until it is lost. */
#pragma once

#include "auth/directory.h"
#include "auth/directory_io.h"
#include "auth/directory_lookup.h"

#include <sys/time.h>

enum { LDAP_LINK_URI_MAX = 300 };

struct ldap_link {
	const struct auth_ldap_pool *pool;
	size_t n_servers;
	struct ldap_lookup **lookups; /* one a server */
	LDAP *ld;		      /* NULL: not connected */
	struct ldap_io io;	      /* what ld reads and writes through */
	char uri[LDAP_LINK_URI_MAX]; /* of the server that it is, or was last, connected to */
	msec_t again_at;
};

void ldap_link_init(struct ldap_link *l, const struct auth_ldap_pool *pool);
void ldap_link_fini(struct ldap_link *l);

/* Connected, and bound as the pool says. Or what becomes the call's answer. */
nodiscard int ldap_link_ready(struct ldap_link *l, struct auth_call *c);
void ldap_link_drop(struct ldap_link *l);

/* For searches from here on; it is ready. */
void ldap_link_deref(struct ldap_link *l, enum auth_ldap_deref deref);

/* What the LDAP library said, for the operator. */
nodiscard int ldap_link_fail(const struct ldap_link *l, struct auth_call *c,
			     const char *what, int code);
nodiscard int ldap_link_bind(struct ldap_link *l, const char *dn, struct strv password);

/* Has this error cost the connection? */
bool ldap_link_is_gone(int code);

/* 0 when it does not. */
msec_t ldap_link_rests_until(const struct ldap_link *l);

/* The first time, and once more over another connection, unless all ends. */
bool ldap_link_may_try(const struct auth_call *c, int tries);
/* For one question to a server. */
struct timeval ldap_time_left(const struct auth_call *c);
