/* For directory.c only. A limit for what the LDAP library reads and writes: during a handshake it
 * has none of its own, and a server that says nothing would keep its thread for ever. */
#pragma once

#include "base/clock.h"

#include <lber.h>
#include <ldap.h>
#include <stdatomic.h>

struct ldap_guard {
	msec_t until;		   /* clock_mono_ms(): nothing is waited for after that */
	const atomic_bool *ending; /* nor when this is true */
	struct ldap_conncb cb;	   /* the library's */
};

/* On a handle that is not connected yet; `g` outlives it. An LDAP error. */
nodiscard int ldap_guard_set(LDAP *ld, struct ldap_guard *g);
