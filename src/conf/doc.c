/* The reference of all options, as Markdown. */
#include "conf/text.h"

static void put_cell(struct buf *b, struct strv s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '|')
			buf_putc(b, '\\');
		buf_putc(b, s.p[i] == '\n' ? ' ' : s.p[i]);
	}
}

static bool is_section(const struct conf_option *row)
{
	return row->type == CONF_T_TABLE || row->type == CONF_T_TABLE_NEW ||
	       row->type == CONF_T_TABLE_ARRAY || row->type == CONF_T_MAP;
}

static bool is_plain(const struct conf_option *row)
{
	return !is_section(row) && row->type != CONF_T_UNSUPPORTED &&
	       row->type != CONF_T_IGNORED && row->type != CONF_T_ALIAS;
}

static void put_default(struct buf *b, const struct conf_option *row)
{
	if (row->mandatory) {
		buf_put(b, STRV("mandatory"));
	} else if (row->dflt) {
		buf_putc(b, '`');
		put_cell(b, strv_from(row->dflt));
		buf_putc(b, '`');
	} else {
		buf_put(b, STRV("not set"));
	}
}

static void put_names(struct buf *b, const struct conf_option *options,
		      enum conf_type type, const char *before)
{
	const char *sep = before;

	for (const struct conf_option *o = options; o && o->name; o++) {
		if (o->type != type)
			continue;
		buf_putf(b, "%s`%s`", sep, o->name);
		sep = ", ";
	}
	if (sep != before)
		buf_put(b, STRV(".\n\n"));
}

/* The words that are accepted with a warning, and those that are refused with a reason. */
static void put_unsupported_words(struct buf *b, const struct conf_word *words)
{
	const char *sep = "; known to MongooseIM, not supported here: ";

	for (const struct conf_word *w = words; w && w->name; w++) {
		if (!w->unsupported)
			continue;
		buf_putf(b, "%s\"%s\"", sep, w->name);
		sep = ", ";
	}
	sep = "; refused: ";
	for (const struct conf_word *w = words; w && w->name; w++) {
		if (!w->refused)
			continue;
		buf_putf(b, "%s\"%s\"", sep, w->name);
		sep = ", ";
	}
}

static void put_option(struct buf *b, const struct conf_option *row,
		       const struct conf_option *options)
{
	AUTO(buf_free) struct buf allowed = BUF_INIT(CONF_TEXT_MAX);

	buf_putf(b, "| `%s`", row->name);
	for (const struct conf_option *o = options; o->name; o++)
		if (o->type == CONF_T_ALIAS && strcmp(o->dflt, row->name) == 0)
			buf_putf(b, ", `%s`", o->name);
	buf_put(b, STRV(" | "));
	conf_put_allowed(&allowed, row, false);
	put_cell(b, buf_strv(&allowed));
	if (row->unit)
		buf_putf(b, " (%s)", row->unit);
	put_unsupported_words(b, row->words);
	buf_put(b, STRV(" | "));
	put_default(b, row);
	buf_put(b, STRV(" | "));
	put_cell(b, strv_from(row->doc));
	if (row->restart)
		buf_put(b, STRV(" A change needs a restart."));
	buf_put(b, STRV(" |\n"));
}

static void put_options(struct buf *b, const struct conf_option *options)
{
	bool has_head = false;

	for (const struct conf_option *o = options; o && o->name; o++) {
		if (!is_plain(o))
			continue;
		if (!has_head)
			buf_put(b, STRV("| Option | Allowed | Default | Meaning |\n"
					"|---|---|---|---|\n"));
		has_head = true;
		put_option(b, o, options);
	}
	if (has_head)
		buf_putc(b, '\n');
	put_names(b, options, CONF_T_UNSUPPORTED,
		  "Known to MongooseIM, not supported here (a warning): ");
	for (const struct conf_option *o = options; o && o->name; o++)
		if (o->type == CONF_T_IGNORED)
			buf_putf(b, "`%s` has no effect here: %s\n\n", o->name, o->doc);
}

static void put_section(struct buf *b, const struct conf_option *row, const char *path)
{
	AUTO(buf_free) struct buf name = BUF_INIT(CONF_TEXT_MAX);
	bool is_array = row->type == CONF_T_TABLE_ARRAY;
	const char *own = strcmp(row->name, "*") == 0 ? "NAME" : row->name;

	buf_putf(&name, "%s%s%s", path, *path ? "." : "", own);
	if (row->type == CONF_T_MAP) {
		if (row->doc)
			buf_putf(b, "### `[%s]`\n\n%s\n\n", buf_cstr(&name), row->doc);
		if (row->repeats)
			return;
		if (is_section(row->options)) {
			put_section(b, row->options, buf_cstr(&name));
		} else {
			struct conf_option rows[2] = { *row->options, { 0 } };
			rows[0].name = "NAME";
			put_options(b, rows);
		}
		return;
	}
	buf_putf(b, is_array ? "### `[[%s]]`\n\n" : "### `[%s]`\n\n", buf_cstr(&name));
	if (row->doc)
		buf_putf(b, "%s%s%s\n\n", row->doc,
			 row->mandatory ? " This section is mandatory." : "",
			 row->restart ? " A change needs a restart." : "");
	if (!row->repeats)
		conf_doc(row->options, buf_cstr(&name), b);
}

void conf_doc(const struct conf_option *options, const char *path, struct buf *b)
{
	put_options(b, options);
	for (const struct conf_option *o = options; o && o->name; o++)
		if (is_section(o))
			put_section(b, o, path);
}
