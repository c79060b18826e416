/* For the files of the method `ldap` only. The connections that check passwords: those of the bind
 * pool, which the threads that search take in turn. Any thread. */
#pragma once

#include "auth/directory_link.h"

struct ldap_binders;

/* `pool` is borrowed. */
nodiscard struct ldap_binders *ldap_binders_new(const struct auth_ldap_pool *pool,
						const struct dispatch_conf *conf);
void ldap_binders_free(struct ldap_binders **p);

/* The caller's alone until it gives it back. NULL, and why in `err`: -EAGAIN: there is none now, or so
 * many wait that there shall be no more; -ETIMEDOUT: none by `until`. */
nodiscard struct ldap_link *ldap_binders_take(struct ldap_binders *b, msec_t until,
					      int *err);
void ldap_binders_give(struct ldap_binders *b, struct ldap_link *l);
