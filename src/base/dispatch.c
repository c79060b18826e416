#include "base/dispatch.h"
#include "base/rand.h"

void dispatch_init(struct dispatch *d, const struct dispatch_conf *conf, bool up)
{
	unsigned n = conf->n_workers;
	bool bounded = conf->max_queue != DISPATCH_NO_LIMIT;

	ASSERT(conf->strategy == DISPATCH_ANY || !bounded);
	ASSERT(!bounded || conf->max_queue <= UINT32_MAX);
	*d = (struct dispatch){ .strategy = conf->strategy, .n = n, .n_up = up ? n : 0 };
	d->max_waiting = bounded ? n * conf->max_queue : SIZE_MAX;
	list_init(&d->jobs);
	list_init(&d->up);
	list_init(&d->down);
	d->place = mem_zalloc(MAX(n, 1u) * sizeof(d->place[0]));
	for (unsigned i = 0; i < n; i++) {
		struct dispatch_place *p = &d->place[i];

		list_init(&p->jobs);
		p->waits = true;
		p->down = !up;
		list_push(up ? &d->up : &d->down, &p->idle);
	}
}

void dispatch_fini(struct dispatch *d)
{
	ASSERT(list_empty(&d->jobs));
	for (unsigned i = 0; i < d->n; i++)
		ASSERT(list_empty(&d->place[i].jobs));
	mem_free(d->place);
}

static void be_idle(struct dispatch *d, struct dispatch_place *p)
{
	p->waits = true;
	list_push_front(p->down ? &d->down : &d->up, &p->idle);
}

static void be_busy(struct dispatch_place *p)
{
	if (p->waits)
		list_remove(&p->idle);
	p->waits = false;
}

static void give(struct dispatch_place *p, struct list *job)
{
	be_busy(p);
	list_push(&p->jobs, job);
}

static struct dispatch_place *find_free(struct dispatch *d)
{
	struct list *from = d->n_up ? &d->up : &d->down;

	return list_empty(from) ? NULL
				: container_of(from->next, struct dispatch_place, idle);
}

/* Of those that are up, if there are any: the first behind `skip` others, counted from `from`. */
static struct dispatch_place *pick(struct dispatch *d, unsigned from, unsigned skip)
{
	unsigned i = from;

	for (;; i = (i + 1) % d->n) {
		if (d->n_up && d->place[i].down)
			continue;
		if (skip == 0)
			break;
		skip--;
	}
	d->next = (i + 1) % d->n;
	return &d->place[i];
}

/* NULL: nobody now. */
static struct dispatch_place *choose(struct dispatch *d)
{
	if (d->strategy == DISPATCH_NEXT)
		return pick(d, d->next, 0);
	if (d->strategy == DISPATCH_RANDOM)
		return pick(d, 0, (unsigned)(rand_u64() % (d->n_up ? d->n_up : d->n)));
	return find_free(d);
}

bool dispatch_push(struct dispatch *d, struct list *job, unsigned *ret_wake)
{
	struct dispatch_place *p = choose(d);

	if (p == NULL && (d->strategy == DISPATCH_FREE || d->n_waiting >= d->max_waiting))
		return false;
	*ret_wake = p && p->waits ? (unsigned)(p - d->place) : DISPATCH_NOBODY;
	if (p) {
		give(p, job);
	} else {
		list_push(&d->jobs, job);
		d->n_waiting++;
	}
	return true;
}

static struct list *take_shared(struct dispatch *d, const struct dispatch_place *p)
{
	struct list *job = p->down && d->n_up ? NULL : list_pop(&d->jobs);

	d->n_waiting -= job != NULL;
	return job;
}

struct list *dispatch_take(struct dispatch *d, unsigned i)
{
	struct dispatch_place *p = &d->place[i];
	struct list *job = list_pop(&p->jobs);

	be_busy(p);
	if (job == NULL)
		job = take_shared(d, p);
	if (job == NULL)
		be_idle(d, p);
	return job;
}

void dispatch_finish(struct dispatch *d, unsigned i)
{
	struct dispatch_place *p = &d->place[i];
	struct list *job;

	ASSERT(!p->waits);
	if (!list_empty(&p->jobs))
		return;
	job = take_shared(d, p);
	if (job)
		list_push(&p->jobs, job);
	else
		be_idle(d, p);
}

void dispatch_away(struct dispatch *d, unsigned i)
{
	be_busy(&d->place[i]);
}

/* To those that are better off; what nobody can take now stays where its owner finds it. */
static bool move_jobs(struct dispatch *d, struct dispatch_place *p)
{
	struct list jobs, *job;
	bool moved = false;

	list_init(&jobs);
	list_splice(&jobs, &p->jobs);
	while ((job = list_pop(&jobs))) {
		struct dispatch_place *to = choose(d);

		if (to == NULL && d->strategy == DISPATCH_ANY) { /* it was the first */
			list_push_front(&d->jobs, job);
			d->n_waiting++;
			continue;
		}
		give(to ? to : p, job);
		moved = moved || to;
	}
	return moved;
}

static bool share_out(struct dispatch *d)
{
	struct dispatch_place *p;
	bool moved = false;

	while (!list_empty(&d->jobs) && (p = find_free(d))) {
		give(p, take_shared(d, p));
		moved = true;
	}
	return moved;
}

bool dispatch_set_down(struct dispatch *d, unsigned i, bool down)
{
	struct dispatch_place *p = &d->place[i];
	bool waits = p->waits, moved = false;

	if (p->down == down)
		return false;
	be_busy(p);
	p->down = down;
	d->n_up += down ? -1u : 1;
	if (waits)
		be_idle(d, p);
	for (unsigned k = 0; k < d->n && d->n_up == 1 && !down; k++)
		if (k != i && move_jobs(d, &d->place[k])) /* it is the first to be up */
			moved = true;
	if (down && d->n_up)
		moved = move_jobs(d, p);
	return share_out(d) || moved;
}
