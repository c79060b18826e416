/* Patterns as a shell has them: `*` any text, `?` any character, `[a-z]`, `[!a-z]` one of or none
 * of these, `\` takes the next character as it is. */
#pragma once

#include "base/strv.h"

/* What is wrong with a pattern; NULL: nothing. */
const char *glob_error(struct strv pattern);

/* Does it fit the whole text? Both are UTF-8, the pattern has no error. The work is at most the
 * product of both lengths. */
nodiscard bool glob_fits(struct strv pattern, struct strv text);
