/* The unit tests' framework: a test is a function that a macro registers.
 *
 *     TEST(buf_refuses_more_than_its_maximum)
 *     {
 *             CHECK(buf_add(&b, "abc", 3) == -EMSGSIZE);
 *     }
 *
 * A failed CHECK ends its test, and the program goes on with the next. Run the program with
 * words to run only the tests whose names contain one of them. */
#pragma once

#include "base/base.h"
#include "base/strv.h"

#include <setjmp.h>

struct test {
	const char *name, *file;
	void (*fn)(void);
	struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	printf_like(3, 4);

/* The path of a file under tests/, wherever the program was started. Static storage. */
const char *test_path(const char *below_tests);

#define TEST(n)                                                     \
	static void test_fn_##n(void);                              \
	static struct test test_##n = { .name = #n,                 \
					.file = __FILE__,           \
					.fn = test_fn_##n };        \
	__attribute__((constructor)) static void test_reg_##n(void) \
	{                                                           \
		test_register(&test_##n);                           \
	}                                                           \
	static void test_fn_##n(void)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))

#define CHECK_INT(a, b)                                                                \
	do {                                                                           \
		long long a_ = (long long)(a), b_ = (long long)(b);                    \
		if (a_ != b_)                                                          \
			test_fail(__FILE__, __LINE__, "%s: %lld, wanted %lld", #a, a_, \
				  b_);                                                 \
	} while (0)

/* Compares a strv with a C string. */
#define CHECK_STR(a, want)                                                               \
	do {                                                                             \
		struct strv a_ = (a);                                                    \
		const char *w_ = (want);                                                 \
		if (!strv_is(a_, w_))                                                    \
			test_fail(__FILE__, __LINE__, "%s: \"%.*s\", wanted \"%s\"", #a, \
				  STRV_ARG(a_), w_);                                     \
	} while (0)
