#include "base/arena.h"
#include "base/buf.h"
#include "test.h"

TEST(buf_refuses_more_than_its_maximum)
{
	AUTO(buf_free) struct buf b = BUF_INIT(5);

	CHECK_INT(buf_add(&b, "abc", 3), 0);
	CHECK_INT(buf_add(&b, "def", 3), -EMSGSIZE);
	CHECK_STR(buf_strv(&b), "abc");
	CHECK_INT(buf_add(&b, "de", 2), 0);
	CHECK_INT(buf_add(&b, "f", 1), -EMSGSIZE);
	CHECK_STR(buf_strv(&b), "abcde");
	CHECK(buf_reserve(&b, SIZE_MAX) == NULL);
}

TEST(buf_owns_nothing_while_empty)
{
	struct buf b = BUF_INIT(100);

	CHECK(b.p == NULL);
	CHECK_INT(buf_addf(&b, "%d", 12), 0);
	CHECK(b.p != NULL);
	buf_free(&b);
	CHECK(b.p == NULL && b.n == 0 && b.max == 100);
}

TEST(buf_formats_up_to_its_maximum)
{
	AUTO(buf_free) struct buf b = BUF_INIT(8);

	CHECK_INT(buf_addf(&b, "%s", "1234567"), 0);
	CHECK_INT(buf_addf(&b, "%s", "89"), -EMSGSIZE);
	CHECK_STR(buf_strv(&b), "1234567");
}

TEST(buf_consumes_from_the_front)
{
	AUTO(buf_free) struct buf b = BUF_INIT(100);

	buf_put(&b, STRV("hello world"));
	buf_consume(&b, 6);
	CHECK_STR(buf_strv(&b), "world");
	buf_consume(&b, 5);
	CHECK_INT(b.n, 0);
	CHECK(strcmp(buf_cstr(&b), "") == 0);
}

TEST(arena_serves_small_and_outsized_requests)
{
	AUTO(arena_free) struct arena *a = arena_new(256);
	char *p[100];

	for (size_t i = 0; i < 100; i++) {
		p[i] = arena_alloc(a, 10 + i * 7);
		memset(p[i], (int)i, 10 + i * 7);
		CHECK((uintptr_t)p[i] % 8 == 0);
	}
	for (size_t i = 0; i < 100; i++)
		CHECK(p[i][0] == (char)i && p[i][9 + i * 7] == (char)i);
	arena_reset(a);
	CHECK_INT(arena_used(a), 0);
	CHECK_STR(strv_from(arena_printf(a, "%s-%d", "x", 7)), "x-7");
	CHECK_STR(ARENA_JOIN(a, STRV("ab"), STRV_NULL, STRV(","), STRV("c")), "ab,c");
	CHECK_INT(ARENA_JOIN(a, STRV_NULL).p[0], '\0');
}
