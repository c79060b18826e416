/* For the files of the method `ldap`, and tests, only. A name is looked up on a thread of its own,
 * for nothing else ends a getaddrinfo(3) whose resolver does not answer. */
#pragma once

#include "auth/directory_wait.h"

#include <netdb.h>

typedef int lookup_fn(const char *host, const char *port, const struct addrinfo *hints,
		      struct addrinfo **ret);

struct ldap_lookup;

/* Owned by one thread. `resolve` is getaddrinfo, but for tests. */
nodiscard struct ldap_lookup *ldap_lookup_new(const char *host, unsigned port,
					      lookup_fn *resolve);
/* One that is under way goes on by itself, and what it finds is freed. NULL is fine. */
void ldap_lookup_free(struct ldap_lookup **p);

/* 0, and *ret is the caller's to freeaddrinfo(3). -ETIMEDOUT: it has not been found by then; the
 * next call waits for the same answer, and so there is never more than one such thread. -EIO, and
 * `ret_why` says what the resolver says. */
nodiscard int ldap_lookup_get(struct ldap_lookup *l, const struct ldap_wait *w,
			      struct addrinfo **ret, const char **ret_why);
