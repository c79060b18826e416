/* Who asks for what the database has to say, and how much of it at a time: an answer may be a million
 * times as long as its question, and counts only when it is there. Whoever has asked for enough is
 * not read until there are answers. Nothing is dropped on the way. */
#pragma once

#include "base/slot.h"

struct user;
struct worker;

enum {
	ASKER_MAX = 8,	       /* questions of one client of this worker's: 1 MiB each */
	ASKER_MAX_ABOUT = 100, /* about one account */
	ASKER_MAX_CALLS = 64, /* of all: from here on, clients of others' wait for each */
};

struct asker {
	struct handle client; /* HANDLE_NONE: nobody who could wait */
	bool stopped;	      /* it is another worker's, and has been told to wait */
	struct user *about;   /* NULL: an account that is not loaded */
};

/* The client whose stanza is being handled asks about this account, which is pinned until the end of
 * that (NULL: one that is not loaded). */
struct asker asker_begin(struct worker *w, struct user *about);

/* ... and has been answered. */
void asker_end(struct worker *w, struct asker a);

/* No more can be asked about this account now. */
bool asker_has_no_place(const struct user *about);

/* It is known to be gone: nobody would hear the answer. */
bool asker_is_gone(struct worker *w, struct asker a);
