/* How keys, values and what is allowed are worded in messages and in the documentation.
 */
#pragma once

#include "conf/option.h"

/* Room for any of these texts. */
#define CONF_TEXT_MAX ((size_t)64 * 1024)

/* Between double quotes, escaped, cut where it gets long. */
void conf_put_quoted(struct buf *b, struct strv s);

/* As it is when TOML allows that, else quoted. */
void conf_put_key(struct buf *b, struct strv key);

/* `the string "x"`, `the integer 5`, "a table" ...; of a secret only its type. */
void conf_put_found(struct buf *b, const struct toml_value *v, bool is_secret);

/* `an integer from 1 to 10`, `one of "a", "b"`; of one element of the array with
 * `element`. */
void conf_put_allowed(struct buf *b, const struct conf_option *row, bool element);
/* The same for messages: of many words only some. */
void conf_put_allowed_briefly(struct buf *b, const struct conf_option *row, bool element);

/* Where `path` ("c2s[1].port") leads from the table `v`, or as far as it exists. */
const struct toml_value *conf_locate(const struct toml_value *v, const char *path);
