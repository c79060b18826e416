/* The verification string of entity capabilities (XEP-0115 section 5). */
#pragma once

#include "xml/xml.h"

enum { CAPS_VER_LEN = 28 }; /* base 64 of a SHA-1 */

/* From a disco#info <query/>. Writes CAPS_VER_LEN characters, no NUL. */
void caps_ver(struct arena *a, const struct xml_el *query, char to[CAPS_VER_LEN]);
