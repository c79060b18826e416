/* Search filters of the configuration (RFC 4515), before anybody is looked for with them. */
#pragma once

#include "base/strv.h"

/* NULL: it is a filter. Else what is wrong with it, and where, in bytes. What libldap takes besides is taken,
 * too: blanks between filters, a backslash before a character that it takes the meaning from, and lists that
 * are empty (RFC 4526). `%u` and the like are values as any other. */
nodiscard const char *auth_ldap_filter_error(struct strv filter, size_t *ret_at);

/* An attribute's name, with options behind it (RFC 4512 2.5)? */
nodiscard bool auth_ldap_is_attribute(struct strv s);
