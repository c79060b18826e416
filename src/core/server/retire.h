/* A configuration that has been replaced: its backends of authentication still answer what they have
 * been asked, which may take as long as their limits say. That holds up neither the reload nor the
 * end of the server: a thread waits for them. For main and admin, with the server's lock. */
#pragma once

#include "base/list.h"

struct conf;

enum { RETIRED_MAX = 4 }; /* at a time: with another reload the oldest ends at once */

struct retirement {
	struct list list;
	unsigned n;
};

void retirement_init(struct retirement *r);
/* Takes c over; nobody asks its backends any more. */
void retirement_add(struct retirement *r, struct conf *c);
/* Now and then: the threads of those that have answered all are joined. */
void retirement_tidy(struct retirement *r);
/* Nobody waits for their answers any more. */
void retirement_hurry(struct retirement *r);
/* All of them end at once, and have ended when it returns. */
void retirement_end(struct retirement *r);
