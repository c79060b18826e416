#include "core/im/crossing.h"
#include "core/c2s/c2s.h"
#include "core/c2s/throttle.h"
#include "core/module.h"
#include "core/server/server.h"
#include "xml/xml.h"

enum {
	MAX_BYTES = 64 << 20,
	TAG_BYTES = 256, /* and addresses, as a rule */
	LOOK_AGAIN_MS = 1,
	MAX_AGAIN = 256, /* questions, each time */
};

struct crossing {
	struct post post;
	struct list link;     /* in worker->questions */
	struct handle sender; /* for back-pressure */
	bool is_question;
	enum stanza_type type;
	enum stanza_kind kind; /* of what is for a session alone; then ... */
	struct jid to;	       /* ... s is the start of the bytes; else NULL */
	uint64_t hash;	       /* user_hash(to) */
	uint32_t n;
	char bytes[]; /* the JID, the stanza */
};

enum { HEAD = offsetof(struct crossing, bytes) };

static struct strv stanza_of(const struct crossing *x)
{
	size_t n_jid = jid_is_none(x->to) ? 0 : jid_text(x->to).n;

	return strv_make(x->bytes + n_jid, x->n - n_jid);
}

/* As route() would; false: it has to. */
static bool to_session(struct worker *w, const struct crossing *x)
{
	struct user *u = jid_is_none(x->to) ? NULL : user_find_hashed(w, x->to, x->hash);
	struct session *s = u ? session_find(u, jid_resource(x->to)) : NULL;

	return s && session_send_written(s, stanza_of(x), x->kind, x->type);
}

/* --- questions whose answers have no room --- */

static void on_crossing(struct worker *w, struct post *post);

/* A few bytes, and the account that is asked may have megabytes to say. */
static bool is_question(const struct stanza *s)
{
	return !route_is_for_session(s) &&
	       (s->type == IQ_GET || s->type == IQ_SET || s->type == PRESENCE_PROBE);
}

static bool is_too_early(struct worker *w, const struct crossing *x)
{
	return x->is_question && !handle_is_none(x->sender) &&
	       x->sender.worker != w->id &&
	       worker_is_full(w->server->workers[x->sender.worker]);
}

/* Back on the worker of the client that asks, which has come to all answers before it. */
static void on_given_back(struct worker *w, struct post *post)
{
	struct crossing *x = container_of(post, struct crossing, post);

	if (c2s_get(w, x->sender) == NULL) {
		mem_free(x);
		return;
	}
	throttle_stop(w, x->sender);
	if (list_empty(&w->questions))
		timer_arm(w->loop, &w->room_timer, LOOK_AGAIN_MS);
	list_init(&x->link);
	list_push(&w->questions, &x->link);
}

static void give_back(struct worker *w, struct crossing *x)
{
	x->post.fn = on_given_back;
	worker_post(w->server->workers[x->sender.worker], &x->post, x->post.msg.bytes);
}

static void ask_again(struct worker *w, struct crossing *x)
{
	if (c2s_get(w, x->sender) == NULL) {
		mem_free(x);
		return;
	}
	throttle_go_on(w, x->sender);
	x->post.fn = on_crossing;
	worker_post(worker_home_hashed(w->server, x->hash), &x->post, x->post.msg.bytes);
}

void crossing_look_for_room(struct worker *w)
{
	struct list *it;

	for (int i = 0; i < MAX_AGAIN && !worker_is_full(w); i++) {
		it = list_pop(&w->questions);
		if (it == NULL)
			return;
		ask_again(w, container_of(it, struct crossing, link));
	}
	if (!list_empty(&w->questions))
		timer_arm(w->loop, &w->room_timer, LOOK_AGAIN_MS);
}

void crossing_drop_questions(struct worker *w)
{
	struct list *it;

	while ((it = list_pop(&w->questions)))
		mem_free(container_of(it, struct crossing, link));
}

/* --- */

static void on_crossing(struct worker *w, struct post *post)
{
	struct crossing *x = container_of(post, struct crossing, post);

	if (is_too_early(w, x)) {
		give_back(w, x);
		return;
	}
	w->sender = x->sender;
	if (!to_session(w, x))
		route_bytes(w, stanza_of(x));
	w->sender = HANDLE_NONE;
	mem_free(x);
}

/* In place: the buffer becomes the message. */
static struct crossing *write_crossing(const struct stanza *s, size_t *n)
{
	struct strv to = route_is_for_session(s) ? jid_text(s->to) : STRV_NULL;
	struct buf b = BUF_INIT(MAX_BYTES);
	struct crossing *x;
	int r = buf_reserve(&b, HEAD + to.n + s->el->inner.n + TAG_BYTES) ? 0 : -EMSGSIZE;

	b.n = r == 0 ? HEAD : 0;
	r = r ? r : buf_adds(&b, to);
	r = r ? r : stanza_write(&b, s);
	if (r < 0) {
		buf_free(&b);
		return NULL;
	}
	x = (struct crossing *)b.p;
	memset(x, 0, HEAD);
	x->kind = s->kind;
	x->type = s->type;
	x->n = (uint32_t)(b.n - HEAD);
	if (to.p) {
		x->to = s->to;
		x->to.s = x->bytes;
	}
	*n = b.cap;
	return x;
}

/* For room in an inbox: of a stanza that we have made, too, whoever has made us. */
static struct c2s *who_waits(struct worker *w, struct session *sender)
{
	if (sender)
		return c2s_of(sender->stream);
	return w->sender.worker == w->id ? c2s_get(w, w->sender) : NULL;
}

void crossing_start(struct worker *w, struct worker *to, struct session *sender,
		    const struct stanza *s, uint64_t hash)
{
	size_t n;
	struct crossing *x = write_crossing(s, &n);
	bool asks = is_question(s);
	struct worker *full;
	struct c2s *c;

	if (x == NULL) {
		route_error(w, s, STANZA_ERR_POLICY_VIOLATION, "stanza too big");
		return;
	}
	worker_works(w, n);
	x->post.fn = on_crossing;
	x->sender = w->sender;
	x->hash = hash;
	x->is_question = asks;
	worker_post(to, &x->post, n);
	count_add(&w->counters, COUNT_STANZAS_CROSSED, 1);
	if (to == w)
		return;
	full = asks && worker_is_full(w) ? w : worker_is_full(to) ? to : NULL;
	c = full ? who_waits(w, sender) : NULL;
	if (c)
		throttle_for_inbox(c, full);
}
