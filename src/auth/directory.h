/* The method `ldap`: a user is who the directory's search finds, and a password is right when the
 * entry's DN binds with it. Every thread has a connection that searches; those that bind are a pool of
 * their own (auth/directory_bind.h). */
#pragma once

#include "auth/backend.h"
#include "base/buf.h"
#include "tls/client.h"

struct auth_ldap_uid {
	const char *attr;
	const char *format; /* has one %u */
};

enum auth_ldap_deref {
	AUTH_LDAP_NEVER,
	AUTH_LDAP_SEARCHING,
	AUTH_LDAP_FINDING,
	AUTH_LDAP_ALWAYS
};
enum auth_ldap_security { AUTH_LDAP_CLEAR, AUTH_LDAP_TLS, AUTH_LDAP_STARTTLS };

/* A pool: where, and as whom. */
struct auth_ldap_pool {
	const char *const *servers; /* tried in this order; ended by NULL */
	unsigned port;
	const char *root_dn, *password; /* NULL: anonymous */
	int connect_interval_ms;	/* no new attempt before that, after a failure */
	enum auth_ldap_security security;
	struct tls_client *tls; /* NULL: AUTH_LDAP_CLEAR */
};

/* All of it is borrowed, and outlives the backend; but for the pools' `tls`, which it frees. */
struct auth_ldap_conf {
	struct auth_ldap_pool search, bind;
	const char *base;
	const struct auth_ldap_uid *uids; /* alternatives; ended by .attr == NULL */
	const char *filter;		  /* NULL: none; may have %u and %d */
	const char *dn_filter; /* NULL: none; %u, %d, %D, and %s for each of: */
	const char *const *dn_attributes;
	const char *local_attribute; /* NULL: no local filter */
	bool local_equal;	     /* it must (not) have one of: */
	const char *const *local_values;
	enum auth_ldap_deref deref;
	struct dispatch_conf workers, binders;
	int call_timeout_ms, bind_timeout_ms; /* of a login, and of its bind */
};

/* Loads the library that it is written for, before the first is made. -ENOENT with a text in `err`: it
 * is not installed. */
nodiscard int auth_ldap_load(struct buf *err);

nodiscard struct auth_backend *auth_ldap_new(const struct auth_ldap_conf *conf);

/* RFC 4515 3: bytes as they stand in a filter. For tests, too. */
nodiscard int auth_ldap_escape(struct buf *b, struct strv value);
