/* Values that hold no table: numbers, words, strings, and arrays of them. */
#include "base/hash.h"
#include "conf/option_priv.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum read_result { READ_FAILED, READ_OK, READ_SKIPPED };

static enum read_result refuse(struct conf_ctx *c)
{
	conf_complain_value(c);
	return READ_FAILED;
}

static enum read_result read_bool(struct conf_ctx *c, const struct toml_value *v,
				  bool *ret)
{
	if (v->type != TOML_BOOL)
		return refuse(c);
	*ret = v->b;
	return READ_OK;
}

static enum read_result read_int(struct conf_ctx *c, const struct toml_value *v,
				 int64_t *ret)
{
	const struct conf_option *row = c->row;

	if (row->type == CONF_T_INT_OR_INFINITY && v->type == TOML_STRING &&
	    strv_is(v->str, "infinity")) {
		*ret = CONF_INFINITY;
		return READ_OK;
	}
	if (v->type != TOML_INT)
		return refuse(c);
	if (row->has_range && (v->i < row->min || v->i > row->max))
		return refuse(c);
	*ret = v->i;
	return READ_OK;
}

static const struct conf_word *find_word(const struct conf_word *words, struct strv s)
{
	for (; words->name; words++)
		if (strv_is(s, words->name))
			return words;
	return NULL;
}

static enum read_result read_word(struct conf_ctx *c, const struct toml_value *v,
				  const struct conf_word **ret)
{
	const struct conf_word *w = NULL;

	ASSERT(c->row->words != NULL);
	if (v->type == TOML_STRING)
		w = find_word(c->row->words, v->str);
	if (w == NULL)
		return refuse(c);
	if (w->refused) {
		conf_complain(c, "\"%s\" is not supported: %s", w->name, w->refused);
		return READ_FAILED;
	}
	if (w->unsupported) {
		conf_warn(c, "\"%s\" is known to MongooseIM, not supported here",
			  w->name);
		return READ_SKIPPED;
	}
	*ret = w;
	return READ_OK;
}

static enum read_result read_enum(struct conf_ctx *c, const struct toml_value *v,
				  int64_t *ret)
{
	const struct conf_word *w;
	enum read_result r = read_word(c, v, &w);

	if (r == READ_OK)
		*ret = w->value;
	return r;
}

static bool is_readable(struct conf_ctx *c, const char *path)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	AUTO(buf_free) struct buf name = BUF_INIT(CONF_TEXT_MAX);
	const char *why = NULL;

	if (fd < 0 || fstat(fd, &st) < 0)
		why = strerrordesc_np(errno);
	else if (!S_ISREG(st.st_mode))
		why = "not a regular file";
	if (why == NULL)
		return true;
	if (!c->row->secret) {
		buf_putc(&name, ' ');
		conf_put_quoted(&name, strv_from(path));
	}
	conf_complain(c, "cannot read the file%s: %s", buf_cstr(&name), why);
	return false;
}

static bool is_path(enum conf_type type)
{
	return type == CONF_T_PATH || type == CONF_T_FILE || type == CONF_T_FILE_ARRAY;
}

static bool must_exist(enum conf_type type)
{
	return type == CONF_T_FILE || type == CONF_T_FILE_ARRAY;
}

static enum read_result read_string(struct conf_ctx *c, const struct toml_value *v,
				    struct strv *ret)
{
	const struct conf_option *row = c->row;
	int64_t n = (int64_t)v->str.n;

	if (row->words) {
		const struct conf_word *w;
		enum read_result r = read_word(c, v, &w);
		if (r != READ_OK)
			return r;
	}
	if (v->type != TOML_STRING || (is_path(row->type) && n == 0))
		return refuse(c);
	if (row->has_range && !c->element && (n < row->min || n > row->max))
		return refuse(c);
	if (strv_find(v->str, '\0') >= 0) {
		conf_complain(c, "U+0000 is not allowed");
		return READ_FAILED;
	}
	*ret = arena_strv(c->arena, v->str);
	if (must_exist(row->type) && c->errors && !is_readable(c, ret->p))
		return READ_FAILED;
	return READ_OK;
}

union plain {
	bool b;
	int64_t i;
	struct strv s;
};

static enum read_result read_scalar(struct conf_ctx *c, const struct toml_value *v,
				    union plain *ret)
{
	switch (c->row->type) {
	case CONF_T_BOOL:
		return read_bool(c, v, &ret->b);
	case CONF_T_INT:
	case CONF_T_INT_OR_INFINITY:
		return read_int(c, v, &ret->i);
	case CONF_T_ENUM:
	case CONF_T_ENUM_ARRAY:
		return read_enum(c, v, &ret->i);
	default:
		return read_string(c, v, &ret->s);
	}
}

static size_t plain_size(enum conf_type type)
{
	switch (type) {
	case CONF_T_BOOL:
		return sizeof(bool);
	case CONF_T_INT:
	case CONF_T_INT_OR_INFINITY:
	case CONF_T_ENUM:
	case CONF_T_ENUM_ARRAY:
		return sizeof(int64_t);
	default:
		return sizeof(struct strv);
	}
}

/* Reads, and lets the row's own check look at it. */
static enum read_result read_checked(struct conf_ctx *c, const struct toml_value *v,
				     void *dst)
{
	size_t before = conf_n_errors(c);
	union plain value = { 0 };
	enum read_result r;

	c->at = v;
	r = read_scalar(c, v, &value);
	if (r == READ_OK && c->row->check && c->errors) {
		c->row->check(c, v, &value);
		if (conf_n_errors(c) > before)
			r = READ_FAILED;
	}
	if (r == READ_OK)
		memcpy(dst, &value, plain_size(c->row->type));
	return r;
}

struct seen {
	struct hnode node;
	struct strv bytes; /* of the element */
	const struct toml_value *v;
};

static struct strv element_bytes(enum conf_type type, const char *element)
{
	struct strv s;

	if (type == CONF_T_ENUM_ARRAY)
		return strv_make(element, sizeof(int64_t));
	memcpy(&s, element, sizeof(s));
	return s;
}

static const struct seen *find_seen(const struct hash *h, struct strv bytes)
{
	struct hnode *n = hash_first(h, hash_strv(bytes));

	for (; n; n = hash_next(n)) {
		const struct seen *s = container_of(n, struct seen, node);
		if (strv_eq(s->bytes, bytes))
			return s;
	}
	return NULL;
}

static void complain_twice(struct conf_ctx *c, const struct toml_value *v, size_t i,
			   const struct toml_value *first)
{
	AUTO(buf_free) struct buf found = BUF_INIT(CONF_TEXT_MAX);
	size_t length = conf_push_index(c, i);

	c->at = v;
	conf_put_found(&found, v, c->row->secret);
	conf_complain(c, "found %s a second time (the first is at %u:%u)",
		      buf_cstr(&found), first->line, first->col);
	conf_pop(c, length);
}

/* `v[i]` is where the element i of `elements` was read from. */
static bool is_unique(struct conf_ctx *c, const char *elements, size_t n,
		      const struct toml_value *const *v)
{
	size_t size = plain_size(c->row->type);
	const struct toml_value *all = c->at->array->v;
	struct seen *seen = arena_alloc(c->arena, n * sizeof(*seen));
	struct hash h;
	bool ok = true;

	hash_init(&h);
	for (size_t i = 0; i < n; i++) {
		struct strv bytes = element_bytes(c->row->type, elements + i * size);
		const struct seen *first = find_seen(&h, bytes);

		if (first) {
			complain_twice(c, v[i], (size_t)(v[i] - all), first->v);
			ok = false;
			continue;
		}
		seen[i].bytes = bytes;
		seen[i].v = v[i];
		hash_add(&h, &seen[i].node, hash_strv(bytes));
	}
	hash_fini(&h);
	return ok;
}

static bool read_elements(struct conf_ctx *c, const struct toml_array *a, char *to,
			  const struct toml_value **from, size_t *ret_n)
{
	size_t size = plain_size(c->row->type), n = 0;
	bool ok = true;

	c->element = true;
	for (size_t i = 0; i < a->n; i++) {
		size_t length = conf_push_index(c, i);
		enum read_result r = read_checked(c, &a->v[i], to + n * size);

		conf_pop(c, length);
		ok = ok && r != READ_FAILED;
		from[n] = &a->v[i];
		n += r == READ_OK;
	}
	c->element = false;
	*ret_n = n;
	return ok;
}

static bool read_array(struct conf_ctx *c, const struct toml_value *v, char *dst,
		       char *count)
{
	const struct conf_option *row = c->row;
	const struct toml_value **from;
	char *elements;
	size_t n;
	bool ok;

	c->at = v;
	if (v->type != TOML_ARRAY ||
	    (row->has_range &&
	     ((int64_t)v->array->n < row->min || (int64_t)v->array->n > row->max))) {
		conf_complain_value(c);
		return false;
	}
	elements = arena_alloc(c->arena, v->array->n * plain_size(row->type));
	from = arena_alloc(c->arena, v->array->n * sizeof(struct toml_value *));
	ok = read_elements(c, v->array, elements, from, &n);
	c->at = v;
	ok = (!row->unique || is_unique(c, elements, n, from)) && ok;
	memcpy(dst, &elements, sizeof(elements));
	memcpy(count, &n, sizeof(n));
	return ok;
}

bool conf_read_plain(struct conf_ctx *c, const struct conf_option *row,
		     const struct toml_value *v, char *dst, char *count)
{
	struct conf_ctx outer = *c;
	bool ok;

	c->row = row;
	c->element = false;
	if (row->type == CONF_T_STRING_ARRAY || row->type == CONF_T_FILE_ARRAY ||
	    row->type == CONF_T_ENUM_ARRAY)
		ok = read_array(c, v, dst, count);
	else
		ok = read_checked(c, v, dst) == READ_OK;
	*c = outer;
	return ok;
}
