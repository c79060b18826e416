/* The last moments of a socket whose owner is gone. A close while bytes of the peer's are unread
 * resets the connection, and what was written just before, an alert, can be lost with that. */
#pragma once

#include "io/loop.h"

enum {
	LINGER_MS = 2000,
	LINGER_MAX_BYTES = 1 << 20, /* that the peer may still send */
	LINGER_MAX = 64,	    /* sockets of a loop; more are closed at once */
};

/* Takes over `fd`: ends our side, drops what still comes, and closes it when the peer has ended, or
 * when that takes too long. */
void linger(struct loop *l, int fd);
void linger_end_all(struct loop *l);
