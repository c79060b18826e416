#include "core/module.h"
#include "core/c2s/c2s.h"
#include "core/c2s/throttle.h"

enum { MAX_MODULES = 64 };

/* Where a module's data stands in the block of a session or an account. */
static struct {
	size_t offset[2][MAX_MODULES];
	size_t size[2];
	bool ready;
} layout;

static size_t index_of(const struct module *m)
{
	size_t i = 0;

	while (all_modules[i] != m) {
		ASSERT(all_modules[i] != NULL);
		i++;
	}
	return i;
}

void modules_init(void)
{
	size_t at[2] = { 0, 0 };

	for (size_t i = 0; all_modules[i]; i++) {
		ASSERT(i < MAX_MODULES);
		layout.offset[MODULE_DATA_SESSION][i] = at[0];
		layout.offset[MODULE_DATA_USER][i] = at[1];
		at[0] += (all_modules[i]->session_size + 7) & ~(size_t)7;
		at[1] += (all_modules[i]->user_size + 7) & ~(size_t)7;
	}
	layout.size[0] = at[0];
	layout.size[1] = at[1];
	layout.ready = true;
}

size_t module_data_size(enum module_data which)
{
	ASSERT(layout.ready);
	return layout.size[which];
}

void *mod_session_data(struct session *s, const struct module *m)
{
	ASSERT(m->session_size > 0);
	return (char *)(s + 1) + layout.offset[MODULE_DATA_SESSION][index_of(m)];
}

void *mod_user_data(struct user *u, const struct module *m)
{
	ASSERT(m->user_size > 0);
	return (char *)(u + 1) + layout.offset[MODULE_DATA_USER][index_of(m)];
}

const void *mod_conf(const struct host *h, const struct module *m)
{
	const void *conf = h->mod_conf[index_of(m)];

	ASSERT(conf != NULL); /* only a module that is on asks */
	return conf;
}

/* --- answers --- */

void reply_result(struct ctx *c)
{
	reply_payload(c, STRV(""));
}

/* Nearly every answer goes to a session on this very worker, and needs no routing. */
static bool send_directly(struct worker *w, struct jid to, struct strv bytes)
{
	struct user *u = to.n_resource ? user_find(w, jid_bare(to)) : NULL;
	struct session *s = u ? session_find(u, jid_resource(to)) : NULL;

	if (s == NULL)
		return false;
	session_send_bytes(s, bytes);
	if (handle_eq(w->sender, c2s_handle(c2s_of(s->stream))))
		throttle_after_send(w, w->sender, c2s_of(s->stream));
	return true;
}

static void send_result(struct worker *w, const struct stanza *s, struct strv payload)
{
	AUTO(buf_free) struct buf b = BUF_INIT(payload.n + 65536);

	if (stanza_write_result(&b, s, payload) < 0)
		route_error(w, s, STANZA_ERR_INTERNAL_SERVER_ERROR, NULL);
	else if (!send_directly(w, s->from, buf_strv(&b)))
		route_bytes(w, buf_strv(&b));
}

void reply_payload(struct ctx *c, struct strv payload)
{
	ASSERT(c->stanza->kind == STANZA_IQ);
	send_result(c->worker, c->stanza, payload);
}

void reply_error(struct ctx *c, enum stanza_err err, const char *text)
{
	route_error(c->worker, c->stanza, err, text);
}

bool reply_busy(struct ctx *c)
{
	bool busy = asker_has_no_place(c->user);

	if (busy)
		reply_error(c, STANZA_ERR_RESOURCE_CONSTRAINT, "too much is waiting");
	return busy;
}

/* --- answers that take a while --- */

static bool is_question(const struct stanza *s)
{
	return s->kind == STANZA_IQ && s->type == IQ_GET;
}

struct later *later_new(struct ctx *c)
{
	struct arena *a = arena_new(2048);
	struct later *l = ARENA_NEW(a, struct later);
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 20);
	struct xml_el *el;
	enum stanza_err bad;
	int r;

	l->arena = a;
	l->worker = c->worker;
	l->host = c->host;
	conf_ref(l->host->conf);
	l->user = c->user;
	l->session = c->session ? c2s_handle(c2s_of(c->session->stream)) : HANDLE_NONE;
	r = stanza_write(&b, c->stanza);
	r = r ? r : xml_parse(a, arena_strv(a, buf_strv(&b)), NS_CLIENT, &el);
	ASSERT(r == 0); /* our own writing, of a stanza that fitted once */
	bad = stanza_read_ours(el, &l->stanza);
	ASSERT(bad == STANZA_ERR_NONE);
	if (is_question(&l->stanza))
		l->asker = asker_begin_question(l->worker, l->user);
	if (l->user)
		user_pin(l->user);
	return l;
}

void later_drop(struct later *l)
{
	struct arena *a = l->arena;
	struct conf *conf = l->host->conf;

	asker_end(l->worker, l->asker);
	if (l->user)
		user_unpin(l->user);
	conf_unref(&conf);
	arena_free(&a);
}

static void on_store(struct worker *w, struct store_call *call, void *arg)
{
	struct later *l = arg;

	if (asker_is_gone(w, l->asker)) {
		later_drop(l);
		return;
	}
	w->sender = l->asker.client; /* it waits if it does not read the answer */
	l->done(l, call);
	w->sender = HANDLE_NONE;
}

void later_store(struct later *l, struct store_call *call,
		 void (*done)(struct later *l, struct store_call *call))
{
	l->done = done;
	call->held = arena_size(l->arena);
	if (worker_store(l->worker, call, on_store, l) < 0)
		later_error(l, STANZA_ERR_RESOURCE_CONSTRAINT,
			    "the database is too busy");
}

void later_payload(struct later *l, struct strv payload)
{
	send_result(l->worker, &l->stanza, payload);
	later_drop(l);
}

void later_result(struct later *l)
{
	later_payload(l, STRV(""));
}

void later_error(struct later *l, enum stanza_err err, const char *text)
{
	route_error(l->worker, &l->stanza, err, text);
	later_drop(l);
}

struct session *later_session(struct later *l)
{
	struct c2s *c = c2s_get(l->worker, l->session);

	return c ? c->session : NULL;
}
