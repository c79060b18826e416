/* Tables of options: defaults, then what the configuration gives instead. */
#include "conf/option_priv.h"

static void read_table(struct conf_ctx *c, const struct toml_value *v,
		       const struct conf_option *options, char *base);
static void fill_defaults(struct conf_ctx *c, const struct conf_option *options,
			  char *base);
static bool read_row(struct conf_ctx *c, const struct conf_option *row,
		     const struct toml_value *v, char *base);

static bool is_option(const struct conf_option *row)
{
	return row->type != CONF_T_UNSUPPORTED && row->type != CONF_T_IGNORED &&
	       row->type != CONF_T_ALIAS;
}

static void set_pointer(char *dst, void *p)
{
	memcpy(dst, &p, sizeof(p));
}

static void set_count(const struct conf_option *row, char *base, size_t n)
{
	ASSERT(row->has_count);
	memcpy(base + row->count_offset, &n, sizeof(n));
}

static void set_presence(const struct conf_option *row, char *base, bool is_there)
{
	if (row->has_count)
		memcpy(base + row->count_offset, &is_there, sizeof(is_there));
}

static void fill_unset(struct conf_ctx *c, const struct conf_option *row, char *base)
{
	char *dst = base + row->offset;
	int64_t unset = CONF_UNSET;

	switch (row->type) {
	case CONF_T_BOOL:
		memset(dst, 0, sizeof(bool));
		break;
	case CONF_T_INT:
	case CONF_T_INT_OR_INFINITY:
	case CONF_T_ENUM:
		memcpy(dst, &unset, sizeof(unset));
		break;
	case CONF_T_STRING:
	case CONF_T_PATH:
	case CONF_T_FILE:
		memset(dst, 0, sizeof(struct strv));
		break;
	case CONF_T_STRING_ARRAY:
	case CONF_T_FILE_ARRAY:
	case CONF_T_ENUM_ARRAY:
	case CONF_T_TABLE_ARRAY:
	case CONF_T_MAP:
		set_pointer(dst, NULL);
		set_count(row, base, 0);
		break;
	case CONF_T_TABLE:
		fill_defaults(c, row->options, dst);
		set_presence(row, base, false);
		break;
	case CONF_T_TABLE_NEW:
		set_pointer(dst, NULL);
		break;
	case CONF_T_CUSTOM:
		memset(dst, 0, row->size);
		break;
	default:
		break;
	}
}

/* Without a place for errors: a default that is wrong is a bug, and asserts. */
static void fill_default(struct conf_ctx *c, const struct conf_option *row, char *base)
{
	struct conf_errors *errors = c->errors;
	struct toml_value v;

	fill_unset(c, row, base);
	if (!is_option(row) || row->dflt == NULL)
		return;
	v = toml_parse_value(c->arena, strv_from(row->dflt));
	c->errors = NULL;
	if (!read_row(c, row, &v, base))
		UNREACHABLE();
	c->errors = errors;
}

static void fill_defaults(struct conf_ctx *c, const struct conf_option *options,
			  char *base)
{
	for (const struct conf_option *row = options; row && row->name; row++)
		fill_default(c, row, base);
}

/* A value that has the wrong type for the row. */
static bool refuse(struct conf_ctx *c, const struct conf_option *row,
		   const struct toml_value *v, bool element)
{
	struct conf_ctx outer = *c;

	c->row = row;
	c->at = v;
	c->element = element;
	if (row->type == CONF_T_TABLE_ARRAY && v->type == TOML_TABLE)
		conf_complain(c, "expected an array of tables, [[%s]], found a table",
			      buf_cstr(c->path));
	else
		conf_complain_value(c);
	*c = outer;
	return false;
}

/* The row's check of a table that has no error within. */
static void check_table(struct conf_ctx *c, const struct conf_option *row,
			const struct toml_value *v, void *dst, size_t errors_before)
{
	struct conf_ctx outer = *c;

	if (row->check == NULL || c->errors == NULL || conf_n_errors(c) > errors_before)
		return;
	c->row = row;
	c->at = v;
	row->check(c, v, dst);
	*c = outer;
}

static bool read_one_table(struct conf_ctx *c, const struct conf_option *row,
			   const struct toml_value *v, char *dst)
{
	size_t before = conf_n_errors(c);

	read_table(c, v, row->options, dst);
	check_table(c, row, v, dst, before);
	return conf_n_errors(c) == before;
}

static bool read_table_array(struct conf_ctx *c, const struct conf_option *row,
			     const struct toml_value *v, char *base)
{
	bool ok = true;
	char *elements;
	size_t n;

	if (v->type != TOML_ARRAY)
		return refuse(c, row, v, false);
	n = v->array->n;
	if (row->has_range && ((int64_t)n < row->min || (int64_t)n > row->max))
		return refuse(c, row, v, false);
	elements = arena_zalloc(c->arena, n * row->size);
	for (size_t i = 0; i < n; i++) {
		const struct toml_value *e = &v->array->v[i];
		size_t length = conf_push_index(c, i);

		if (e->type == TOML_TABLE) {
			ok = read_one_table(c, row, e, elements + i * row->size) && ok;
		} else {
			fill_defaults(c, row->options, elements + i * row->size);
			ok = refuse(c, row, e, true);
		}
		conf_pop(c, length);
	}
	set_pointer(base + row->offset, elements);
	set_count(row, base, n);
	return ok;
}

static bool read_map_element(struct conf_ctx *c, const struct conf_option *row,
			     const struct toml_entry *e, char *element)
{
	size_t before = conf_n_errors(c), length = conf_push_key(c, e->key);
	struct strv key = arena_strv(c->arena, e->key);
	bool ok;

	fill_default(c, row->options, element);
	memcpy(element + row->key_offset, &key, sizeof(key));
	ok = read_row(c, row->options, &e->value, element);
	if (ok)
		check_table(c, row, &e->value, element, before);
	conf_pop(c, length);
	return ok && conf_n_errors(c) == before;
}

static bool read_map(struct conf_ctx *c, const struct conf_option *row,
		     const struct toml_value *v, char *base)
{
	char *elements, *to;
	bool ok = true;

	if (v->type != TOML_TABLE)
		return refuse(c, row, v, false);
	elements = to = arena_zalloc(c->arena, v->table->n * row->size);
	for (const struct toml_entry *e = v->table->first; e;
	     e = e->next, to += row->size)
		ok = read_map_element(c, row, e, to) && ok;
	set_pointer(base + row->offset, elements);
	set_count(row, base, v->table->n);
	return ok;
}

static bool read_custom(struct conf_ctx *c, const struct conf_option *row,
			const struct toml_value *v, char *dst)
{
	struct conf_ctx outer = *c;
	size_t before = conf_n_errors(c);

	ASSERT(row->check != NULL);
	c->row = row;
	c->at = v;
	c->element = false;
	memset(dst, 0, row->size);
	row->check(c, v, dst);
	*c = outer;
	return conf_n_errors(c) == before;
}

static bool read_plain(struct conf_ctx *c, const struct conf_option *row,
		       const struct toml_value *v, char *base)
{
	char *n = row->has_count ? base + row->count_offset : NULL;

	return conf_read_plain(c, row, v, base + row->offset, n);
}

/* Reads the value into its member. False when it was complained about: a plain member is
 * then as it was, arrays and tables hold what was right in them. */
static bool read_row(struct conf_ctx *c, const struct conf_option *row,
		     const struct toml_value *v, char *base)
{
	char *dst = base + row->offset;

	switch (row->type) {
	case CONF_T_TABLE:
	case CONF_T_TABLE_NEW:
		if (v->type != TOML_TABLE)
			return refuse(c, row, v, false);
		if (row->type == CONF_T_TABLE_NEW) {
			char *made = arena_zalloc(c->arena, row->size);
			set_pointer(dst, made);
			return read_one_table(c, row, v, made);
		}
		set_presence(row, base, true);
		return read_one_table(c, row, v, dst);
	case CONF_T_TABLE_ARRAY:
		return read_table_array(c, row, v, base);
	case CONF_T_MAP:
		return read_map(c, row, v, base);
	case CONF_T_CUSTOM:
		return read_custom(c, row, v, dst);
	default:
		return read_plain(c, row, v, base);
	}
}

static void complain_missing(struct conf_ctx *c, const struct conf_option *row)
{
	AUTO(buf_free) struct buf allowed = BUF_INIT(CONF_TEXT_MAX);

	conf_put_allowed_briefly(&allowed, row, false);
	if (row->type == CONF_T_TABLE || row->type == CONF_T_TABLE_NEW)
		conf_complain(c, "this section is mandatory, and is missing");
	else
		conf_complain(c, "this option is mandatory, and is missing: expected %s",
			      buf_cstr(&allowed));
}

/* The row's entry, under its name or an alias of it. */
static const struct toml_entry *find_entry(struct conf_ctx *c, const struct toml_table *t,
					   const struct conf_option *options,
					   const struct conf_option *row)
{
	const struct toml_entry *e = toml_find(t, strv_from(row->name));

	for (const struct conf_option *o = options; o->name; o++) {
		const struct toml_entry *other;

		if (o->type != CONF_T_ALIAS || strcmp(o->dflt, row->name) != 0 ||
		    (other = toml_find(t, strv_from(o->name))) == NULL)
			continue;
		if (e) {
			size_t length = conf_push_key(c, other->key);
			c->at = &other->value;
			conf_complain(c, "is another name of %s, which is set on line %u",
				      row->name, e->line);
			conf_pop(c, length);
		}
		e = other;
	}
	return e;
}

static void read_options(struct conf_ctx *c, const struct toml_value *v,
			 const struct conf_option *options, char *base)
{
	for (const struct conf_option *row = options; row && row->name; row++) {
		const struct toml_entry *e;
		size_t length;

		if (!is_option(row))
			continue;
		fill_default(c, row, base);
		e = find_entry(c, v->table, options, row);
		length = conf_push_key(c, e ? e->key : strv_from(row->name));
		c->at = v;
		if (e == NULL && row->mandatory && c->errors)
			complain_missing(c, row);
		else if (e && !read_row(c, row, &e->value, base) &&
			 row->type == CONF_T_CUSTOM)
			fill_default(c, row, base); /* its check may have left anything */
		conf_pop(c, length);
	}
}

static void complain_unknown(struct conf_ctx *c, const struct toml_entry *e,
			     const struct conf_option *options)
{
	AUTO(buf_free) struct buf known = BUF_INIT(CONF_TEXT_MAX);
	const char *names[256] = { NULL }, *nearest;
	size_t n = 0;

	for (const struct conf_option *o = options; o && o->name; o++) {
		if (n + 1 < ARRAY_LEN(names))
			names[n++] = o->name;
		if (is_option(o))
			buf_putf(&known, "%s%s", known.n ? ", " : "", o->name);
	}
	nearest = conf_nearest(e->key, names);
	if (nearest)
		conf_complain(c, "unknown option; did you mean \"%s\"?", nearest);
	else if (known.n > 0)
		conf_complain(c, "unknown option; known here: %s", buf_cstr(&known));
	else
		conf_complain(c, "unknown option; there are none here");
}

static void report_key(struct conf_ctx *c, const struct toml_entry *e,
		       const struct conf_option *options)
{
	struct toml_value at = { .line = e->line, .col = e->col };
	const struct conf_option *o = options;
	size_t length = conf_push_key(c, e->key);

	while (o && o->name && !strv_is(e->key, o->name))
		o++;
	c->at = &at;
	if (o == NULL || o->name == NULL)
		complain_unknown(c, e, options);
	else if (o->type == CONF_T_UNSUPPORTED)
		conf_warn(c, "known to MongooseIM, not supported here");
	else if (o->type == CONF_T_IGNORED)
		conf_warn(c, "has no effect here: %s", o->doc);
	conf_pop(c, length);
}

static void read_table(struct conf_ctx *c, const struct toml_value *v,
		       const struct conf_option *options, char *base)
{
	struct conf_ctx outer = *c;

	ASSERT(v->type == TOML_TABLE);
	c->row = NULL;
	c->element = false;
	read_options(c, v, options, base);
	for (const struct toml_entry *e = v->table->first; e; e = e->next)
		report_key(c, e, options);
	*c = outer;
}

int conf_read(struct arena *a, const struct toml_value *table, const char *path,
	      const struct conf_option *options, void *ret, struct conf_errors *e)
{
	AUTO(buf_free) struct buf where = BUF_INIT(CONF_TEXT_MAX);
	struct conf_ctx c = { .arena = a, .errors = e, .path = &where, .at = table };
	size_t before = e->n_errors;

	buf_put(&where, strv_from(path));
	if (table->type != TOML_TABLE) {
		fill_defaults(&c, options, ret);
		conf_complain_expected(&c, "a table");
	} else {
		read_table(&c, table, options, ret);
	}
	return e->n_errors > before ? -EINVAL : 0;
}

int conf_read_root(struct arena *a, const struct toml_table *root,
		   const struct conf_option *options, void *ret, struct conf_errors *e)
{
	struct toml_value v = { .type = TOML_TABLE, .table = (struct toml_table *)root };

	return conf_read(a, &v, "", options, ret, e);
}

void conf_defaults(struct arena *a, const struct conf_option *options, void *ret)
{
	AUTO(buf_free) struct buf where = BUF_INIT(CONF_TEXT_MAX);
	struct conf_ctx c = { .arena = a, .path = &where };

	fill_defaults(&c, options, ret);
}

int conf_read_part(struct conf_ctx *c, const struct toml_value *table, const char *part,
		   const struct conf_option *options, void *ret)
{
	struct conf_ctx outer = *c;
	size_t length = c->path->n, before = conf_n_errors(c);

	buf_putf(c->path, "%s", part);
	c->at = table;
	c->row = NULL;
	if (table->type != TOML_TABLE) {
		fill_defaults(c, options, ret);
		conf_complain_expected(c, "a table");
	} else {
		read_table(c, table, options, ret);
	}
	conf_pop(c, length);
	*c = outer;
	return conf_n_errors(c) > before ? -EINVAL : 0;
}
