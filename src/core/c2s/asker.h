/* Whose stanzas have the database at work, and with how much at a time. Whoever has asked it for
 * enough is not read until some of that has come back, so that one client takes neither its queue
 * nor its time from all others. Nothing is dropped on the way. */
#pragma once

#include "base/hash.h"
#include "base/slot.h"

struct user;
struct worker;

enum {
	/* Of one client on one worker: more than two commits hold, so that a next one fills up while
	 * one is written. */
	ASKER_MAX = 1024,
	ASKER_BYTES = 16 << 10, /* of what waits: as much as another call */
	/* An answer may be a million times as long as its question, and is counted only when it is
	 * there: eight of a client, of 1 MiB each. */
	ASKER_QUESTION = ASKER_MAX / 8,
	ASKER_MAX_ABOUT = 100, /* questions about one account */
};

struct asker {
	struct handle client; /* HANDLE_NONE: nobody who could wait */
	uint32_t load;
	struct user *about; /* NULL: an account that is not loaded */
};

/* For the client whose stanza is being handled so much begins to wait ... */
static inline uint32_t asker_load(size_t bytes)
{
	return 1 + (uint32_t)(bytes / ASKER_BYTES);
}
struct asker asker_begin(struct worker *w, uint32_t load);

/* ... or a question about this account, which is pinned until the end of that (NULL: one that is not
 * loaded) ... */
struct asker asker_begin_question(struct worker *w, struct user *about);

/* ... and does not wait any more. */
void asker_end(struct worker *w, struct asker a);

/* At the end of its worker: whatever has no answer as yet. */
void asker_forget_all(struct worker *w);

/* No more can be asked about this account now. */
bool asker_has_no_place(const struct user *about);

/* It is known to be gone: nobody would hear the answer. */
bool asker_is_gone(struct worker *w, struct asker a);
