/* When the certificates of the configuration expire: for the log, and for `meerkat check`. */
#pragma once

#include "core/server/server.h"

/* Those that have expired, are not good yet, or expire soon; main thread. */
void certificates_log(const struct conf *c);
/* The same once a day, for what the server runs with. */
void certificates_watch(struct server *s);
/* All of them on stdout, and what is wrong on stderr. */
void certificates_print(const struct conf *c);
