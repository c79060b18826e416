/* SASLprep (RFC 4013): how clients change a password before SCRAM makes keys of it. It is a profile of
 * stringprep (RFC 3454), which PRECIS has replaced; SCRAM has stayed with it. */
#pragma once

#include "base/arena.h"

/* Characters that stringprep has newer Unicode for (unassigned in 3.2) are let pass, as in a query
 * (RFC 3454 section 7). -EINVAL: not UTF-8, over PRECIS_INPUT_MAX bytes, nothing is left, prohibited
 * characters, or text of both directions. Printable ASCII stays what it is. */
nodiscard int saslprep(struct arena *a, struct strv in, struct strv *ret);

/* RFC 3454 C.2.1 to C.6, C.8 and C.9. Surrogates are no UTF-8. */
bool stringprep_is_prohibited(uint32_t cp);
