/* Lines of the log, as they come out of the standard error. */
#include "../test.h"
#include "base/log.h"
#include "base/utf8.h"

#include <sys/mman.h>
#include <unistd.h>

static char line[16384];

static int saved, caught;

static void catch_lines(void)
{
	saved = dup(STDERR_FILENO);
	caught = memfd_create("log", MFD_CLOEXEC);
	CHECK(saved >= 0 && caught >= 0 && dup2(caught, STDERR_FILENO) >= 0);
}

static struct strv caught_lines(void)
{
	ssize_t n = pread(caught, line, sizeof(line), 0);

	dup2(saved, STDERR_FILENO);
	close(saved);
	close(caught);
	CHECK(n > 0);
	return strv_make(line, (size_t)n);
}

static struct strv logged(bool json, const char *text)
{
	catch_lines();
	log_init(LOG_NOTICE, json);
	log_notice("a.test", "%s", text);
	log_init(LOG_NOTICE, false);
	return caught_lines();
}

static bool ends_with(struct strv s, const char *end)
{
	size_t n = strlen(end);

	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

TEST(log_json_escapes)
{
	CHECK(ends_with(logged(true, "a\"b\\c\n\x1b\x7f\xe2\x98\x83"),
			"\"text\":\"a\\\"b\\\\c\\u000a\\u001b\\u007f\xe2\x98\x83\"}\n"));
}

TEST(log_json_is_utf8_whatever_comes)
{
	CHECK(ends_with(logged(true, "/\xff\xfe/\xe2\x98"),
			"\"text\":\"/\\ufffd\\ufffd/\\ufffd\\ufffd\"}\n"));
}

TEST(log_json_is_not_cut_within_a_character)
{
	char text[4096];
	struct strv got;

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x98\x83", 4);
		got = logged(true, text);
		CHECK(utf8_is_valid(got));
		CHECK(ends_with(got, "\"}\n"));
	}
}

static int n_fills;

static void fill(const void *of, struct log_context *to)
{
	n_fills++;
	to->jid = of;
}

TEST(log_asks_what_is_being_worked_on_for_what_it_writes)
{
	n_fills = 0;
	log_context_set(fill, "romeo@x");
	log_info("a.test", "not at this level");
	CHECK_INT(n_fills, 0);
	CHECK(ends_with(logged(false, "text"), " a.test: text jid=romeo@x\n"));
	CHECK_INT(n_fills, 1);
	log_context_set(NULL, NULL);
	CHECK(ends_with(logged(false, "text"), " a.test: text\n"));
}

TEST(log_lines_cannot_be_forged)
{
	CHECK(ends_with(logged(false, "a\nb"), "a\\x0ab\n"));
}

static unsigned n_lines(struct strv s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

TEST(log_says_how_much_it_leaves_out)
{
	struct log_limit limit = { 0 };
	struct strv got;

	catch_lines();
	for (int i = 0; i < 5; i++)
		log_limited(&limit, 2, LOG_ERROR, "a.test", "line %d", i);
	got = caught_lines();
	CHECK(n_lines(got) == 2 && ends_with(got, "line 1\n"));

	limit.minute--; /* it was a minute ago */
	catch_lines();
	log_limited(&limit, 2, LOG_ERROR, "a.test", "line %d", 5);
	CHECK(ends_with(caught_lines(), "line 5 (3 more like it)\n"));

	limit = (struct log_limit){ .dropped = 7 };
	catch_lines();
	log_limited(&limit, 2, LOG_ERROR, "a.test", "%04000d", 0);
	CHECK(ends_with(caught_lines(), "0 (7 more like it)\n"));
}
