/* The admin socket, a UNIX socket beside the database: how other
 * commands speak to the running server. One request a connection, one line: "remove JID" (the server does
 * it), "removed JID" (it is gone from the database), "reload", "status", "status json". The answer
 * begins with the line "ok" or "error", which may have a colon and the reason behind it. */
#pragma once

#include "base/strv.h"

struct admin;
struct buf;
struct server;
struct conf;
struct sockaddr_un;

/* Before anything else of the server: makes sure that no other one serves this database, until
 * admin_free(), and opens the socket; one that cannot be made is a line in the log. -EBUSY, with
 * a text in `err`: another one does. */
nodiscard int admin_new(const struct conf *c, struct admin **ret, struct buf *err);

/* Answers, on a thread of its own; what has asked before is answered then. */
void admin_start(struct admin *a, struct server *s);
void admin_stop(struct admin *a);

/* After the database is closed. */
void admin_free(struct admin **a);

/* The database's path with ".sock" behind it. False: it is in memory, or its name too long for a
 * socket's: there is none. */
bool admin_address(const struct conf *c, struct sockaddr_un *ret);

/* From another process: sends the line, and collects the whole answer. -ENOENT, -ECONNREFUSED:
 * no server runs; other: the exchange failed. */
nodiscard int admin_ask(const struct conf *c, const char *line, int timeout_s,
			struct buf *answer);

/* From another process: sends the line, and waits for the answer. 0 also when no server
 * runs; -EIO: one does, and has not said that it is done. */
nodiscard int admin_send(const struct conf *c, const char *line);
