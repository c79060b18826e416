/* Last activity (XEP-0012): MongooseIM's mod_last. It is that of presence: the moment in which the
 * account's last available session ceased to be, with what it said then. Who logs in and is never
 * available leaves no trace, as with others. */
#include "core/module.h"
#include "base/utf8.h"
#include "core/server/server.h"

enum { LAST_MAX_STATUS = 4096 }; /* bytes of a status that are kept */

static struct strv payload(struct arena *a, int64_t seconds, struct strv status)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 10);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "query", NS_LAST);
	xo_attrf(&o, "seconds", "%lld", (long long)MAX(seconds, (int64_t)0));
	if (status.n)
		xo_text(&o, status);
	xo_end(&o);
	ASSERT(o.err == 0); /* the status is bounded */
	return arena_strv(a, buf_strv(&b));
}

static enum verdict on_server(struct ctx *c)
{
	wallus_t up = clock_wall_us() - c->worker->server->started;

	reply_payload(c, payload(c->scratch, up / 1000000, STRV("")));
	return HANDLED;
}

static struct strv cut_status(struct strv status)
{
	while (status.n > LAST_MAX_STATUS || !utf8_is_valid(status))
		status.n = MIN(status.n - 1, (size_t)LAST_MAX_STATUS);
	return status;
}

/* The database may hold what was not stored by us: characters that XML does not have, say. */
static void answer_last(struct later *l, int64_t seconds, struct strv status)
{
	struct strv p = payload(l->arena, seconds, cut_status(status));
	struct xml_el *el;

	if (xml_parse(l->arena, p, NS_CLIENT, &el) < 0)
		p = payload(l->arena, seconds, STRV(""));
	later_payload(l, p);
}

static void got(struct later *l, struct store_call *call)
{
	if (call->err == -ENOENT) /* never logged in */
		later_error(l, STANZA_ERR_ITEM_NOT_FOUND, NULL);
	else if (call->err < 0)
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	else
		answer_last(l, clock_wall_us() / 1000000 - call->number, call->text);
}

static enum verdict on_own(struct ctx *c)
{
	reply_payload(c, payload(c->scratch, 0, STRV(""))); /* whoever asks is online */
	return HANDLED;
}

static enum verdict on_account(struct ctx *c)
{
	struct jid from = jid_bare(c->stanza->from);

	if (!sub_has_from(roster_get(c->user->roster, from).sub.state)) { /* XEP-0012 4 */
		reply_error(c, STANZA_ERR_FORBIDDEN, NULL);
		return HANDLED;
	}
	if (c->user->n_sessions > 0)
		return on_own(c);
	if (reply_busy(c))
		return HANDLED;
	later_store(later_new(c), store_last_get(c->user->jid), got);
	return HANDLED;
}

static void on_set(struct worker *w, struct store_call *call, void *arg)
{
	/* A failure is in the log already, and there is nobody to tell. */
}

static bool is_last_available(const struct session *s)
{
	LIST_EACH(it, &s->user->sessions) {
		struct session *other = container_of(it, struct session, in_user);

		if (other != s && session_is_available(other))
			return false;
	}
	return session_is_available(s);
}

static void ceases(struct session *s, struct strv status)
{
	struct store_call *c;

	/* The name of an account that has been removed may be somebody else's by now. */
	if (!is_last_available(s) || s->user->anonymous || s->user->removed)
		return;
	c = store_last_set(s->user->jid, clock_wall_us() / 1000000, status);
	c->patient = true; /* many come and go at a time */
	if (worker_store(s->user->worker, c, on_set, NULL) < 0)
		log_some_warnings(
			"last.busy",
			"the database is too busy: a time of last activity is lost");
}

static void on_unavailable(struct ctx *c)
{
	const struct xml_el *el = xml_child(c->stanza->el, NS_CLIENT, "status");

	ceases(c->session, el ? cut_status(xml_text(el, c->scratch)) : STRV(""));
}

/* Without a word. It is available until mod_presence tells the others, in a later phase. */
static void unbind(struct session *s)
{
	ceases(s, STRV(""));
}

/* XEP-0012 5: a request to a resource is for those who see its presence. For contacts of this
 * very server both rosters say the same, and ours is at hand. */
static enum verdict from_client(struct ctx *c)
{
	const struct stanza *s = c->stanza;

	if (s->kind == STANZA_PRESENCE && jid_is_none(s->to) &&
	    s->type == PRESENCE_UNAVAILABLE)
		on_unavailable(c);
	if (s->kind != STANZA_IQ || s->type != IQ_GET || jid_is_bare(s->to) ||
	    stanza_payload(s)->ns != NS_LAST ||
	    jid_eq_bare(s->to, session_jid(c->session)))
		return PASS;
	if (sub_has_to(roster_get(c->session->user->roster, jid_bare(s->to)).sub.state))
		return PASS;
	reply_error(c, STANZA_ERR_FORBIDDEN, NULL);
	return HANDLED;
}

static const struct iq_handler iq[] = {
	{ NS_LAST, "query", IQ_ON_GET | IQ_TO_SERVER, on_server },
	{ NS_LAST, "query", IQ_ON_GET | IQ_TO_OWN, on_own },
	{ NS_LAST, "query", IQ_ON_GET | IQ_TO_ACCOUNT, on_account, STANZA_ERR_FORBIDDEN },
	{ 0 },
};

static const struct hooks hooks = {
	.phase = PHASE_CHECK,
	.from_client = from_client,
	.unbind = unbind,
};

const struct module mod_last = {
	.name = "mod_last",
	.doc = "Last activity (XEP-0012): when an account was last available.",
	.features = (const enum xml_ns[]){ NS_LAST, NS_NONE },
	.on_by_default = true,
	.iq = iq,
	.hooks = &hooks,
};
