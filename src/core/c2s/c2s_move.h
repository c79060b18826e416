/* Where a connection stands in the memory of its worker, and its moves to another: to a door (core/
 * door.h) when TLS begins behind STARTTLS, and to the home of its account when SASL has succeeded. */
#pragma once

#include "io/conn.h"

struct c2s;
struct worker;

/* It is one of the worker's streams, or no longer. */
void c2s_enlist(struct c2s *c, struct worker *w);
void c2s_delist(struct c2s *c);

/* At the end of the turn, if it still lives; until it is there no input is taken. NULL: home. */
void c2s_move_later(struct c2s *c, struct worker *to);

/* Of c2s_early.move_task: nobody on the stack may know the connection. */
void c2s_move(struct loop_task *t);
