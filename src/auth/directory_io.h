/* For the files of the method `ldap` only. What the LDAP library reads and writes through: a socket
 * that we have connected, with TLS over it that is ours. */
#pragma once

#include "auth/directory_wait.h"
#include "auth/libldap.h"

#include <openssl/ssl.h>

struct ldap_io {
	int fd;	  /* not blocking; -1: none */
	SSL *ssl; /* NULL: plain text */
	const char
		*reason; /* why TLS has failed; OpenSSL's, for ever. NULL: it has not */
	const char *trouble; /* what else has; a text for ever. NULL: it has not */
	size_t left;	     /* bytes that may still come for this question */
	struct ldap_wait wait;
};

/* Of one question, whose entry has those attributes only that we have asked for. */
enum { LDAP_ANSWER_MAX = 1 << 20 };

/* A handle over it, which closes it with ldap_unbind_ext_s(), and which it outlives. An LDAP error:
 * it is still the caller's. */
nodiscard int ldap_io_open(struct ldap_io *io, LDAP **ret);

/* Another question begins: as much may come again. */
void ldap_io_begin(struct ldap_io *io);

/* NULL is none. */
void ldap_io_close(struct ldap_io *io);

/* After a call on io->ssl that returned r: true when it can be tried again. */
nodiscard bool ldap_io_may_go_on(struct ldap_io *io, int r);
