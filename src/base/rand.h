/* Random bytes fit for secrets: getrandom(2). */
#pragma once

#include "base/strv.h"

void rand_bytes(void *to, size_t n);
nodiscard uint64_t rand_u64(void);

/* Writes `n` characters of [A-Za-z0-9_-], 6 bits each, and a NUL: `to` holds n + 1. */
void rand_token(char *to, size_t n);
