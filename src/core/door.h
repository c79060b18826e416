/* Who logs in while others talk. A step of a TLS handshake takes a worker the time of a hundred
 * messages, and cannot be cut short: when many log in, messages would wait for it. So each worker has
 * a door: a worker more, on a thread of its own that runs behind those that are somebody's home, has
 * no accounts and accepts nothing. A connection that comes while there is talk, and right behind
 * another one, goes to the door, logs in there, and moves home from there as any other (core/
 * c2s_move.h). Where nobody talks nobody is held up, and the move is saved. */
#pragma once

#include "base/base.h"

struct worker;

enum {
	DOOR_TALK_MS = 1000, /* so long after a message there is talk */
	DOOR_CROWD_MS =
		20, /* who comes so soon behind another one comes right behind it */
};

bool worker_is_door(const struct worker *w);

/* Where a connection that this worker has accepted just now is to log in: NULL: here. */
struct worker *door_for(struct worker *w);
