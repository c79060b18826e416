/* What comes from other threads: what it makes its worker do counts, and others get their turn. */
#include "core/server/worker.h"
#include "core/server/server.h"
#include "test.h"

enum { N = 10, A_TURN = 4, WORK_BYTES = WORKER_SHARE / A_TURN << 10 };

static int n_done;

static void on_work(struct worker *w, struct post *p)
{
	worker_works(w, WORK_BYTES);
	mem_free(p);
	n_done++;
}

TEST(worker_does_a_share_of_what_others_send_in_a_turn)
{
	struct conf conf = { .refs = 1 };
	struct server server = { .conf = &conf };
	struct worker *w;

	clock_fake_set(1000, 0);
	CHECK_INT(worker_new(&server, 0, &w), 0);
	this_worker = w;
	n_done = 0;
	for (int i = 0; i < N; i++) {
		struct post *p = MEM_NEW(struct post);
		p->fn = on_work;
		worker_post(w, p, sizeof(*p));
	}
	loop_turn(w->loop, 0);
	CHECK_INT(n_done, A_TURN);
	loop_turn(w->loop, -1);
	CHECK_INT(n_done, 2 * A_TURN);
	loop_turn(w->loop, -1);
	CHECK_INT(n_done, N);
	worker_free(&w);
	clock_fake_off();
}
