#include "core/asker.h"
#include "core/c2s.h"
#include "core/throttle.h"
#include "core/user.h"
#include "core/worker.h"

static bool is_ours(const struct worker *w, struct asker a)
{
	return !handle_is_none(a.client) && a.client.worker == w->id;
}

static bool is_too_much(const struct worker *w, const struct user *about)
{
	return w->n_calls >= ASKER_MAX_CALLS || (about && about->n_questions > ASKER_MAX);
}

static void begin_ours(struct c2s *c)
{
	if (++c->n_questions >= ASKER_MAX)
		conn_pause(c->conn, CONN_PAUSE_ANSWER);
}

/* Half of them are enough: so that it goes on with several at once. */
static void end_ours(struct c2s *c)
{
	if (--c->n_questions == ASKER_MAX / 2 && !c->st.closed)
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
}

struct asker asker_begin(struct worker *w, struct user *about)
{
	struct asker a = { .client = w->sender, .about = about };
	struct c2s *c = is_ours(w, a) ? c2s_get(w, a.client) : NULL;

	if (about)
		about->n_questions++;
	if (c) {
		begin_ours(c);
	} else if (!is_ours(w, a) && !handle_is_none(a.client) && is_too_much(w, about)) {
		a.stopped = true;
		throttle_stop(w, a.client);
	}
	return a;
}

void asker_end(struct worker *w, struct asker a)
{
	struct c2s *c = is_ours(w, a) ? c2s_get(w, a.client) : NULL;

	if (a.about)
		a.about->n_questions--;
	if (a.stopped)
		throttle_go_on(w, a.client);
	if (c)
		end_ours(c);
}

bool asker_has_no_place(const struct user *about)
{
	return about->n_questions >= ASKER_MAX_ABOUT;
}

bool asker_is_gone(struct worker *w, struct asker a)
{
	struct c2s *c = is_ours(w, a) ? c2s_get(w, a.client) : NULL;

	return is_ours(w, a) && (c == NULL || c->st.closed || conn_is_dead(c->conn));
}
