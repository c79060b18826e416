#include "core/im/user.h"
#include "core/account/account_end.h"
#include "core/c2s/c2s.h"
#include "core/module.h"
#include "core/server/server.h"

enum {
	USER_MAX_WAITING = 1 << 20,   /* bytes that wait for one account to be loaded */
	USERS_MAX_WAITING = 64 << 20, /* ... for all of a worker's */
	USERS_MAX_IDLE = 1000, /* accounts kept in memory with nobody online, a worker */
};

struct waiter {
	struct list link;
	void (*fn)(struct worker *w, struct user *u, int err, void *arg);
	void *arg;
	size_t bytes;
};

static struct user *find_hashed(struct worker *w, struct jid bare, uint64_t hash)
{
	struct strv text = jid_bare_text(bare);

	for (struct hnode *n = hash_first(&w->users, hash); n; n = hash_next(n)) {
		struct user *u = container_of(n, struct user, node);
		if (strv_eq(jid_text(u->jid), text))
			return u;
	}
	return NULL;
}

static struct user *find(struct worker *w, struct jid bare)
{
	return find_hashed(w, bare, user_hash(bare));
}

struct user *user_find_hashed(struct worker *w, struct jid bare, uint64_t hash)
{
	struct user *u;

	ASSERT_ON(w);
	u = find_hashed(w, bare, hash);
	return u && u->state == USER_READY ? u : NULL;
}

struct user *user_find(struct worker *w, struct jid bare)
{
	return user_find_hashed(w, bare, user_hash(bare));
}

bool user_is_loading(struct worker *w, struct jid bare)
{
	struct user *u;

	ASSERT_ON(w);
	u = find(w, bare);
	return u && u->state == USER_LOADING;
}

void user_set_host(struct user *u, const struct host *h)
{
	struct conf *old = u->host ? u->host->conf : NULL;

	conf_ref(h->conf);
	u->host = h;
	conf_unref(&old);
}

static size_t user_bytes(struct strv jid)
{
	return sizeof(struct user) + module_data_size(MODULE_DATA_USER) + jid.n + 1;
}

static struct user *user_new(struct worker *w, const struct host *h, struct jid bare)
{
	struct strv text = jid_bare_text(bare);
	struct user *u = slab_zalloc(loop_slabs(w->loop), user_bytes(text));
	char *to = (char *)(u + 1) + module_data_size(MODULE_DATA_USER);

	ASSERT(h != NULL);
	u->worker = w;
	user_set_host(u, h);
	u->jid = jid_bare(bare);
	u->jid.s = memcpy(to, text.p, text.n);
	list_init(&u->sessions);
	list_init(&u->waiting);
	hash_add(&w->users, &u->node, user_hash(u->jid));
	return u;
}

static bool is_idle(const struct user *u)
{
	return u->state != USER_LOADING && !list_empty(&u->idle);
}

static void leave_idle(struct user *u)
{
	list_remove(&u->idle);
	u->worker->n_idle_users--;
}

static void user_free(struct user *u)
{
	struct conf *conf;

	ASSERT(u->pins == 0 && u->n_sessions == 0);
	if (is_idle(u))
		leave_idle(u);
	ASSERT(list_empty(&u->waiting));
	if (u->state != USER_GONE)
		hash_remove(&u->worker->users, &u->node);
	roster_free(&u->roster);
	conf = u->host->conf;
	conf_unref(&conf);
	slab_free(loop_slabs(u->worker->loop), u, user_bytes(jid_text(u->jid)));
}

void user_trim(struct worker *w)
{
	while (w->n_idle_users > USERS_MAX_IDLE)
		user_free(container_of(w->idle_users.next, struct user, idle));
}

void user_pin(struct user *u)
{
	ASSERT_ON(u->worker);
	if (u->pins++ == 0 && is_idle(u))
		leave_idle(u);
}

void user_unpin(struct user *u)
{
	ASSERT_ON(u->worker);
	ASSERT(u->pins > 0);
	if (--u->pins > 0)
		return;
	if (u->state != USER_READY || u->anonymous) {
		user_free(u);
		return;
	}
	roster_forget_rows(u->roster);
	list_push(&u->worker->idle_users, &u->idle);
	u->worker->n_idle_users++;
	user_trim(u->worker);
}

/* Everybody who waited, in order. Runs with the account pinned. */
static void run_waiting(struct user *u, struct list *waiting, int err)
{
	struct worker *w = u->worker;
	struct list *item;

	while ((item = list_pop(waiting))) {
		struct waiter *x = container_of(item, struct waiter, link);
		u->waiting_bytes -= (uint32_t)x->bytes;
		w->waiting_bytes -= x->bytes;
		x->fn(w, u->state == USER_READY ? u : NULL, err, x->arg);
		mem_free(x);
	}
}

static void drop_from_table(struct user *u)
{
	if (u->state != USER_GONE)
		hash_remove(&u->worker->users, &u->node);
	u->state = USER_GONE;
}

/* The database has answered: the account, and its roster in one. */
static void on_loaded(struct worker *w, struct store_call *call, void *arg)
{
	struct user *u = arg;
	int r = roster_from_store(loop_slabs(w->loop), call, &u->roster);
	struct list waiting;

	list_init(&waiting);
	list_splice(&waiting, &u->waiting);
	if (u->state == USER_GONE && r == 0)
		r = -ECANCELED; /* it was read before the account was removed */
	if (u->state == USER_LOADING && r == 0)
		u->state = USER_READY;
	else
		drop_from_table(u); /* the next one who asks makes a new try */
	run_waiting(u, &waiting, r == -ENOENT ? 0 : r);
	user_unpin(u);
}

static int load(struct user *u)
{
	int r;

	user_pin(u);
	r = worker_store(u->worker, roster_load_call(u->jid), on_loaded, u);
	if (r < 0) {
		drop_from_table(u);
		user_unpin(u);
	}
	return r;
}

/* The first stanza may be as long as a stanza can be. */
static bool has_room(const struct worker *w, const struct user *u, size_t bytes)
{
	return (u == NULL || u->waiting_bytes + bytes <= USER_MAX_WAITING) &&
	       w->waiting_bytes + bytes <= USERS_MAX_WAITING;
}

int user_with(struct worker *w, struct jid bare, size_t arg_bytes,
	      void (*fn)(struct worker *w, struct user *u, int err, void *arg), void *arg)
{
	struct user *u = find(w, bare);
	struct waiter *x;

	ASSERT_ON(w);
	if (u && u->state == USER_READY) {
		user_pin(u);
		fn(w, u, 0, arg);
		user_unpin(u);
		return 0;
	}
	if (arg_bytes > 0 && !has_room(w, u, arg_bytes))
		return -ENOBUFS;
	if (u == NULL) {
		u = user_new(w, host_find(w->conf, jid_domain(bare)), bare);
		if (load(u) < 0)
			return -ENOBUFS;
	}
	x = MEM_NEW(struct waiter);
	x->fn = fn;
	x->arg = arg;
	x->bytes = arg_bytes;
	u->waiting_bytes += (uint32_t)arg_bytes;
	w->waiting_bytes += arg_bytes;
	list_push(&u->waiting, &x->link);
	return 0;
}

struct user *user_add_anonymous(struct worker *w, struct jid bare)
{
	struct user *u;

	ASSERT_ON(w);
	ASSERT(find(w, bare) == NULL);
	u = user_new(w, host_find(w->conf, jid_domain(bare)), bare);
	u->anonymous = true;
	u->roster = roster_new(loop_slabs(w->loop));
	u->state = USER_READY;
	return u;
}

void user_end(struct user *u, enum stream_err why, const char *text)
{
	ASSERT_ON(u->worker);
	user_pin(u);
	while (!list_empty(&u->sessions)) {
		struct session *s =
			container_of(u->sessions.next, struct session, in_user);
		stream_close(s->stream, why, text);
	}
	drop_from_table(u);
	user_unpin(u);
}

void user_gone(struct user *u)
{
	ASSERT_ON(u->worker);
	user_pin(u);
	u->removed = true;
	for (const struct hooks **h = u->host->hooks; *h; h++)
		if ((*h)->account_removed)
			(*h)->account_removed(u->worker, u);
	user_end(u, STREAM_ERR_NOT_AUTHORIZED, "the account has been removed");
	account_end_unbound(u->worker, u->jid);
	user_unpin(u);
}

void user_removed(struct worker *w, struct jid bare)
{
	struct user *u = find(w, bare);

	if (u && u->state == USER_READY) {
		user_gone(u);
		return;
	}
	if (u)
		drop_from_table(u);
	account_end_unbound(w, bare);
}

void user_unload(struct user *u)
{
	u->pins = u->n_sessions = 0;
	user_free(u);
}
