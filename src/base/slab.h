/* Memory for the many small things of one thread that stay for long: sessions and what belongs to
 * them. A piece has no header and is rounded up to 8 bytes; whoever frees it says again how long
 * it is. Pieces of one size stand together in blocks that are the system's, apart from malloc()'s
 * memory: what comes and goes leaves no holes there. A block goes back when nothing of it is in
 * use, and its pages that have never been in use cost nothing.
 *
 * Under AddressSanitizer each piece is malloc()'s, so that it sees what is used after it is freed. */
#pragma once

#include "base/list.h"

enum {
	SLAB_BLOCK = 65536, /* bytes of a block, and what it is aligned to */
	SLAB_MAX = 1024,    /* longer pieces are malloc()'s */
	SLAB_GRAIN = 8,
	SLAB_CLASSES = SLAB_MAX / SLAB_GRAIN + 1,
};

struct slabs {
	struct list
		room[SLAB_CLASSES]; /* blocks that are not full, by the size of a piece */
	size_t n_blocks, n_pieces, n_bytes; /* in use */
};

void slabs_init(struct slabs *s);
void slabs_fini(struct slabs *s); /* all pieces are freed */

nodiscard void *slab_alloc(struct slabs *s, size_t n);
nodiscard void *slab_zalloc(struct slabs *s, size_t n);
void slab_free(struct slabs *s, void *p, size_t n); /* NULL is fine */
