/* An account that the operator removes while the server runs. The server does it, on the account's
 * home worker: when the database says that it is gone, its sessions end before that worker does
 * anything else, and so before it binds a session of whoever takes the name next. */
#pragma once

#include "xmpp/jid.h"

struct server;

struct account_removal {
	/* 0; -EADDRNOTAVAIL: its domain is not one of ours; or
	 * core/account/account_change.h's. */
	int err;
	unsigned
		methods; /* 1u << enum auth_method: those that have it, or else the domain's */
	char why[256]; /* of a method that could not be asked */
};

/* By all methods that have it, as ACCOUNT_REMOVE says. Any thread but a worker's; waits for it. */
void server_remove_account(struct server *s, struct jid account,
			   struct account_removal *ret);
