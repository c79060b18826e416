/* Whether a secret is on the heap, be it in memory that has been freed. */
#pragma once

#include "base/base.h"

/* So often these bytes are there. They are given inverted, so that they are not found where the test
 * keeps them. The main thread's heap. */
unsigned heap_copies(const unsigned char *inverted, size_t n);
