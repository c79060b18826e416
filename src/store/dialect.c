/* Statements as each database wants them. */
#include "store/db.h"

struct translation {
	const struct db_dialect *dialect;
	struct buf *out;
	uint8_t *param;
	unsigned n_places, n_params;
};

static void put_place(struct translation *t, unsigned param)
{
	ASSERT(t->n_places < DB_PARAM_MAX);
	t->param[t->n_places++] = (uint8_t)param;
	if (t->dialect->numbered)
		buf_putf(t->out, "$%u", param + 1);
	else
		buf_putc(t->out, '?');
}

static void put_bytes(struct translation *t, struct strv column)
{
	buf_putf(t->out, "%s" STRV_FMT "%s", t->dialect->before, STRV_ARG(column),
		 t->dialect->after);
}

/* The plain comparison is the one that an index serves. */
static void put_equal(struct translation *t, struct strv column)
{
	unsigned param = t->n_params++;

	buf_putf(t->out, STRV_FMT " = ", STRV_ARG(column));
	put_place(t, param);
	if (t->dialect->by_bytes)
		return;
	buf_put(t->out, STRV(" AND "));
	put_bytes(t, column);
	buf_put(t->out, STRV(" = "));
	put_place(t, param);
}

unsigned db_translate(const struct db_dialect *dialect, const char *sql, struct buf *ret,
		      uint8_t param[DB_PARAM_MAX])
{
	struct translation t = { .dialect = dialect, .out = ret, .param = param };

	for (const char *p = sql; *p; p++) {
		const char *end;

		if (*p == '?') {
			put_place(&t, t.n_params++);
			continue;
		}
		if (*p != '{') {
			buf_putc(ret, *p);
			continue;
		}
		end = strchr(p, '}');
		ASSERT(end);
		if (p[1] == '+')
			buf_put(ret, strv_from(dialect->hold));
		else if (p[1] == '#')
			put_bytes(&t, strv_make(p + 2, (size_t)(end - p - 2)));
		else
			put_equal(&t, strv_make(p + 1, (size_t)(end - p - 1)));
		p = end;
	}
	return t.n_places;
}
