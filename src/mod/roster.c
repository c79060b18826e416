/* The roster's IQs (RFC 6121 section 2): MongooseIM's mod_roster. The roster itself lives in
 * core/im/roster.h, since presence needs it, too. */
#include "core/module.h"

struct roster_conf {
	bool versioning;
};

extern const struct module mod_roster;

static const struct roster_conf *conf_of(const struct host *h)
{
	return mod_conf(h, &mod_roster);
}

static void features(const struct host *h, bool authed, bool registers, struct buf *b)
{
	struct xml_out o = xml_out(b);

	if (!authed)
		return;
	if (conf_of(h)->versioning) {
		xo_start(&o, "ver", NS_ROSTERVER);
		xo_end(&o);
	}
	xo_start(&o, "sub", NS_PRE_APPROVAL);
	xo_end(&o);
}

/* --- get --- */

/* What a client gets. `rows`: what the database has; NULL: nothing. */
static int write_roster(struct buf *b, const struct host *h, const struct stanza *get,
			const struct store_call *rows, struct strv version)
{
	struct strv ver = xml_attr(stanza_payload(get), "ver");
	struct xml_out o = xml_out(b);

	xo_start(&o, "query", NS_ROSTER);
	if (conf_of(h)->versioning && ver.p)
		xo_attr(&o, "ver", version);
	if (rows)
		roster_write_rows(&o, rows);
	xo_end(&o);
	return o.err;
}

static const char too_large[] = "the roster is larger than what may wait for a client";

/* The half of what may still wait for the client: the other half is for what comes next. */
static size_t half_room(const struct session *s)
{
	return s ? session_room(s) / 2 : 0;
}

static void answer_at_once(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(half_room(c->session));
	struct roster *r = c->user->roster;

	if (write_roster(&b, c->host, c->stanza, roster_rows(r), roster_version(r)) < 0)
		reply_error(c, STANZA_ERR_RESOURCE_CONSTRAINT, too_large);
	else
		reply_payload(c, buf_strv(&b));
	if (roster_sums(r).n_waiting == 0) /* else they are wanted soon */
		roster_forget_rows(r);
}

static void got(struct later *l, struct store_call *rows);

static void ask(struct later *l, const char *version, bool in_order)
{
	struct store_call *call = roster_load_call(l->user->jid);

	call->in_order = in_order;
	l->data = (char *)version;
	later_store(l, call, got);
}

/* What has changed meanwhile has been pushed, and must not come again as it was before. A second
 * question stands in line with the changes: its answer is newer than what has been pushed by
 * then, and older than what will be. */
static void got(struct later *l, struct store_call *rows)
{
	const char *version = l->data;
	struct session *s = later_session(l);
	AUTO(buf_free) struct buf b = BUF_INIT(half_room(s));

	if (rows->err < 0)
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	else if (version && !strv_is(roster_version(l->user->roster), version))
		ask(l, NULL, true);
	else if (write_roster(&b, l->host, &l->stanza, rows, roster_rows_version(rows)) <
		 0)
		later_error(l, STANZA_ERR_RESOURCE_CONSTRAINT, too_large);
	else
		later_payload(l, buf_strv(&b));
}

static enum verdict on_get(struct ctx *c)
{
	struct roster *r = c->user->roster;
	struct strv ver = xml_attr(stanza_payload(c->stanza), "ver");
	struct later *l;

	if (c->session)
		c->session->interested = true;
	/* RFC 6121 2.6.3: nothing has changed. An empty `ver` means that the client has no copy; a
	 * roster that came from elsewhere has no version, and may hold items all the same. */
	if (conf_of(c->host)->versioning && ver.n && strv_eq(ver, roster_version(r))) {
		reply_result(c);
		return HANDLED;
	}
	if (roster_rows(r) || roster_sums(r).n == 0) {
		answer_at_once(c);
		return HANDLED;
	}
	if (reply_busy(c))
		return HANDLED;
	l = later_new(c);
	ask(l, arena_cstr(l->arena, roster_version(r)), false);
	return HANDLED;
}

/* --- set --- */

struct wanted {		/* what a valid request asks for */
	struct jid jid; /* bare */
	struct strv name;
	struct strv group[ROSTER_MAX_GROUPS];
	uint32_t n_group;
	bool remove;
};

static enum stanza_err read_groups(struct arena *a, const struct xml_el *item,
				   struct wanted *w)
{
	XML_EACH_CHILD(g, item) {
		struct strv text;

		if (!xml_is(g, NS_ROSTER, "group"))
			continue;
		text = xml_text(g, a);
		if (text.n == 0 || text.n > ROSTER_MAX_NAME ||
		    w->n_group == ROSTER_MAX_GROUPS)
			return STANZA_ERR_NOT_ACCEPTABLE;
		for (uint32_t i = 0; i < w->n_group; i++)
			if (strv_eq(w->group[i], text))
				return STANZA_ERR_BAD_REQUEST;
		w->group[w->n_group++] = text;
	}
	return STANZA_ERR_NONE;
}

/* RFC 6121 2.3.3. */
static enum stanza_err read_set(struct worker *worker, struct arena *a,
				const struct xml_el *query, struct wanted *w)
{
	const struct xml_el *item = xml_child(query, NS_ROSTER, "item");
	struct strv jid;
	uint32_t work = 0;
	int r;

	if (item == NULL || query->first != query->last)
		return STANZA_ERR_BAD_REQUEST;
	jid = xml_attr(item, "jid");
	if (jid.p == NULL)
		return STANZA_ERR_BAD_REQUEST;
	r = jid_parse_counted(a, jid, &w->jid, &work);
	worker->work += work;
	if (r < 0)
		return STANZA_ERR_JID_MALFORMED;
	w->jid = jid_bare(w->jid);
	w->remove = strv_is(xml_attr(item, "subscription"), "remove");
	w->name = xml_attr(item, "name");
	if (w->name.n > ROSTER_MAX_NAME)
		return STANZA_ERR_NOT_ACCEPTABLE;
	return read_groups(a, item, w);
}

static void send_presence(struct worker *w, struct strv from, struct jid to,
			  const char *type)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16384);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "presence", NS_NONE);
	xo_attr(&o, "from", from);
	xo_attr(&o, "to", jid_text(to));
	xo_attr(&o, "type", strv_from(type));
	xo_end(&o);
	ASSERT(o.err == 0);
	route_bytes(w, buf_strv(&b));
}

static void send_unavailable(struct user *u, struct jid to)
{
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (session_is_available(s))
			send_presence(u->worker, jid_text(session_jid(s)), to,
				      "unavailable");
	}
}

/* What a request has changed, once that is in the database. */
struct change {
	struct jid contact;
	enum sub_state
		ended; /* what the contact had before it was removed; else SUB_NONE */
};

/* RFC 6121 2.5: the subscriptions end with the item. */
static void end_subscriptions(struct user *u, struct jid contact, enum sub_state was)
{
	if (sub_has_from(was))
		send_unavailable(u, contact);
	if (sub_has_to(was) || sub_ask(was))
		send_presence(u->worker, jid_text(u->jid), contact, "unsubscribe");
	if (sub_has_from(was) || sub_is_pending_in(was))
		send_presence(u->worker, jid_text(u->jid), contact, "unsubscribed");
}

static void after_set(struct user *u, const struct roster_saved *saved, void *arg)
{
	struct later *l = arg;
	const struct change *change = l->data;

	if (saved->err < 0) {
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
		return;
	}
	/* RFC 6121 2.1.6: pushes and the result, in either order. */
	roster_push(u, change->contact, saved);
	end_subscriptions(u, change->contact, change->ended);
	later_result(l);
}

static struct later *change_new(struct ctx *c, struct jid contact, enum sub_state ended)
{
	struct later *l = later_new(c);
	struct change *change = ARENA_NEW(l->arena, struct change);

	change->contact = jid_dup(l->arena, contact);
	change->ended = ended;
	l->data = change;
	return l;
}

static void remove_item(struct ctx *c, const struct wanted *w)
{
	struct roster_item was = roster_get(c->user->roster, w->jid);
	struct later *l;

	if (!was.listed) {
		reply_error(c, STANZA_ERR_ITEM_NOT_FOUND, NULL);
		return;
	}
	l = change_new(c, w->jid, was.sub.state);
	roster_save(c->user, &(struct roster_change){
				     .item.jid = w->jid,
				     .done = after_set,
				     .arg = l,
				     .arg_bytes = arena_size(l->arena),
			     });
}

static void set_item(struct ctx *c, const struct wanted *w)
{
	struct roster_change change = {
		.item = roster_get(c->user->roster, w->jid),
		.has_text = true,
		.name = w->name.n ? w->name : STRV_NULL,
		.groups = w->group,
		.n_groups = w->n_group,
		.done = after_set,
	};
	struct later *l;

	change.item.listed = true;
	change.item.n_text = roster_text_bytes(w->name, w->group, w->n_group);
	if (!roster_has_room(c->user->roster, &change.item)) {
		reply_error(c, STANZA_ERR_RESOURCE_CONSTRAINT, "the roster is full");
		return;
	}
	change.arg = l = change_new(c, w->jid, SUB_NONE);
	change.arg_bytes = arena_size(l->arena);
	roster_save(c->user, &change);
}

static enum verdict on_set(struct ctx *c)
{
	struct wanted *w = ARENA_NEW(c->scratch, struct wanted);
	enum stanza_err err =
		read_set(c->worker, c->scratch, stanza_payload(c->stanza), w);

	if (c->user->anonymous) {
		reply_error(c, STANZA_ERR_NOT_ALLOWED, "not without an account");
		return HANDLED;
	}
	if (err == STANZA_ERR_NONE && jid_eq(w->jid, c->user->jid))
		err = STANZA_ERR_NOT_ALLOWED; /* oneself is no contact */
	if (err) {
		reply_error(c, err, NULL);
		return HANDLED;
	}
	if (w->remove)
		remove_item(c, w);
	else
		set_item(c, w);
	return HANDLED;
}

static void end_item(const struct roster_item *it, void *arg)
{
	end_subscriptions(arg, it->jid, it->sub.state);
}

/* The account is gone: its contacts' rosters hear of it as if it had removed each of them. */
static void account_removed(struct worker *w, struct user *u)
{
	roster_each(u->roster, end_item, u);
}

static const struct conf_option options[] = {
	CONF_BOOL(
		"versioning", struct roster_conf, versioning, "false",
		"Offer roster versioning (RFC 6121 2.6): a client whose copy is current gets an "
		"empty answer."),
	CONF_IGNORED("store_current_id",
		     "the version is always stored beside the roster"),
	{ 0 },
};

static const struct iq_handler iq[] = {
	{ NS_ROSTER, "query", IQ_ON_GET | IQ_TO_OWN, on_get },
	{ NS_ROSTER, "query", IQ_ON_SET | IQ_TO_OWN, on_set },
	{ 0 },
};

static const struct hooks hooks = { .phase = PHASE_MAIN,
				    .features = features,
				    .account_removed = account_removed };

const struct module mod_roster = {
	.name = "mod_roster",
	.doc = "Rosters (RFC 6121 section 2).",
	.features = (const enum xml_ns[]){ NS_ROSTER, NS_NONE },
	.on_by_default = true,
	.iq = iq,
	.hooks = &hooks,
	.options = options,
	.conf_size = sizeof(struct roster_conf),
};
