/* What `meerkat user` reads: lines of standard input, and passwords from a terminal. */
#pragma once

#include "base/strv.h"

#include <sys/types.h>

enum { LINE_END = -1, LINE_TOO_LONG = -2, LINE_HAS_NUL = -3 };

/* One line of standard input without its end (LF or CRLF): its length, or why there is
 * none. It is read to its end in any case. */
ssize_t input_line(char *to, size_t size);

/* Asked for twice on a terminal, without echo; else the first line of standard input. -1:
 * there is none, which has been said. */
nodiscard int input_password(char *to, size_t size);
