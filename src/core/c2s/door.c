#include "core/c2s/door.h"
#include "core/server/server.h"
#include "core/server/worker.h"

bool worker_is_door(const struct worker *w)
{
	return w->id >= w->server->n_workers;
}

static bool is_of_late(msec_t at, msec_t now, msec_t ms)
{
	return at && now - at <= ms;
}

struct worker *door_for(struct worker *w)
{
	msec_t now = loop_now(w->loop);
	bool crowd = is_of_late(w->tls_at, now, DOOR_CROWD_MS);

	ASSERT_ON(w);
	ASSERT(!worker_is_door(w));
	w->tls_at = now;
	if (!crowd || !is_of_late(w->talk_at, now, DOOR_TALK_MS))
		return NULL;
	count_add(&w->counters, COUNT_LOGINS_AT_DOOR, 1);
	return w->server->workers[w->server->n_workers + w->id];
}
