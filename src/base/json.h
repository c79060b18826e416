/* Text within JSON (RFC 8259). */
#pragma once

#include "base/buf.h"

/* Appends `s` as the inside of a JSON string, whatever bytes it is made of: what is not UTF-8
 * becomes U+FFFD. What the buffer has no room for is left out, a whole character at a time. */
void json_escape(struct buf *b, struct strv s);
