/* Date and time as XEP-0082 writes them: `2026-11-28T03:00:00Z`, optional fraction. */
#pragma once

#include "base/clock.h"
#include "base/strv.h"

enum { STAMP_LEN = 28 }; /* with six digits of fraction and NUL */

/* Seconds only when the fraction is zero, else six digits. */
void stamp_format(wallus_t t, char to[STAMP_LEN]);
/* Seconds only, always: "2026-11-28T03:00:00Z". */
void stamp_format_seconds(wallus_t t, char to[STAMP_LEN]);
/* Any offset, any number of digits of fraction. -EINVAL. */
nodiscard int stamp_parse(struct strv in, wallus_t *ret);
