#include "auth/directory_wait.h"

#include <poll.h>

int ldap_wait_ms(const struct ldap_wait *w)
{
	msec_t left = w->until - clock_mono_ms();

	return *w->ending ? 0 : (int)MAX(MIN(left, (msec_t)LDAP_LOOK_UP_MS), 0);
}

bool ldap_wait_for(const struct ldap_wait *w, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ms;

	do { /* what is there already is seen even when the time is over */
		ms = ldap_wait_ms(w);
		if (poll(&pfd, 1, ms) > 0)
			return true;
	} while (ms > 0);
	errno = ETIMEDOUT;
	return false;
}
