#include "core/roster.h"
#include "core/session.h"
#include "core/user.h"
#include "core/worker.h"
#include "base/rand.h"

struct roster *roster_new(struct slabs *s)
{
	struct roster *r = slab_zalloc(s, sizeof(*r));

	r->slabs = s;
	hash_init(&r->items);
	return r;
}

struct strv roster_version(const struct roster *r)
{
	return r->version ? strv_from(r->version) : STRV("");
}

void roster_set_version(struct roster *r, struct strv version)
{
	mem_free(r->version);
	r->version = version.n ? strv_dup(version) : NULL;
}

static void free_groups(struct roster_item *it)
{
	for (uint32_t i = 0; i < it->n_group; i++)
		mem_free(it->group[i]);
	mem_free(it->group);
	it->group = NULL;
	it->n_group = 0;
}

void roster_copy_free(struct roster_item **pit)
{
	struct roster_item *it = *pit;

	*pit = NULL;
	if (it == NULL)
		return;
	free_groups(it);
	mem_free(it->name);
	mem_free(it->request);
	mem_free((char *)it->jid.s);
	mem_free(it);
}

static void item_free(struct roster *r, struct roster_item *it)
{
	hash_remove(&r->items, &it->node);
	roster_unlist(r, it);
	roster_copy_free(&it);
}

static void free_one(struct hnode *n, void *arg)
{
	item_free(arg, container_of(n, struct roster_item, node));
}

void roster_free(struct roster **pr)
{
	struct roster *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	hash_each(&r->items, free_one, r);
	hash_fini(&r->items);
	mem_free(r->version);
	mem_free(r->saving);
	slab_free(r->slabs, r, sizeof(*r));
}

struct roster_item *roster_find(struct roster *r, struct jid contact)
{
	struct strv text = jid_text(contact);
	uint64_t h = hash_strv(text);

	for (struct hnode *n = hash_first(&r->items, h); n; n = hash_next(n)) {
		struct roster_item *it = container_of(n, struct roster_item, node);
		if (strv_eq(jid_text(it->jid), text))
			return it;
	}
	return NULL;
}

static bool has_room(const struct roster *r, bool listed)
{
	return listed ? r->n_listed < ROSTER_MAX_ITEMS
		      : r->items.n - r->n_listed < ROSTER_MAX_REQUESTS;
}

static void set_listed(struct roster *r, struct roster_item *it, bool listed)
{
	r->n_listed -= it->listed;
	r->n_listed += listed;
	it->listed = listed;
}

void roster_unlist(struct roster *r, struct roster_item *it)
{
	set_listed(r, it, false);
}

static struct roster_item *item_new(struct jid contact)
{
	struct roster_item *it = MEM_NEW(struct roster_item);

	it->jid = contact;
	it->jid.s = strv_dup(jid_text(contact));
	return it;
}

static struct roster_item *item_add(struct roster *r, struct jid contact)
{
	struct roster_item *it = item_new(contact);

	hash_add(&r->items, &it->node, hash_strv(jid_text(it->jid)));
	return it;
}

struct roster_item *roster_get(struct roster *r, struct jid contact, bool listed)
{
	struct roster_item *it = roster_find(r, contact);

	if (it && it->listed == listed)
		return it;
	if (!has_room(r, listed))
		return NULL;
	if (it == NULL)
		it = item_add(r, contact);
	set_listed(r, it, listed);
	return it;
}

struct roster_item *roster_edit(struct roster *r, struct jid contact, bool listed,
				struct roster_item **before)
{
	struct roster_item *copy = roster_copy(r, contact);
	struct roster_item *it = roster_get(r, contact, listed);

	if (it)
		*before = copy;
	else
		roster_copy_free(&copy);
	return it;
}

void roster_item_set(struct roster_item *it, struct strv name, const struct strv *groups,
		     uint32_t n_groups)
{
	ASSERT(n_groups <= ROSTER_MAX_GROUPS);
	mem_free(it->name);
	it->name = name.p ? strv_dup(name) : NULL;
	free_groups(it);
	if (n_groups == 0)
		return;
	it->group = mem_alloc(n_groups * sizeof(*it->group));
	for (; it->n_group < n_groups; it->n_group++)
		it->group[it->n_group] = strv_dup(groups[it->n_group]);
}

void roster_item_set_request(struct roster_item *it, struct strv bytes)
{
	mem_free(it->request);
	it->request = bytes.p ? strv_dup(bytes) : NULL;
}

/* --- what an item was --- */

static void copy_content(struct roster_item *to, const struct roster_item *from)
{
	struct strv groups[ROSTER_MAX_GROUPS];

	for (uint32_t i = 0; i < from->n_group; i++)
		groups[i] = strv_from(from->group[i]);
	roster_item_set(to, strv_from(from->name), groups, from->n_group);
	roster_item_set_request(to, strv_from(from->request));
	to->sub = from->sub;
}

struct roster_item *roster_copy(struct roster *r, struct jid contact)
{
	const struct roster_item *it = roster_find(r, contact);
	struct roster_item *copy;

	if (it == NULL)
		return NULL;
	copy = item_new(it->jid);
	copy_content(copy, it);
	copy->listed = it->listed;
	return copy;
}

void roster_put_back(struct roster *r, struct jid contact, const struct roster_item *copy)
{
	struct roster_item *it = roster_find(r, contact);

	if (copy == NULL) {
		if (it)
			item_free(r, it);
		return;
	}
	if (it == NULL)
		it = item_add(r, contact);
	copy_content(it, copy);
	set_listed(r, it, copy->listed);
}

struct each {
	void (*fn)(struct roster_item *, void *);
	void *arg;
};

static void each_one(struct hnode *n, void *arg)
{
	struct each *e = arg;

	e->fn(container_of(n, struct roster_item, node), e->arg);
}

void roster_each(struct roster *r, void (*fn)(struct roster_item *, void *), void *arg)
{
	struct each e = { fn, arg };

	hash_each(&r->items, each_one, &e);
}

bool roster_item_is_empty(const struct roster_item *it)
{
	return it->sub.state == SUB_NONE && !it->sub.approved && !it->listed &&
	       !it->request;
}

void roster_drop_if_empty(struct roster *r, struct roster_item *it)
{
	if (roster_item_is_empty(it))
		item_free(r, it);
}

/* --- what clients see --- */

void roster_write_item(struct xml_out *o, const struct roster_item *it)
{
	xo_start(o, "item", NS_NONE);
	xo_attr(o, "jid", jid_text(it->jid));
	xo_attr(o, "name", strv_from(it->name));
	xo_attr(o, "subscription", strv_from(sub_text(it->sub.state)));
	if (sub_ask(it->sub.state))
		xo_attr(o, "ask", STRV("subscribe"));
	if (it->sub.approved)
		xo_attr(o, "approved", STRV("true"));
	for (uint32_t i = 0; i < it->n_group; i++)
		xo_leaf(o, "group", NS_NONE, strv_from(it->group[i]));
	xo_end(o);
}

static void write_push(struct xml_out *o, struct user *u, struct jid contact)
{
	struct roster_item *it = roster_find(u->roster, contact);

	xo_start(o, "query", NS_ROSTER);
	xo_attr(o, "ver", roster_version(u->roster));
	if (it && it->listed) {
		roster_write_item(o, it);
	} else {
		xo_start(o, "item", NS_NONE);
		xo_attr(o, "jid", jid_text(contact));
		xo_attr(o, "subscription", STRV("remove"));
		xo_end(o);
	}
	xo_end(o);
}

void roster_push(struct user *u, struct jid contact)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	LIST_EACH(link, &u->sessions) {
		struct session *s = container_of(link, struct session, in_user);
		struct xml_out o = xml_out(&b);
		char id[15];

		if (!s->interested)
			continue;
		buf_clear(&b);
		rand_token(id, sizeof(id) - 1);
		xo_start(&o, "iq", NS_NONE);
		xo_attr(&o, "to", jid_text(s->jid));
		xo_attr(&o, "id", strv_from(id));
		xo_attr(&o, "type", STRV("set"));
		write_push(&o, u, contact);
		xo_end(&o);
		ASSERT(o.err == 0); /* an item is bounded */
		session_send_bytes(s, buf_strv(&b));
	}
}

void roster_deliver(struct user *u, const struct stanza *st)
{
	LIST_EACH(link, &u->sessions) {
		struct session *s = container_of(link, struct session, in_user);
		if (st->type == PRESENCE_SUBSCRIBE ? session_is_available(s)
						   : s->interested)
			session_send(s, st);
	}
}
