/* Who logs in while others talk. A step of a TLS handshake takes a worker the time of a hundred
 * messages, and cannot be cut short: when many log in, messages would wait for it. So each worker has
 * a door: a worker more, on a thread of its own that runs behind those that are somebody's home, has
 * no accounts and accepts nothing. A connection whose TLS is about to begin while there is talk, and
 * right behind another one, goes to the door, logs in there, and moves home from there as any other
 * (core/c2s/c2s_move.h). With Direct TLS that is when it has been accepted, and only its
 * socket is handed over: who opens and closes costs those who talk next to nothing. Where
 * nobody talks nobody is held up, and the move is saved; what is not TLS is done in the
 * pauses between messages. */
#pragma once

#include "base/base.h"

struct worker;

enum {
	DOOR_TALK_MS = 1000, /* so long after a message there is talk */
	DOOR_CROWD_MS =
		20, /* whose TLS begins so soon behind another one's is right behind it */
};

bool worker_is_door(const struct worker *w);

/* Where a connection whose TLS begins now is to log in; NULL: here. */
struct worker *door_for(struct worker *w);
