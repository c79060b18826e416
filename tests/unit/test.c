#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct test *first, **last = &first;
static jmp_buf on_fail;
static int passed, failed; /* static: longjmp leaves them alone */

void test_register(struct test *t)
{
	*last = t;
	last = &t->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	longjmp(on_fail, 1);
}

const char *test_path(const char *below_tests)
{
	static char path[4096];
	const char *root = getenv("MEERKAT_TESTS");

	snprintf(path, sizeof(path), "%s/%s", root ? root : TESTS_DIR, below_tests);
	return path;
}

static bool is_wanted(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	static struct test *t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (t = first; t; t = t->next) {
		if (!is_wanted(t, argc, argv))
			continue;
		if (setjmp(on_fail) == 0) {
			t->fn();
			passed++;
		} else {
			printf("FAILED %s (%s)\n", t->name, t->file);
			failed++;
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed || passed == 0;
}
