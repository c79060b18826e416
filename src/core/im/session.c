#include "core/module.h"
#include "base/rand.h"
#include "core/c2s/c2s.h"
#include "core/c2s/c2s_count.h"
#include "core/c2s/throttle.h"
#include "core/im/hold.h"

struct jid session_jid(const struct session *s)
{
	return s->stream->jid;
}

struct session *session_find(struct user *u, struct strv resource)
{
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (strv_eq(jid_resource(session_jid(s)), resource))
			return s;
	}
	return NULL;
}

static void end_with_conflict(struct session *s)
{
	stream_close(s->stream, STREAM_ERR_CONFLICT, "replaced by a new session");
}

/* The oldest sessions make room (MongooseIM's max_user_sessions). */
static void make_room(struct user *u, struct strv resource, uint64_t max_sessions)
{
	struct session *same = session_find(u, resource);

	if (same)
		end_with_conflict(same);
	while (u->n_sessions >= max_sessions && u->n_sessions > 0)
		end_with_conflict(
			container_of(u->sessions.next, struct session, in_user));
}

static size_t session_bytes(void)
{
	return sizeof(struct session) + module_data_size(MODULE_DATA_SESSION);
}

/* The stream has it, and outlives the session. */
static struct jid full_jid(struct user *u, struct strv resource)
{
	size_t n_bare = jid_text(u->jid).n, n = n_bare + 1 + resource.n;
	char *text = slab_alloc(loop_slabs(u->worker->loop), n + 1);
	struct jid j = u->jid;

	memcpy(text, u->jid.s, n_bare);
	text[n_bare] = '/';
	memcpy(text + n_bare + 1, resource.p, resource.n);
	text[n] = '\0';
	j.s = text;
	j.n_resource = (uint16_t)resource.n;
	return j;
}

void session_text_free(struct worker *w, struct strv full_jid)
{
	if (full_jid.p)
		slab_free(loop_slabs(w->loop), (char *)full_jid.p, full_jid.n + 1);
}

struct session *session_bind(struct user *u, struct stream *st, struct strv resource,
			     uint64_t max_sessions)
{
	char made[23];
	struct session *s = slab_zalloc(loop_slabs(u->worker->loop), session_bytes());

	ASSERT_ON(u->worker);
	if (resource.n == 0) {
		rand_token(made, sizeof(made) - 1);
		resource = strv_from(made);
	}
	make_room(u, resource, max_sessions);
	stream_set_full_jid(st, full_jid(u, resource));
	s->user = u;
	s->stream = st;
	list_push(&u->sessions, &s->in_user);
	u->n_sessions++;
	user_pin(u);
	c2s_count(c2s_of(st), PORT_COUNT_SESSIONS, 1);
	for (const struct hooks **h = u->host->hooks; *h; h++)
		if ((*h)->bound)
			(*h)->bound(s);
	return s;
}

void session_unbind(struct session **ps)
{
	struct session *s = *ps;
	struct user *u;

	*ps = NULL;
	if (s == NULL)
		return;
	u = s->user;
	ASSERT_ON(u->worker);
	for (const struct hooks **h = u->host->hooks; *h; h++)
		if ((*h)->unbind)
			(*h)->unbind(s);
	list_remove(&s->in_user);
	u->n_sessions--;
	hold_session_ends(s);
	c2s_count(c2s_of(s->stream), PORT_COUNT_SESSIONS, -1);
	while (s->directed) {
		struct directed *d = s->directed;
		s->directed = d->next;
		mem_free(d);
	}
	presence_unref(u->worker, &s->presence);
	slab_free(loop_slabs(u->worker->loop), s, session_bytes());
	user_unpin(u);
}

void session_set_presence(struct session *s, struct presence *p, int8_t priority)
{
	bool initial = s->presence == NULL;

	if (session_takes_messages(s) && s->hold == NULL)
		s->had = s->user->worker->n_to_accounts;
	presence_unref(s->user->worker, &s->presence);
	s->presence = p;
	s->priority = priority;
	if (!session_takes_messages(s)) /* before newer ones take another way */
		hold_end(s);
	if (p == NULL)
		return;
	for (const struct hooks **h = s->user->host->hooks; *h; h++)
		if ((*h)->available)
			(*h)->available(s, initial);
}

static bool is_asker(const struct session *s)
{
	return handle_eq(s->user->worker->sender, c2s_handle(c2s_of(s->stream)));
}

/* Nobody waits for a receiver of what it broadcasts, or of what the server says itself: that has no
 * sender. Nor must who asks for more than it reads hold up who answers: answers, and the presence
 * that a probe asks for, stop nobody but the asker itself. */
static bool stops_sender(const struct session *s, enum stanza_type type)
{
	return (type != IQ_RESULT && type != STANZA_ERROR) || is_asker(s);
}

/* The other half of what may wait is for presence that nobody waits for, or that it has asked for,
 * and for what the server says itself. */
static bool has_room(const struct session *s, enum stanza_kind kind)
{
	if (session_room(s) > CONN_MAX_OUT / 2)
		return true;
	return kind == STANZA_PRESENCE &&
	       (handle_is_none(s->user->worker->sender) || is_asker(s));
}

/* What it says comes back to it (RFC 6121 4.2.2): it may speak without reading that. */
static bool is_own_presence(const struct session *s, const struct stanza *st)
{
	return st->kind == STANZA_PRESENCE && jid_eq(st->from, session_jid(s));
}

bool session_offer(struct session *s, const struct stanza *st, bool sole)
{
	struct buf *b;
	size_t was;

	if (s->stream->closed || hold_message(s, st, sole))
		return true;
	if (!has_room(s, st->kind))
		return false;
	b = s->stream->env->out(s->stream);
	was = b->n;
	if (stanza_write(b, st) < 0)
		b->n = was; /* full: the connection is dropped at the end of the turn */
	worker_works(s->user->worker, b->n - was);
	if (conn_is_congested(c2s_of(s->stream)->conn) && stops_sender(s, st->type) &&
	    !is_own_presence(s, st))
		throttle_sender(s->user->worker, s->user->worker->sender,
				c2s_of(s->stream));
	c2s_count(c2s_of(s->stream), PORT_COUNT_STANZAS_OUT, 1);
	return true;
}

bool session_send_written(struct session *s, struct strv bytes, enum stanza_kind kind,
			  enum stanza_type type)
{
	if ((s->hold && kind == STANZA_MESSAGE) || !has_room(s, kind))
		return false;
	session_send_bytes(s, bytes);
	if (!s->stream->closed && stops_sender(s, type))
		throttle_after_send(s->user->worker, s->user->worker->sender,
				    c2s_of(s->stream));
	return true;
}

void session_send(struct session *s, const struct stanza *st)
{
	if (!session_offer(s, st, true))
		route_error(s->user->worker, st, STANZA_ERR_RESOURCE_CONSTRAINT,
			    "the receiver does not read");
}

void session_send_bytes(struct session *s, struct strv bytes)
{
	int r;

	if (s->stream->closed)
		return;
	r = buf_adds(s->stream->env->out(s->stream), bytes);
	(void)r; /* full: the connection is dropped at the end of the turn */
	worker_works(s->user->worker, bytes.n);
	c2s_count(c2s_of(s->stream), PORT_COUNT_STANZAS_OUT, 1);
}

size_t session_room(const struct session *s)
{
	return conn_room(c2s_of(s->stream)->conn);
}

static struct directed **directed_find(struct session *s, struct jid to)
{
	struct strv text = jid_text(to);

	for (struct directed **d = &s->directed; *d; d = &(*d)->next)
		if (strv_eq(strv_make((*d)->jid, (*d)->n), text))
			return d;
	return NULL;
}

int session_directed_add(struct session *s, struct jid to)
{
	struct strv text = jid_text(to);
	size_t n = 1, bytes = text.n;
	struct directed *d;

	for (d = s->directed; d; d = d->next) {
		if (strv_eq(strv_make(d->jid, d->n), text))
			return 0;
		n++;
		bytes += d->n;
	}
	if (n > SESSION_MAX_DIRECTED || bytes > SESSION_MAX_DIRECTED_BYTES)
		return -ENOSPC;
	d = mem_alloc(sizeof(*d) + text.n);
	d->n = (uint16_t)text.n;
	memcpy(d->jid, text.p, text.n);
	d->next = s->directed;
	s->directed = d;
	return 0;
}

void session_directed_remove(struct session *s, struct jid to)
{
	struct directed **at = directed_find(s, to), *d;

	if (at == NULL)
		return;
	d = *at;
	*at = d->next;
	mem_free(d);
}
