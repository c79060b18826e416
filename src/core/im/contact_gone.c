#include "core/im/contact_gone.h"
#include "core/im/roster.h"
#include "core/im/user.h"
#include "store/store.h"

/* Clients see what the removal has left of the item. */
static void after_end(struct user *u, const struct roster_saved *saved, void *arg)
{
	AUTO(mem_freep) char *gone = arg;

	if (saved->err == 0 && saved->row && saved->row->listed)
		roster_push(u, jid_from_text(strv_from(gone)), saved);
}

/* The removal has changed the row. This is for earlier changes of it that are still under way:
 * they are written before. Should it fail, memory is still what the removal has left. */
static void end_item(struct user *u, struct roster_item it)
{
	struct strv text = jid_text(it.jid);

	it.sub = (struct sub){ 0 };
	roster_set(u->roster, &it);
	roster_save(u, &(struct roster_change){ .item = it,
						.done = after_end,
						.arg = strv_dup(text),
						.arg_bytes = text.n });
}

static void tell(struct user *u, struct jid gone, enum stanza_type type)
{
	static const struct xml_el none;

	roster_deliver(u, &(struct stanza){ .kind = STANZA_PRESENCE,
					    .type = type,
					    .from = gone,
					    .to = u->jid,
					    .el = &none });
}

/* Its sessions hear of it as if the contact itself had ended the subscriptions. */
static void end_contact(struct user *u, struct jid gone)
{
	struct roster_item it = roster_get(u->roster, gone);
	struct sub was = it.sub;

	if (was.state == SUB_NONE && !was.approved)
		return;
	user_pin(u);
	end_item(u, it);
	if (sub_has_from(was.state) || sub_is_pending_in(was.state))
		tell(u, gone, PRESENCE_UNSUBSCRIBE);
	if (sub_has_to(was.state) || sub_ask(was.state))
		tell(u, gone, PRESENCE_UNSUBSCRIBED);
	user_unpin(u);
}

/* --- those who are being loaded --- */

struct loading {
	struct jid gone;
	char text[];
};

static void on_loaded(struct worker *w, struct user *u, int err, void *arg)
{
	AUTO(mem_freep) struct loading *l = arg;

	if (u)
		end_contact(u, l->gone);
}

/* Counted as nothing, since it must not be refused: one for each removal while a roster is read. */
static void when_loaded(struct user *u, struct jid gone)
{
	struct strv text = jid_text(gone);
	struct loading *l = mem_alloc(sizeof(*l) + text.n);
	int r;

	l->gone = gone;
	l->gone.s = memcpy(l->text, text.p, text.n);
	r = user_with(u->worker, u->jid, 0, on_loaded, l);
	ASSERT(r == 0);
}

static void each_user(struct hnode *n, void *arg)
{
	struct user *u = container_of(n, struct user, node);
	const struct jid *gone = arg;

	if (u->state == USER_LOADING)
		when_loaded(u, *gone);
	else if (!jid_eq(u->jid, *gone))
		end_contact(u, *gone);
}

void contact_gone(struct worker *w, struct jid gone)
{
	ASSERT_ON(w);
	hash_each(&w->users, each_user, &gone);
}
