#include "base/arena.h"
#include "test.h"

/* A block that is given back is the next one that an arena of its size gets. */
TEST(arena_that_is_wiped_leaves_nothing_in_its_blocks)
{
	struct arena *a = arena_new(1024);
	const char *first = arena_cstr(a, STRV("secret")), *second = first;

	while (arena_size(a) < 2048) /* into a second block */
		second = arena_cstr(a, STRV("secret"));
	arena_free_wiped(&a);
	CHECK(a == NULL);
	arena_free_wiped(&a);

	a = arena_new(1024);
	for (size_t n = 0; n < 240; n++) {
		const char *p = arena_alloc(a, 8);
		CHECK(memcmp(p, "secret", 7) != 0);
		first = p == first ? NULL : first;
		second = p == second ? NULL : second;
	}
	CHECK(first == NULL && second == NULL); /* those places have been seen */
	arena_free(&a);
}

/* As it counts against what may wait: small things cost whole blocks. */
TEST(arena_size_is_that_of_its_blocks)
{
	struct arena *a = arena_new(1024);
	size_t one = arena_size(a);

	CHECK(one >= 1024);
	CHECK(arena_cstr(a, STRV("small")) != NULL);
	CHECK_INT(arena_size(a), one);
	CHECK(arena_alloc(a, 100000) != NULL);
	CHECK(arena_size(a) >= one + 100000);
	arena_reset(a);
	CHECK_INT(arena_size(a), one);
	arena_free(&a);
}
