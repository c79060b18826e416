/* Changes of a roster on their way into the database. */
#include "base/log.h"
#include "base/rand.h"
#include "core/roster.h"
#include "core/user.h"
#include "core/worker.h"
#include "store/store.h"

enum { VERSION_LEN = 14 };

struct saving {
	struct list link;
	struct user *user;	    /* pinned */
	struct roster_item *before; /* NULL: there was none */
	struct jid contact;	    /* owned */
	void (*done)(struct user *u, int err, void *arg);
	void *arg;
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
		if (jid_eq(other->contact, s->contact))
			return other;
	}
	return NULL;
}

/* Memory never says what the database does not. A later change of the item holds all of it: only
 * if that fails, too, is it again what it was before this one. */
static void undo(struct saving *s)
{
	struct roster *r = s->user->roster;
	struct saving *later = later_one(s);

	log_error("roster.save", STRV_FMT ": a change of the roster is lost",
		  STRV_ARG(jid_text(s->user->jid)));
	if (later) {
		roster_copy_free(&later->before);
		later->before = s->before;
		s->before = NULL;
		return;
	}
	roster_put_back(r, s->contact, s->before);
	new_version(r); /* a client may have seen the other one */
}

static void ends(struct saving *s, int err)
{
	struct roster *r = s->user->roster;

	if (err < 0)
		undo(s);
	list_remove(&s->link);
	if (list_empty(r->saving)) {
		mem_free(r->saving);
		r->saving = NULL;
	}
	s->done(s->user, err, s->arg);
	user_unpin(s->user);
	roster_copy_free(&s->before);
	mem_free((char *)s->contact.s);
	mem_free(s);
}

static void on_saved(struct worker *w, struct store_call *call, void *arg)
{
	ends(arg, call->err);
}

static struct store_call *put_call(struct user *u, const struct roster_item *it,
				   struct strv version)
{
	AUTO(mem_freep)
	struct strv *groups = mem_alloc((it->n_group + 1) * sizeof(*groups));
	struct store_roster_item row = {
		.jid = jid_text(it->jid),
		.name = strv_from(it->name),
		.approved = it->sub.approved,
		.listed = it->listed,
		.request = strv_from(it->request),
		.groups = groups,
		.n_groups = it->n_group,
	};

	sub_to_row(it->sub.state, &row.subscription, &row.ask);
	for (uint32_t i = 0; i < it->n_group; i++)
		groups[i] = strv_from(it->group[i]);
	return store_roster_put(u->jid, &row, version);
}

void roster_save(struct user *u, struct roster_item *it, struct roster_item *before,
		 void (*done)(struct user *u, int err, void *arg), void *arg)
{
	struct saving *s = MEM_NEW(struct saving);
	struct store_call *c;
	struct strv version;

	s->user = u;
	s->before = before;
	s->contact = it->jid;
	s->contact.s = strv_dup(jid_text(it->jid));
	s->done = done;
	s->arg = arg;
	list_init(&s->link);
	list_push(saving_of(u->roster), &s->link);
	user_pin(u);
	new_version(u->roster);
	version = roster_version(u->roster);
	if (roster_item_is_empty(it)) {
		c = store_roster_remove(u->jid, it->jid, version);
		roster_drop_if_empty(u->roster, it);
	} else {
		c = put_call(u, it, version);
	}
	if (worker_store(u->worker, c, on_saved, s) < 0)
		ends(s, -EAGAIN);
}
