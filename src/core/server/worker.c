#include "core/server/worker.h"
#include "base/thread.h"
#include "core/c2s/asker.h"
#include "core/c2s/c2s.h"
#include "core/c2s/door.h"
#include "core/c2s/throttle.h"
#include "core/im/crossing.h"
#include "core/im/user.h"
#include "core/listen/port.h"
#include "core/login/login.h"
#include "core/server/server.h"
#include "xml/xml.h"

enum { SCRATCH_BLOCK = 16384, MAX_STREAMS = 1 << 24 };

_Thread_local struct worker *this_worker;

struct worker *worker_home_hashed(struct server *s, uint64_t hash)
{
	return s->workers[hash % s->n_workers];
}

struct worker *worker_home(struct server *s, struct jid bare)
{
	return worker_home_hashed(s, user_hash(bare));
}

static uint32_t run_post(struct inbox_msg *m, void *owner)
{
	struct worker *w = owner;
	struct post *p = container_of(m, struct post, msg);

	w->work = 0;
	p->fn(w, p);
	arena_reset(w->scratch);
	return w->work;
}

void worker_post(struct worker *to, struct post *p, size_t bytes)
{
	p->msg.run = run_post;
	p->msg.bytes = (uint32_t)MIN(bytes, (size_t)UINT32_MAX);
	inbox_post(loop_inbox(to->loop), &p->msg);
}

bool worker_is_full(const struct worker *w)
{
	return inbox_is_full(loop_inbox(w->loop));
}

/* --- the database --- */

typedef void (*store_fn)(struct worker *w, struct store_call *call, void *arg);

static uint32_t on_answer(struct inbox_msg *m, void *owner)
{
	struct store_call *call = container_of(m, struct store_call, msg);
	struct worker *w = owner;
	store_fn fn = (store_fn)call->fn;
	bool kept = false; /* and perhaps freed by now: the call itself cannot say */

	ASSERT(w->n_calls > 0);
	w->n_calls--;
	asker_end(w, (struct asker){ .client = call->sender,
				     .load = asker_load(call->bytes) });
	call->kept = &kept;
	w->work = 0;
	fn(w, call, call->arg);
	if (!kept)
		store_call_free(&call);
	arena_reset(w->scratch);
	return w->work;
}

/* On a thread of the store. */
static void deliver(struct store_call *call)
{
	struct worker *w = call->owner;

	call->msg.run = on_answer;
	call->msg.bytes = (uint32_t)MIN(arena_size(call->arena), (size_t)UINT32_MAX);
	inbox_post(loop_inbox(w->loop), &call->msg);
}

int worker_store(struct worker *w, struct store_call *call, store_fn fn, void *arg)
{
	int r;

	ASSERT_ON(w);
	call->deliver = deliver;
	call->owner = w;
	call->fn = (void (*)(void))fn;
	call->arg = arg;
	call->sender = w->sender;
	call->for_client = !handle_is_none(w->sender);
	/* At the very end the database is closed before the last messages are handled. */
	r = w->server->store ? store_submit(w->server->store, call) : -EAGAIN;
	if (r < 0) {
		store_call_free(&call);
		return r;
	}
	w->n_calls++;
	asker_begin(w, asker_load(call->bytes));
	return 0;
}

/* --- life --- */

static void on_room_timer(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, room_timer);

	throttle_look_for_room(w);
	crossing_look_for_room(w);
}

int worker_new(struct server *s, uint16_t id, struct worker **ret)
{
	struct worker *w = MEM_NEW(struct worker);

	w->id = id;
	w->server = s;
	w->conf = conf_ref(s->conf);
	w->has_secret = !s->conf->has_rdbms;
	memcpy(w->secret, s->secret, sizeof(w->secret));
	w->loop = loop_new();
	loop_set_owner(w->loop, w);
	w->reader = xml_reader_new();
	w->scratch = arena_new(SCRATCH_BLOCK);
	slots_init(&w->streams, id, MAX_STREAMS);
	hash_init(&w->users);
	hash_init(&w->presences);
	hash_init(&w->askers);
	list_init(&w->idle_users);
	list_init(&w->paused);
	list_init(&w->questions);
	list_init(&w->ports);
	list_init(&w->waiting_logins);
	timer_init(&w->room_timer, on_room_timer);
	*ret = w;
	return 0;
}

static void free_user(struct hnode *n, void *arg)
{
	user_unload(container_of(n, struct user, node));
}

void worker_stop_ports(struct worker *w)
{
	LIST_EACH_SAFE(it, &w->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		port_stop(&wp);
	}
}

void worker_free(struct worker **pw)
{
	struct worker *w = *pw;

	*pw = NULL;
	if (w == NULL)
		return;
	this_worker = w; /* its thread has ended: we stand in for it */
	worker_stop_ports(w);
	login_drop_waiting(w);
	crossing_drop_questions(w);
	hash_each(&w->users, free_user, NULL);
	hash_fini(&w->users);
	asker_forget_all(w);
	ASSERT(w->presences.n == 0);
	hash_fini(&w->presences);
	slots_fini(&w->streams);
	xml_reader_free(&w->reader);
	arena_free(&w->scratch);
	loop_free(&w->loop);
	conf_unref(&w->conf);
	mem_wipe(w->secret, sizeof(w->secret));
	mem_free(w);
	this_worker = NULL;
}

void *worker_main(void *arg)
{
	struct worker *w = arg;

	this_worker = w;
	if (worker_is_door(w)) {
		thread_be_nice();
		loop_set_yielding(w->loop);
	} else {
		thread_be_prompt();
	}
	loop_run(w->loop);
	return NULL;
}
