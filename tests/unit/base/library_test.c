#include "base/library.h"
#include "test.h"

#include <math.h>

struct maths {
	__typeof__(cos) *cos;
	__typeof__(floor) *floor;
};

static const char *const names[] = { "cos", "floor" };

TEST(library_gives_its_functions)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct maths maths = { 0 };
	struct library l = { "libm.so.6", "libc6", names, 2, &maths, false };

	CHECK_INT(library_load(&l, &err), 0);
	CHECK(maths.cos(0) == 1);
	CHECK(maths.floor(1.5) == 1);
	CHECK_STR(buf_strv(&err), "");
}

/* Threads may be calling it by then. */
TEST(library_is_loaded_once)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct maths maths = { 0 };
	struct library l = { "libm.so.6", "libc6", names, 2, &maths, false };

	CHECK_INT(library_load(&l, &err), 0);
	maths.cos = NULL;
	CHECK_INT(library_load(&l, &err), 0);
	CHECK(maths.cos == NULL);
}

TEST(library_that_is_missing_is_told)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct maths maths = { 0 };
	struct library l = { "libnone.so.7", "libnone7", names, 2, &maths, false };

	CHECK_INT(library_load(&l, &err), -ENOENT);
	CHECK_STR(buf_strv(&err),
		  "a library cannot be loaded: libnone.so.7: cannot open shared object "
		  "file: No such file or directory (libnone.so.7 is in Debian's package "
		  "libnone7)");
	l.soname = "libm.so.6"; /* it has been installed meanwhile */
	CHECK_INT(library_load(&l, &err), 0);
	CHECK(maths.cos(0) == 1);
}

TEST(library_without_a_function_is_told)
{
	static const char *const wrong[] = { "cos", "no_such_function" };
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct maths maths = { 0 };
	struct library l = { "libm.so.6", "libc6", wrong, 2, &maths, false };

	CHECK_INT(library_load(&l, &err), -ENOENT);
	CHECK_STR(buf_strv(&err),
		  "the library libm.so.6 cannot be used: it has no no_such_function");
}
