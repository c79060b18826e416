#include "core/c2s/asker.h"
#include "core/c2s/c2s.h"
#include "core/c2s/throttle.h"
#include "core/im/user.h"
#include "core/server/worker.h"

/* A client, of this worker or another, that something waits for; in worker->askers. */
struct asking {
	struct hnode node;
	struct handle client;
	uint32_t load;
	bool stopped;
};

static uint64_t hash_of(struct handle h)
{
	return (((uint64_t)h.slot << 16 | h.worker) * 0x9e3779b97f4a7c15u) >> 16;
}

static struct asking *find(const struct worker *w, struct handle h)
{
	for (struct hnode *n = hash_first(&w->askers, hash_of(h)); n; n = hash_next(n)) {
		struct asking *a = container_of(n, struct asking, node);
		if (handle_eq(a->client, h))
			return a;
	}
	return NULL;
}

static void forget(struct hnode *n, void *arg)
{
	struct worker *w = arg;
	struct asking *of = container_of(n, struct asking, node);

	hash_remove(&w->askers, n);
	slab_free(loop_slabs(w->loop), of, sizeof(*of));
}

static struct asking *need(struct worker *w, struct handle h)
{
	struct asking *a = find(w, h);

	if (a == NULL) {
		a = slab_zalloc(loop_slabs(w->loop), sizeof(*a));
		a->client = h;
		hash_add(&w->askers, &a->node, hash_of(h));
	}
	return a;
}

struct asker asker_begin(struct worker *w, uint32_t load)
{
	struct asker a = { .client = w->sender, .load = load };
	struct asking *of;

	ASSERT_ON(w);
	if (handle_is_none(a.client))
		return a;
	of = need(w, a.client);
	of->load += load;
	if (of->load >= ASKER_MAX && !of->stopped) {
		of->stopped = true;
		throttle_stop(w, a.client);
	}
	return a;
}

struct asker asker_begin_question(struct worker *w, struct user *about)
{
	struct asker a = asker_begin(w, ASKER_QUESTION);

	a.about = about;
	if (about)
		about->n_questions++;
	return a;
}

void asker_end(struct worker *w, struct asker a)
{
	struct asking *of;

	ASSERT_ON(w);
	if (a.about)
		a.about->n_questions--;
	if (handle_is_none(a.client) || a.load == 0)
		return;
	of = find(w, a.client);
	ASSERT(of && of->load >= a.load);
	of->load -= a.load;
	/* Half of it is enough: so that it goes on with several at once. */
	if (of->load <= ASKER_MAX / 2 && of->stopped) {
		of->stopped = false;
		throttle_go_on(w, a.client);
	}
	if (of->load == 0)
		forget(&of->node, w);
}

void asker_forget_all(struct worker *w)
{
	hash_each(&w->askers, forget, w);
	hash_fini(&w->askers);
}

bool asker_has_no_place(const struct user *about)
{
	return about->n_questions >= ASKER_MAX_ABOUT;
}

bool asker_is_gone(struct worker *w, struct asker a)
{
	struct c2s *c;

	if (handle_is_none(a.client) || a.client.worker != w->id)
		return false;
	c = c2s_get(w, a.client);
	return c == NULL || c->st.closed || conn_is_dead(c->conn);
}
