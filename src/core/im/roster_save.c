/* Changes of a roster on their way into the database. */
#include "base/log.h"
#include "base/rand.h"
#include "core/im/roster.h"
#include "core/im/route.h"
#include "core/im/user.h"
#include "core/server/worker.h"
#include "store/store.h"

enum {
	VERSION_LEN = 14,
	LATE_MAX =
		64 << 10, /* bytes for one change; beyond that, the rest does not wait */
	LATE_MAX_ALL = 64 << 20, /* ... of all that is held on a worker */
};

struct saving {
	struct list link;
	struct user *user;	   /* pinned */
	struct roster_item before; /* its address is owned */
	void (*done)(struct user *u, const struct roster_saved *saved, void *arg);
	void *arg;
	struct list late; /* struct late */
	size_t n_late;	  /* bytes */
};

struct late {
	struct list link;
	uint32_t n;
	char bytes[];
};

static void new_version(struct roster *r)
{
	char version[VERSION_LEN + 1];

	rand_token(version, VERSION_LEN);
	roster_set_version(r, strv_from(version));
}

static struct list *saving_of(struct roster *r)
{
	if (r->saving == NULL) {
		r->saving = mem_alloc(sizeof(*r->saving));
		list_init(r->saving);
	}
	return r->saving;
}

/* The next change of the same item that is under way. */
static struct saving *later_one(const struct saving *s)
{
	for (struct list *it = s->link.next; it != s->user->roster->saving;
	     it = it->next) {
		struct saving *other = container_of(it, struct saving, link);
		if (jid_eq(other->before.jid, s->before.jid))
			return other;
	}
	return NULL;
}

static void set_before(struct saving *s, struct roster_item before)
{
	before.jid = s->before.jid;
	s->before = before;
}

/* Memory never says what the database does not. A later change of the item holds all of it but
 * what only the database has: only if that fails, too, is it again what it was before this one. */
static void undo(struct saving *s)
{
	struct roster *r = s->user->roster;
	struct saving *later = later_one(s);

	log_some_errors("roster.save", STRV_FMT ": a change of the roster is lost",
			STRV_ARG(jid_text(s->user->jid)));
	if (later) {
		set_before(later, s->before);
		return;
	}
	roster_set(r, &s->before);
	new_version(r); /* a client may have seen the other one */
}

/* What its name and groups take is as the database has it, whatever has failed before. */
static void set_text_bytes(struct saving *s, const struct store_roster_item *row)
{
	struct roster_item it = roster_get(s->user->roster, s->before.jid);

	if (row == NULL || later_one(s))
		return;
	it.n_text = roster_text_bytes(row->name, row->groups, row->n_groups);
	roster_set(s->user->roster, &it);
}

static struct saving *last_saving(const struct user *u, struct jid contact)
{
	struct list *head = u->roster->saving;

	if (head == NULL)
		return NULL;
	for (struct list *it = head->prev; it != head; it = it->prev) {
		struct saving *s = container_of(it, struct saving, link);
		if (jid_eq(s->before.jid, contact))
			return s;
	}
	return NULL;
}

bool roster_defer(struct user *u, const struct stanza *st)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LATE_MAX);
	struct saving *s = last_saving(u, jid_bare(st->from));
	struct worker *w = u->worker;
	struct late *l;

	if (s == NULL || stanza_write(&b, st) < 0 || s->n_late + b.n > LATE_MAX ||
	    w->held_bytes + b.n > LATE_MAX_ALL)
		return false;
	l = mem_alloc(sizeof(*l) + b.n);
	l->n = (uint32_t)b.n;
	memcpy(l->bytes, b.p, b.n);
	list_init(&l->link);
	list_push(&s->late, &l->link);
	s->n_late += l->n;
	w->held_bytes += l->n;
	return true;
}

/* In order, and behind what another change of the item tells. */
static void route_late(struct saving *s)
{
	struct user *u = s->user;
	struct list *it;

	while ((it = list_pop(&s->late))) {
		struct late *l = container_of(it, struct late, link);
		u->worker->held_bytes -= l->n;
		if (!u->removed)
			route_bytes(u->worker, strv_make(l->bytes, l->n));
		mem_free(l);
	}
}

static void ends(struct saving *s, const struct roster_saved *saved)
{
	struct roster *r = s->user->roster;

	if (saved->err < 0)
		undo(s);
	else
		set_text_bytes(s, saved->row);
	list_remove(&s->link);
	if (list_empty(r->saving)) {
		mem_free(r->saving);
		r->saving = NULL;
	}
	s->done(s->user, saved, s->arg);
	route_late(s);
	user_unpin(s->user);
	mem_free((char *)s->before.jid.s);
	mem_free(s);
}

static void on_saved(struct worker *w, struct store_call *call, void *arg)
{
	ends(arg, &(struct roster_saved){
			  .err = call->err,
			  .version = call->text,
			  .row = call->items, /* NULL: it has been removed */
		  });
}

static struct store_call *put_call(struct user *u, const struct roster_change *c,
				   struct strv version)
{
	const struct roster_item *it = &c->item;
	struct store_roster_item row = {
		.jid = jid_text(it->jid),
		.approved = it->sub.approved,
		.listed = it->listed,
		.keeps_text = !c->has_text,
		.name = c->name,
		.groups = c->groups,
		.n_groups = c->n_groups,
		.keeps_request = c->request.p == NULL && sub_is_pending_in(it->sub.state),
		.request = c->request,
	};

	sub_to_row(it->sub.state, &row.subscription, &row.ask);
	return store_roster_put(u->jid, &row, version);
}

static struct saving *saving_new(struct user *u, const struct roster_change *c)
{
	struct saving *s = MEM_NEW(struct saving);

	s->user = u;
	s->before = roster_get(u->roster, c->item.jid);
	s->before.jid.s = strv_dup(jid_text(c->item.jid));
	s->done = c->done;
	s->arg = c->arg;
	list_init(&s->late);
	list_init(&s->link);
	list_push(saving_of(u->roster), &s->link);
	user_pin(u);
	return s;
}

void roster_save(struct user *u, const struct roster_change *c)
{
	struct saving *s = saving_new(u, c);
	struct store_call *call;
	struct strv version;

	ASSERT(c->n_groups <= ROSTER_MAX_GROUPS);
	roster_forget_rows(u->roster);
	new_version(u->roster);
	version = roster_version(u->roster);
	call = roster_item_is_empty(&c->item)
		       ? store_roster_remove(u->jid, c->item.jid, version)
		       : put_call(u, c, version);
	roster_set(u->roster, &c->item);
	call->held = sizeof(*s) + c->arg_bytes;
	if (worker_store(u->worker, call, on_saved, s) < 0)
		ends(s, &(struct roster_saved){ .err = -EAGAIN });
}
