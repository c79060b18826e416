/* Who may add what to which table. */
#include "conf/toml_priv.h"

struct index_node {
	struct hnode node;
	const struct toml_table *table;
	struct toml_entry *entry;
};

static uint64_t index_hash(const struct toml_table *t, struct strv key)
{
	uintptr_t where = (uintptr_t)t;
	return hash_strv(key) ^ hash_bytes(&where, sizeof(where));
}

static struct toml_entry *lookup(const struct toml_parser *p, const struct toml_table *t,
				 struct strv key)
{
	struct hnode *h = hash_first(&p->index, index_hash(t, key));

	for (; h; h = hash_next(h)) {
		struct index_node *n = container_of(h, struct index_node, node);
		if (n->table == t && strv_eq(n->entry->key, key))
			return n->entry;
	}
	return NULL;
}

struct toml_table *toml_table_new(struct toml_parser *p, enum toml_origin origin)
{
	struct toml_table *t = ARENA_NEW(p->arena, struct toml_table);

	t->origin = (uint8_t)origin;
	return t;
}

static struct toml_entry *add(struct toml_parser *p, struct toml_table *t,
			      const struct toml_key *key)
{
	struct toml_entry *e = ARENA_NEW(p->arena, struct toml_entry);
	struct index_node *n = ARENA_NEW(p->tmp, struct index_node);

	*e = (struct toml_entry){
		.key = key->name,
		.line = key->line,
		.col = key->col,
		.value = { .type = TOML_BOOL, .line = key->line, .col = key->col },
	};
	if (t->last)
		t->last->next = e;
	else
		t->first = e;
	t->last = e;
	t->n++;
	n->table = t;
	n->entry = e;
	hash_add(&p->index, &n->node, index_hash(t, e->key));
	return e;
}

struct toml_entry *toml_table_add(struct toml_parser *p, struct toml_table *t,
				  const struct toml_key *key)
{
	const struct toml_entry *there = lookup(p, t, key->name);

	if (there) {
		toml_fail(p, key->pos,
			  "the key \"" STRV_FMT "\" stands on line %u already",
			  STRV_ARG(key->name), there->line);
		return NULL;
	}
	return add(p, t, key);
}

static struct toml_table *add_table(struct toml_parser *p, struct toml_table *t,
				    const struct toml_key *key, enum toml_origin origin)
{
	struct toml_entry *e = add(p, t, key);

	e->value.type = TOML_TABLE;
	e->value.table = toml_table_new(p, origin);
	return e->value.table;
}

struct toml_value *toml_array_add(struct toml_parser *p, struct toml_array *a)
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 4;
		struct toml_value *v = arena_alloc(p->arena, cap * sizeof(*v));

		if (a->n)
			memcpy(v, a->v, a->n * sizeof(*v));
		a->v = v;
		a->cap = cap;
	}
	a->v[a->n] = (struct toml_value){ 0 };
	return &a->v[a->n++];
}

static int fail_not_open(struct toml_parser *p, const struct toml_key *key,
			 const struct toml_entry *there)
{
	if (there->value.type != TOML_TABLE)
		return toml_fail(p, key->pos, "\"" STRV_FMT "\" is %s, from line %u",
				 STRV_ARG(key->name), toml_type_name(there->value.type),
				 there->value.line);
	return toml_fail(p, key->pos,
			 "the table \"" STRV_FMT
			 "\" was completed on line %u; nothing can be "
			 "added to it here",
			 STRV_ARG(key->name), there->value.line);
}

int toml_table_walk_dotted(struct toml_parser *p, struct toml_table *t,
			   const struct toml_key *parts, unsigned n,
			   struct toml_table **ret)
{
	for (unsigned i = 0; i < n; i++) {
		struct toml_entry *e = lookup(p, t, parts[i].name);

		if (e == NULL) {
			t = add_table(p, t, &parts[i], TOML_DOTTED);
			continue;
		}
		if (e->value.type != TOML_TABLE ||
		    (e->value.table->origin != TOML_DOTTED &&
		     e->value.table->origin != TOML_IMPLICIT))
			return fail_not_open(p, &parts[i], e);
		t = e->value.table;
		t->origin = TOML_DOTTED;
	}
	*ret = t;
	return 0;
}

/* One step of a header that goes on behind it. */
static int step(struct toml_parser *p, struct toml_table *t, const struct toml_key *key,
		struct toml_table **ret)
{
	struct toml_entry *e = lookup(p, t, key->name);

	if (e == NULL) {
		*ret = add_table(p, t, key, TOML_IMPLICIT);
		return 0;
	}
	if (e->value.type == TOML_ARRAY && !e->value.array->is_closed) {
		ASSERT(e->value.array->n > 0);
		*ret = e->value.array->v[e->value.array->n - 1].table;
		return toml_enter(p, 1);
	}
	if (e->value.type != TOML_TABLE || e->value.table->origin == TOML_INLINE)
		return fail_not_open(p, key, e);
	*ret = e->value.table;
	return 0;
}

static int define_table(struct toml_parser *p, struct toml_table *t,
			const struct toml_key *key, struct toml_table **ret)
{
	struct toml_entry *e = lookup(p, t, key->name);

	if (e == NULL) {
		*ret = add_table(p, t, key, TOML_HEADER);
		return 0;
	}
	if (e->value.type != TOML_TABLE)
		return fail_not_open(p, key, e);
	if (e->value.table->origin != TOML_IMPLICIT)
		return toml_fail(p, key->pos,
				 "the table \"" STRV_FMT "\" stands on line %u already",
				 STRV_ARG(key->name), e->value.line);
	e->value.table->origin = TOML_HEADER;
	e->value.line = key->line;
	e->value.col = key->col;
	*ret = e->value.table;
	return 0;
}

static int add_element(struct toml_parser *p, struct toml_table *t,
		       const struct toml_key *key, struct toml_table **ret)
{
	struct toml_entry *e = lookup(p, t, key->name);
	struct toml_value *v;

	if (e == NULL) {
		e = add(p, t, key);
		e->value.type = TOML_ARRAY;
		e->value.array = ARENA_NEW(p->arena, struct toml_array);
	} else if (e->value.type != TOML_ARRAY || e->value.array->is_closed) {
		return fail_not_open(p, key, e);
	}
	v = toml_array_add(p, e->value.array);
	*v = (struct toml_value){
		.type = TOML_TABLE,
		.line = key->line,
		.col = key->col,
		.table = toml_table_new(p, TOML_HEADER),
	};
	*ret = v->table;
	return toml_enter(p, 1);
}

int toml_table_walk_header(struct toml_parser *p, struct toml_table *root,
			   const struct toml_key *parts, unsigned n, bool is_array,
			   struct toml_table **ret)
{
	struct toml_table *t = root;

	ASSERT(n > 0);
	for (unsigned i = 0; i < n - 1; i++) {
		int r = step(p, t, &parts[i], &t);
		if (r < 0)
			return r;
	}
	return is_array ? add_element(p, t, &parts[n - 1], ret)
			: define_table(p, t, &parts[n - 1], ret);
}
