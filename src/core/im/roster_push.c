/* What clients are told of a roster unasked. */
#include "base/log.h"
#include "base/rand.h"
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

struct asker {
	struct user *user; /* pinned */
	struct handle session;
};

/* It may have been answered while the database was asked. */
static void send_request(struct jid from, struct strv request, void *arg)
{
	struct session *s = arg;
	struct roster_item it = roster_get(s->user->roster, from);

	if (sub_is_pending_in(it.sub.state))
		session_send_bytes(s, request);
}

static void on_rows(struct worker *w, struct store_call *call, void *arg)
{
	struct asker *a = arg;
	struct c2s *c = c2s_get(w, a->session);

	if (call->err < 0)
		log_some_errors("roster.requests",
				STRV_FMT
				": the subscription requests that wait cannot be read",
				STRV_ARG(jid_text(a->user->jid)));
	else if (c && c->session && session_is_available(c->session))
		roster_each_request(call, send_request, c->session);
	user_unpin(a->user);
	mem_free(a);
}

void roster_send_requests(struct session *s)
{
	struct user *u = s->user;
	struct store_call *rows = roster_rows(u->roster);
	struct asker *a;

	if (roster_sums(u->roster).n_waiting == 0)
		return;
	if (rows) {
		roster_each_request(rows, send_request, s);
		return;
	}
	a = MEM_NEW(struct asker);
	a->user = u;
	a->session = c2s_handle(c2s_of(s->stream));
	user_pin(u);
	if (!user_is_busy(u) &&
	    worker_store(u->worker, roster_load_call(u->jid), on_rows, a) == 0)
		return;
	log_some_warnings("roster.requests",
			  STRV_FMT
			  ": the database is too busy for the subscription requests "
			  "that wait: they come with the next login",
			  STRV_ARG(jid_text(u->jid)));
	user_unpin(u);
	mem_free(a);
}
