/* What one thread has allocated and nobody has freed, byte for byte: the program's malloc() and
 * its kin are replaced by ones that keep books while the ledger is open. Libraries' allocations
 * count, too. */
#pragma once

#include <stddef.h>

void ledger_open(void);	 /* what this thread allocates from here on is entered ... */
void ledger_close(void); /* ... until here; what is freed is struck out at any time */

/* What is entered, with what the allocator adds to each piece. */
size_t ledger_bytes(void);

/* The sizes that most bytes are in, on standard output: where a budget went. `n` is what their
 * numbers are divided by. */
void ledger_print(unsigned n);
