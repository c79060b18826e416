/* For the files of the method `ldap` only. Waiting for a socket, with an end to it. */
#pragma once

#include "base/clock.h"

#include <stdatomic.h>

struct ldap_wait {
	msec_t until;		   /* clock_mono_ms(): nothing is waited for after that */
	const atomic_bool *ending; /* nor when this is true */
};

enum { LDAP_LOOK_UP_MS = 200 }; /* so often a wait looks whether it shall end */

/* How long the next wait is, at most; 0: it is over. */
int ldap_wait_ms(const struct ldap_wait *w);

/* For poll(2)'s `events`. False, and errno is ETIMEDOUT: there was none. */
nodiscard bool ldap_wait_for(const struct ldap_wait *w, int fd, short events);
