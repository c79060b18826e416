#include "base/json.h"
#include "base/utf8.h"

enum { ONE_CHARACTER = 64 }; /* no escape is longer */

void json_escape(struct buf *b, struct strv rest)
{
	while (rest.n && b->max - b->n > ONE_CHARACTER) {
		uint32_t cp;
		int n = utf8_next(rest, &cp);

		if (n <
		    0) /* a path of the file system, or what was cut within a character */
			buf_put(b, STRV("\\ufffd"));
		else if (cp == '"' || cp == '\\')
			buf_putf(b, "\\%c", (char)cp);
		else if (cp < 0x20 || cp == 0x7f)
			buf_putf(b, "\\u%04x", cp);
		else
			buf_put(b, strv_make(rest.p, (size_t)n));
		rest = strv_from_pos(rest, (size_t)MAX(n, 1));
	}
}
