#include "base/slab.h"
#include "test.h"

enum { MANY = 2000 };

/* Of every size, filled; none overlaps another. */
TEST(slab_pieces_are_apart)
{
	static unsigned char *all[SLAB_MAX + 100];
	struct slabs s;

	slabs_init(&s);
	for (size_t n = 0; n < ARRAY_LEN(all); n++) {
		all[n] = slab_alloc(&s, n);
		CHECK_INT((uintptr_t)all[n] % 8, 0);
		memset(all[n], (int)n, n);
	}
	for (size_t n = 0; n < ARRAY_LEN(all); n++)
		for (size_t i = 0; i < n; i++)
			CHECK(all[n][i] == (unsigned char)n);
	CHECK_INT(s.n_pieces, ARRAY_LEN(all));
	for (size_t n = 0; n < ARRAY_LEN(all); n++)
		slab_free(&s, all[n], n);
	slabs_fini(&s);
}

TEST(slab_pieces_are_zeroed)
{
	struct slabs s;

	slabs_init(&s);
	for (int i = 0; i < 3; i++) {
		unsigned char *p = slab_zalloc(&s, 100);

		for (int k = 0; k < 100; k++)
			CHECK_INT(p[k], 0);
		memset(p, 0xff, 100);
		slab_free(&s, p, 100);
	}
	slab_free(&s, NULL, 100);
	slabs_fini(&s);
}

#if !defined(__SANITIZE_ADDRESS__) /* where each is malloc()'s */

/* What is freed is used again, whatever the order. */
TEST(slab_pieces_are_used_again)
{
	static void *all[MANY];
	size_t n_blocks;
	struct slabs s;

	slabs_init(&s);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < MANY; i++)
			if (all[i] == NULL)
				all[i] = slab_alloc(&s, 88);
		if (round == 0)
			n_blocks = s.n_blocks;
		CHECK_INT(s.n_blocks, n_blocks);
		for (int i = 0; i < MANY; i++) {
			if ((i * 7 + round) % 3 == 0)
				continue;
			slab_free(&s, all[i], 88);
			all[i] = NULL;
		}
	}
	CHECK(n_blocks <= MANY * 88 / SLAB_BLOCK + 1);
	for (int i = 0; i < MANY; i++)
		slab_free(&s, all[i], 88);
	slabs_fini(&s);
}

/* ... and no more than one block stays for a size that nobody wants any more. */
TEST(slab_blocks_are_given_back)
{
	static void *all[MANY];
	struct slabs s;

	slabs_init(&s);
	for (int i = 0; i < MANY; i++)
		all[i] = slab_alloc(&s, 200);
	CHECK_INT(s.n_bytes, MANY * 200);
	CHECK(s.n_blocks > 5);
	for (int i = 0; i < MANY; i++)
		slab_free(&s, all[i], 200);
	CHECK_INT(s.n_blocks, 1);
	CHECK_INT(s.n_bytes, 0);
	slabs_fini(&s);
	CHECK_INT(s.n_blocks, 0);
}

#endif
