/* Presence and subscriptions (RFC 6121 sections 3 and 4): MongooseIM's mod_presence. The state
 * tables themselves are in xmpp/subscription.h. */
#include "core/module.h"

enum { CONTACT_BYTES = 32 }; /* of work, for each that is looked at */

static enum sub_kind kind_of(const struct stanza *s)
{
	ASSERT(s->type >= PRESENCE_SUBSCRIBE && s->type <= PRESENCE_UNSUBSCRIBED);
	switch (s->type) {
	case PRESENCE_SUBSCRIBE:
		return SUB_SUBSCRIBE;
	case PRESENCE_SUBSCRIBED:
		return SUB_SUBSCRIBED;
	case PRESENCE_UNSUBSCRIBE:
		return SUB_UNSUBSCRIBE;
	default:
		return SUB_UNSUBSCRIBED;
	}
}

/* A presence of ours without content. `type` NULL: available. */
static void send_plain(struct worker *w, struct strv from, struct strv to,
		       const char *type)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16384);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "presence", NS_NONE);
	xo_attr(&o, "from", from);
	xo_attr(&o, "to", to);
	xo_attr(&o, "type", strv_from(type));
	xo_end(&o);
	ASSERT(o.err == 0);
	route_bytes(w, buf_strv(&b));
}

/* --- what the user's sessions are worth to others --- */

/* How long the start tag is. */
static size_t start_len(struct strv el)
{
	char quote = '\0';
	size_t i = 0;

	for (; el.p[i] != '>' || quote; i++) {
		ASSERT(i + 1 < el.n); /* our own writing */
		if (quote)
			quote = el.p[i] == quote ? '\0' : quote;
		else if (el.p[i] == '\'' || el.p[i] == '"')
			quote = el.p[i];
	}
	return i + 1;
}

/* What stands in it means the same in every copy of it: it is not read again, and may be long. */
static void read_presence(struct arena *a, const struct presence *from,
			  struct stanza *ret)
{
	struct strv all = strv_make(from->bytes, from->n);
	size_t n = start_len(all);
	bool empty = n == all.n;
	char *start = arena_alloc(a, n + 1);
	struct xml_el *el;
	enum stanza_err bad;
	int r;

	memcpy(start, all.p, n);
	memcpy(start + n - 1, "/>", empty ? 0 : 2);
	r = xml_parse(a, strv_make(start, empty ? n : n + 1), NS_CLIENT, &el);
	ASSERT(r == 0);
	bad = stanza_read_ours(el, ret);
	ASSERT(bad == STANZA_ERR_NONE);
	if (!empty)
		el->inner = strv_make(all.p + n, all.n - n - strlen("</presence>"));
}

/* The presence of one available session, to one address. */
static void send_presence_of(struct worker *w, const struct session *s, struct jid to)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct stanza p;

	read_presence(a, s->presence, &p);
	p.from = session_jid(s);
	route_to(w, NULL, &p, to);
}

static void send_all_presence(struct user *u, struct jid to)
{
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (session_is_available(s))
			send_presence_of(u->worker, s, to);
	}
}

static void send_all_unavailable(struct user *u, struct jid to)
{
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (session_is_available(s))
			send_plain(u->worker, jid_text(session_jid(s)), jid_text(to),
				   "unavailable");
	}
}

/* To look at them all is work, too, even if none of them is to hear of it. */
static void each_contact(struct user *u, void (*fn)(const struct roster_item *, void *),
			 void *arg)
{
	worker_works(u->worker, (size_t)roster_sums(u->roster).n * CONTACT_BYTES);
	roster_each(u->roster, fn, arg);
}

struct broadcast {
	struct session *from;
	const struct stanza *s;
};

static void broadcast_item(const struct roster_item *it, void *arg)
{
	struct broadcast *b = arg;

	if (sub_has_from(it->sub.state))
		route_to(b->from->user->worker, b->from, b->s, it->jid);
}

/* To the subscribed contacts and to the user's own available resources (RFC 6121 4.2.2). */
static void broadcast(struct session *from, const struct stanza *s)
{
	struct user *u = from->user;
	struct broadcast b = { .from = from, .s = s };
	struct handle sender = u->worker->sender;

	u->worker->sender = HANDLE_NONE; /* waits for none of so many who may not read */
	each_contact(u, broadcast_item, &b);
	route_to_sessions(u, s, -128);
	u->worker->sender = sender;
}

/* RFC 6121 4.6.3: who got directed presence gets the unavailable, too. */
static void end_directed(struct session *from, const struct stanza *s)
{
	struct worker *w = from->user->worker;
	struct handle sender = w->sender;

	w->sender = HANDLE_NONE;
	while (from->directed) {
		AUTO(arena_free) struct arena *a = arena_new(1024);
		struct strv text = strv_make(from->directed->jid, from->directed->n);
		struct jid to = jid_from_text(arena_strv(a, text));

		session_directed_remove(from, to);
		route_to(w, from, s, to);
	}
	w->sender = sender;
}

/* --- the user comes and goes --- */

/* RFC 6121 4.2.2: one probe each. The answer may be that the contact knows nothing of us, and takes
 * the item away. */
static void probe_item(const struct roster_item *it, void *arg)
{
	struct session *s = arg;

	if (sub_has_to(it->sub.state))
		send_plain(s->user->worker, jid_text(session_jid(s)), jid_text(it->jid),
			   "probe");
}

static void greet(struct session *s)
{
	LIST_EACH(it, &s->user->sessions) {
		struct session *other = container_of(it, struct session, in_user);
		if (other != s && session_is_available(other))
			send_presence_of(s->user->worker, other, session_jid(s));
	}
	roster_send_requests(s); /* who has asked while the user was offline */
	roster_forget_rows(s->user->roster);
	each_contact(s->user, probe_item, s);
}

/* RFC 6121 4.7.2.3: -128 to 127; absent: 0. */
static int read_priority(const struct stanza *s, struct arena *a, int8_t *ret)
{
	const struct xml_el *el = xml_child(s->el, NS_CLIENT, "priority");
	struct strv text;
	bool negative;
	uint64_t v;

	*ret = 0;
	if (el == NULL)
		return 0;
	text = strv_trim(xml_text(el, a));
	negative = text.n && text.p[0] == '-';
	if (text.n && (negative || text.p[0] == '+'))
		text = strv_from_pos(text, 1);
	if (strv_to_u64(text, negative ? 128 : 127, &v) < 0)
		return -EINVAL;
	*ret = (int8_t)(negative ? -(int)v : (int)v);
	return 0;
}

/* Of presence that goes nowhere: route_error() answers requests only. */
static void refuse(struct ctx *c, enum stanza_err err, const char *text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536);

	if (stanza_write_error(&b, c->stanza, err, text) == 0)
		session_send_bytes(c->session, buf_strv(&b));
}

static void on_available(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(PRESENCE_MAX_BYTES);
	struct session *s = c->session;
	bool initial = !session_is_available(s);
	struct stanza bare = *c->stanza;
	int8_t priority;

	if (read_priority(c->stanza, c->scratch, &priority) < 0) {
		refuse(c, STANZA_ERR_BAD_REQUEST, "priority: a number from -128 to 127");
		return;
	}
	bare.from = (struct jid){ 0 }; /* as many others have it */
	if (stanza_write(&b, &bare) < 0) {
		refuse(c, STANZA_ERR_POLICY_VIOLATION, "more than 64 KiB");
		return;
	}
	session_set_presence(s, presence_get(c->worker, buf_strv(&b)), priority);
	broadcast(s, c->stanza);
	if (initial)
		greet(s);
}

static void on_unavailable(struct session *s, const struct stanza *stanza)
{
	bool was = session_is_available(s);

	if (was)
		broadcast(s, stanza);
	end_directed(s, stanza);
	session_set_presence(s, NULL, 0);
}

static void unbind(struct session *s)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_out o = xml_out(&b);
	struct xml_el *el;
	struct stanza p;
	int r;

	if (!session_is_available(s) && s->directed == NULL)
		return;
	xo_start(&o, "presence", NS_NONE);
	xo_attr(&o, "from", jid_text(session_jid(s)));
	xo_attr(&o, "type", STRV("unavailable"));
	xo_end(&o);
	r = xml_parse(a, buf_strv(&b), NS_CLIENT, &el);
	ASSERT(o.err == 0 && r == 0 && stanza_read_ours(el, &p) == STANZA_ERR_NONE);
	if (session_is_available(s)) { /* the session itself hears nothing any more */
		struct presence *own = s->presence;
		s->presence = NULL;
		broadcast(s, &p);
		s->presence = own;
	}
	end_directed(s, &p);
	session_set_presence(s, NULL, 0);
}

/* --- subscriptions, the user's side (RFC 6121 3, appendix A.2) --- */

/* What follows once the new state is in the database. */
struct outcome {
	bool forward, push, reply;
	bool now_from, lost_from;
	uint32_t n;
	char *stanza;  /* bytes to route or deliver; owned */
	char *contact; /* bare JID; owned */
	char *asker; /* the session whose stanza it is; NULL: the contact has sent it; owned */
};

static void outcome_free(struct outcome *o)
{
	mem_free(o->stanza);
	mem_free(o->contact);
	mem_free(o->asker);
	mem_free(o);
}

static struct jid contact_jid(const struct outcome *o)
{
	return jid_from_text(strv_from(o->contact));
}

static void read_back(struct arena *a, const struct outcome *o, struct stanza *ret)
{
	struct xml_el *el;
	int r = xml_parse(a, strv_make(o->stanza, o->n), NS_CLIENT, &el);

	ASSERT(r == 0 &&
	       stanza_read_ours(el, ret) == STANZA_ERR_NONE); /* our own writing */
}

/* Whoever has sent it hears of it, whichever kind it is; what others have seen of the new state while
 * it was on its way is taken back (all of memory goes by it). */
static void not_stored(struct user *u, const struct outcome *o)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	struct jid contact = contact_jid(o);
	bool has_from = sub_has_from(roster_get(u->roster, contact).sub.state);
	struct stanza s;

	read_back(a, o, &s);
	if (o->asker)
		s.from = jid_from_text(strv_from(o->asker));
	if (stanza_write_error(&b, &s, STANZA_ERR_INTERNAL_SERVER_ERROR,
			       "the database failed") == 0)
		route_bytes(u->worker, buf_strv(&b));
	if (o->now_from && !has_from)
		send_all_unavailable(u, contact);
	if (o->lost_from && has_from)
		send_all_presence(u, contact);
}

static void after_outbound(struct user *u, const struct roster_saved *saved, void *arg)
{
	struct outcome *o = arg;
	struct jid contact = contact_jid(o);

	if (saved->err == 0) {
		if (o->lost_from) /* RFC 6121 3.2.2: before the `unsubscribed` */
			send_all_unavailable(u, contact);
		if (o->forward)
			route_bytes(u->worker, strv_make(o->stanza, o->n));
		if (o->push)
			roster_push(u, contact, saved);
		if (o->now_from) /* RFC 6121 3.1.6 */
			send_all_presence(u, contact);
	} else {
		not_stored(u, o);
	}
	outcome_free(o);
}

static struct outcome *outcome_new(struct strv stanza, struct jid contact,
				   const struct session *asker, struct sub was,
				   struct sub_result r)
{
	struct outcome *o = MEM_NEW(struct outcome);

	o->forward = r.forward;
	o->push = r.push;
	o->reply = r.reply;
	o->now_from = sub_has_from(r.next.state) && !sub_has_from(was.state);
	o->lost_from = sub_has_from(was.state) && !sub_has_from(r.next.state);
	o->n = (uint32_t)stanza.n;
	o->stanza = strv_dup(stanza);
	o->contact = strv_dup(jid_text(contact));
	o->asker = asker ? strv_dup(jid_text(session_jid(asker))) : NULL;
	return o;
}

/* What changes nothing need not be stored, but it must not overtake what is on its way into the
 * database (RFC 6120 10.1): a request that is sent once more would reach the contact before the end of
 * the subscription that it follows, and be granted. */
static void save_in_line(struct user *u, const struct roster_change *change, bool changed)
{
	if (changed || u->roster->saving)
		roster_save(u, change);
	else
		change->done(u, &(struct roster_saved){ 0 }, change->arg);
}

static void outbound(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct user *u = c->session->user;
	struct stanza s = *c->stanza;
	struct roster_change change = { .done = after_outbound };
	struct sub_result r;
	struct sub was;

	s.to = jid_bare(s.to); /* RFC 6121 3.1.2: bare JIDs on both sides */
	s.from = u->jid;
	if (jid_eq(s.to, u->jid))
		return;
	if (u->anonymous) { /* XEP-0175 2, rule 3: none that would have to be cancelled */
		refuse(c, STANZA_ERR_NOT_ALLOWED, "not without an account");
		return;
	}
	if (stanza_write(&b, &s) < 0) {
		refuse(c, STANZA_ERR_POLICY_VIOLATION, "presence too big");
		return;
	}
	change.item = roster_get(u->roster, s.to);
	was = change.item.sub;
	r = sub_outbound(was, kind_of(&s));
	change.item.sub = r.next;
	change.item.listed = change.item.listed || r.push;
	if (r.changed && !roster_has_room(u->roster, &change.item)) {
		refuse(c, STANZA_ERR_RESOURCE_CONSTRAINT, "the roster is full");
		return;
	}
	change.arg_bytes = sizeof(struct outcome) + b.n;
	change.arg = outcome_new(buf_strv(&b), s.to, c->session, was, r);
	save_in_line(u, &change, r.changed);
}

/* --- subscriptions, from others (appendix A.3) --- */

static void after_inbound(struct user *u, const struct roster_saved *saved, void *arg)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct outcome *o = arg;
	struct jid contact = contact_jid(o);
	struct stanza s;

	if (saved->err == 0) {
		read_back(a, o, &s);
		if (o->forward)
			roster_deliver(u, &s);
		if (o->push)
			roster_push(u, contact, saved);
		if (o->lost_from) /* RFC 6121 3.3.3 */
			send_all_unavailable(u, contact);
		if (o->reply) /* RFC 6121 3.1.3: has it already; or 3.4: in advance */
			send_plain(u->worker, jid_text(u->jid), jid_text(contact),
				   "subscribed");
		if (o->now_from)
			send_all_presence(u, contact);
	} else {
		not_stored(u, o);
	}
	outcome_free(o);
}

/* A request is kept until it is answered; without its content where that is long, or where there
 * is no room for it. False: there is no room for any. */
static bool keep_request(struct user *u, struct roster_change *change, struct strv bytes)
{
	change->request = bytes;
	change->item.n_request = (uint16_t)MIN(bytes.n, (size_t)UINT16_MAX);
	if (bytes.n <= ROSTER_MAX_REQUEST && roster_has_room(u->roster, &change->item))
		return true;
	change->request = STRV("");
	change->item.n_request = 0;
	return roster_has_room(u->roster, &change->item);
}

static void inbound(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct user *u = c->user;
	struct stanza s = *c->stanza;
	struct roster_change change = { .done = after_inbound };
	struct sub_result r;
	struct sub was;

	s.to = u->jid;
	s.from = jid_bare(s.from);
	if (u->anonymous && s.type == PRESENCE_SUBSCRIBE)
		send_plain(c->worker, jid_text(u->jid), jid_text(s.from), "unsubscribed");
	if (u->anonymous || jid_eq(s.from, u->jid) || stanza_write(&b, &s) < 0)
		return;
	change.item = roster_get(u->roster, s.from);
	was = change.item.sub;
	r = sub_inbound(was, kind_of(&s));
	if (!r.changed && !r.reply)
		return;
	change.item.sub = r.next;
	if (s.type == PRESENCE_SUBSCRIBE && sub_is_pending_in(r.next.state) &&
	    !keep_request(u, &change, buf_strv(&b)))
		return; /* full: a request that nobody can answer is not kept */
	change.arg_bytes = sizeof(struct outcome) + b.n;
	change.arg = outcome_new(buf_strv(&b), s.from, NULL, was, r);
	save_in_line(u, &change, r.changed);
}

/* --- probes (RFC 6121 4.3.2) --- */

static bool may_see(struct user *u, struct jid who)
{
	struct jid bare = jid_bare(who);

	return jid_eq(bare, u->jid) ||
	       sub_has_from(roster_get(u->roster, bare).sub.state);
}

static void on_probe(struct ctx *c)
{
	struct user *u = c->user;
	struct jid from = c->stanza->from;
	struct session *one;

	if (!may_see(u, from)) {
		send_plain(c->worker, jid_text(u->jid), jid_bare_text(from),
			   "unsubscribed");
		return;
	}
	if (jid_is_bare(c->stanza->to)) {
		send_all_presence(u, from);
		return;
	}
	one = session_find(u, jid_resource(c->stanza->to));
	if (one && session_is_available(one))
		send_presence_of(c->worker, one, from);
}

/* --- the hooks --- */

static bool is_subscription(const struct stanza *s)
{
	return s->type >= PRESENCE_SUBSCRIBE && s->type <= PRESENCE_UNSUBSCRIBED;
}

static void directed(struct ctx *c)
{
	struct session *s = c->session;
	struct jid to = c->stanza->to;

	if (c->stanza->type == PRESENCE_UNAVAILABLE)
		session_directed_remove(s, to);
	else if (!(session_is_available(s) && may_see(s->user, to)) &&
		 session_directed_add(s, to) < 0)
		log_debug("presence.directed",
			  "too many addresses, or too long ones: not remembered");
}

static enum verdict from_client(struct ctx *c)
{
	const struct stanza *s = c->stanza;

	if (s->kind != STANZA_PRESENCE)
		return PASS;
	if (jid_is_none(s->to)) {
		if (s->type == PRESENCE_AVAILABLE)
			on_available(c);
		else if (s->type == PRESENCE_UNAVAILABLE)
			on_unavailable(c->session, s);
		return HANDLED;
	}
	if (is_subscription(s)) {
		outbound(c);
		return HANDLED;
	}
	if (s->type == PRESENCE_AVAILABLE || s->type == PRESENCE_UNAVAILABLE)
		directed(c);
	return PASS;
}

static enum verdict to_user(struct ctx *c)
{
	if (c->stanza->kind != STANZA_PRESENCE)
		return PASS;
	if (is_subscription(c->stanza)) {
		inbound(c);
		return HANDLED;
	}
	if (c->stanza->type != PRESENCE_PROBE)
		return roster_defer(c->user, c->stanza) ? HANDLED : PASS;
	on_probe(c);
	return HANDLED;
}

static const struct hooks hooks = {
	.phase = PHASE_MAIN,
	.from_client = from_client,
	.to_user = to_user,
	.unbind = unbind,
};

const struct module mod_presence = {
	.name = "mod_presence",
	.doc = "Presence and subscriptions (RFC 6121 sections 3 and 4).",
	.on_by_default = true,
	.hooks = &hooks,
};
