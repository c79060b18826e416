/* What clients are told of a roster unasked. */
#include "base/log.h"
#include "base/rand.h"
#include "core/c2s/asker.h"
#include "core/c2s/c2s.h"
#include "core/im/roster.h"
#include "core/im/session.h"
#include "core/im/user.h"
#include "core/server/worker.h"
#include "store/store.h"

static void write_push(struct xml_out *o, struct jid contact,
		       const struct roster_saved *saved)
{
	xo_start(o, "query", NS_ROSTER);
	xo_attr(o, "ver", saved->version);
	if (saved->row && saved->row->listed) {
		roster_write_row(o, saved->row);
	} else {
		xo_start(o, "item", NS_NONE);
		xo_attr(o, "jid", jid_text(contact));
		xo_attr(o, "subscription", STRV("remove"));
		xo_end(o);
	}
	xo_end(o);
}

void roster_push(struct user *u, struct jid contact, const struct roster_saved *saved)
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
		xo_attr(&o, "to", jid_text(session_jid(s)));
		xo_attr(&o, "id", strv_from(id));
		xo_attr(&o, "type", STRV("set"));
		write_push(&o, contact, saved);
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

/* --- requests that wait --- */

/* It may have been answered while the database was asked. */
static void send_request(struct jid from, struct strv request, void *arg)
{
	struct session *s = arg;
	struct roster_item it = roster_get(s->user->roster, from);

	if (sub_is_pending_in(it.sub.state))
		session_send_bytes(s, request);
}

/* One reading for all sessions that were there when it began: a roster is long. */
struct reading {
	struct user *user; /* pinned */
	struct asker asker;
};

static struct session *session_in(struct list *link)
{
	return container_of(link, struct session, in_user);
}

static void read_requests(struct user *u);

/* For those that have come meanwhile, what came before them may not be among the rows. */
static bool someone_awaits(const struct user *u)
{
	LIST_EACH(link, &u->sessions)
		if (session_in(link)->awaits_requests &&
		    session_is_available(session_in(link)))
			return true;
	return false;
}

static void reading_ends(struct reading *r)
{
	struct user *u = r->user;
	struct worker *w = u->worker;

	LIST_EACH(link, &u->sessions)
		session_in(link)->gets_requests = false;
	u->reads_requests = false;
	asker_end(w, r->asker);
	if (someone_awaits(u)) {
		w->sender = r->asker.client;
		read_requests(u);
		w->sender = HANDLE_NONE;
	}
	user_unpin(u);
	mem_free(r);
}

static void on_rows(struct worker *w, struct store_call *call, void *arg)
{
	struct reading *r = arg;

	if (call->err < 0)
		log_some_errors("roster.requests",
				STRV_FMT
				": the subscription requests that wait cannot be read",
				STRV_ARG(jid_text(r->user->jid)));
	else
		LIST_EACH(link, &r->user->sessions) {
			struct session *s = session_in(link);
			if (s->gets_requests && session_is_available(s))
				roster_each_request(call, send_request, s);
		}
	reading_ends(r);
}

static void read_requests(struct user *u)
{
	struct reading *r = MEM_NEW(struct reading);

	LIST_EACH(link, &u->sessions) {
		struct session *s = session_in(link);
		s->gets_requests = s->awaits_requests;
		s->awaits_requests = false;
	}
	user_pin(u);
	u->reads_requests = true;
	r->user = u;
	r->asker = asker_begin_question(u->worker, u);
	if (worker_store(u->worker, roster_load_call(u->jid), on_rows, r) == 0)
		return;
	log_some_warnings("roster.requests",
			  STRV_FMT
			  ": the database is too busy for the subscription requests "
			  "that wait: they come with the next login",
			  STRV_ARG(jid_text(u->jid)));
	reading_ends(r);
}

void roster_send_requests(struct session *s)
{
	struct user *u = s->user;
	struct store_call *rows = roster_rows(u->roster);

	if (roster_sums(u->roster).n_waiting == 0)
		return;
	if (rows) {
		roster_each_request(rows, send_request, s);
		return;
	}
	s->awaits_requests = true;
	if (!u->reads_requests)
		read_requests(u);
}
