/* Names that stand for something elsewhere in the file: a rule, a class, a domain. */
#include "conf/error.h"
#include "conf/text.h"

#define SHOWN_NAMES 10u

/* Two domains may have the same name. */
static bool is_new(const char *const *names, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(names[k], names[i]) == 0)
			return false;
	return true;
}

static void put_names(struct buf *b, const char *const *names)
{
	size_t n = 0;

	for (size_t i = 0; names[i]; i++) {
		if (n == SHOWN_NAMES) {
			buf_put(b, STRV(", ..."));
			return;
		}
		if (!is_new(names, i))
			continue;
		buf_put(b, n++ ? STRV(", ") : STRV("; there is "));
		conf_put_quoted(b, strv_from(names[i]));
	}
}

void conf_error_name_at(struct conf_errors *e, const struct toml_table *root,
			const char *key, const char *what, struct strv found,
			const char *const *names)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_TEXT_MAX);
	const char *nearest = conf_nearest(found, names);

	buf_putf(&b, "expected %s, found ", what);
	conf_put_quoted(&b, found);
	if (nearest)
		buf_putf(&b, "; did you mean %s?",
			 conf_quoted(e->arena, strv_from(nearest)));
	else
		put_names(&b, names);
	conf_error_at(e, root, key, "%s", buf_cstr(&b));
}

const char *conf_quoted(struct arena *a, struct strv s)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_TEXT_MAX);

	conf_put_quoted(&b, s);
	return arena_cstr(a, buf_strv(&b));
}

const char *conf_key(struct arena *a, struct strv name)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_TEXT_MAX);

	conf_put_key(&b, name);
	return arena_cstr(a, buf_strv(&b));
}
