/* For the files of the method `ldap` only: TLS over a connection of its. */
#pragma once

#include "auth/directory.h"
#include "auth/directory_io.h"

enum { LDAP_TLS_WHY_MAX = 1024 };

/* The handshake, over io->fd; `host` is the server as the configuration names it. 0, and io->ssl
 * is there. Negative, and the connection is closed; why is in `why`. */
nodiscard int ldap_tls_start(const struct tls_client *t, const char *host,
			     struct ldap_io *io, struct buf *why);
