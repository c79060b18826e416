/* Reading the configuration of a running server again. */
#pragma once

#include "base/buf.h"

struct server;

/* Reads it, and logs what came of it; errors and warnings are in `text` as well. Not on a
 * worker. */
nodiscard int reload(struct server *s, struct buf *text);

/* Looks whether certificates and other files that it names have changed. The main thread. */
void reload_files(struct server *s);
