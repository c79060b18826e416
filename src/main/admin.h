/* The admin socket, a UNIX socket beside the database: how `meerkat user` tells a running server
 * what it has done to its database. One request a connection, one line: "removed JID". */
#pragma once

#include "base/strv.h"

struct admin;
struct server;
struct conf;

/* A thread of its own. NULL, and a line in the log, when the socket cannot be made. */
struct admin *admin_start(struct server *s);
void admin_stop(struct admin **a);

/* From another process: sends the line, and waits for the answer. false: no server runs. */
bool admin_send(const struct conf *c, const char *line);
