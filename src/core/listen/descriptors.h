/* The process's limit of descriptors, and how many connections fit below it. The server raises the
 * limit as far as it may, keeps some for its files, databases and programs, and accepts no more
 * connections than the rest (core/listen/admission.h): clients beyond wait in the
 * kernel's queue. */
#pragma once

#include "base/base.h"

struct conf;

/* To what the hard limit allows. Returns the limit. */
uint64_t descriptors_raise(void);

unsigned descriptors_in_use(void);

/* How many are left for connections: besides those in use there are some that the server may need,
 * for `n_threads` threads that ask databases, directories, programs and services, too. */
int64_t descriptors_room(uint64_t limit, unsigned in_use, unsigned n_threads);

/* Says what fits, and if it is less than the listeners' max_connections, what to do about it. */
void descriptors_log(const struct conf *c, int64_t room, uint64_t limit);
