/* What it takes to prepare JIDs: calls of the libraries, which are what it costs, and what is counted
 * for it. */
#include "test.h"
#include "xmpp/jid.h"
#include "xmpp/precis.h"

#include <dlfcn.h>
#include <idn2.h>
#include <unictype.h>

static unsigned n_labels, n_scripts;

/* Instead of the libraries': counted. */
int idn2_register_u8(const uint8_t *u, const uint8_t *a, uint8_t **insert, int flags)
{
	__typeof__(idn2_register_u8) *real =
		(__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "idn2_register_u8");

	n_labels++;
	return real(u, a, insert, flags);
}

const uc_script_t *uc_script(ucs4_t cp)
{
	static __typeof__(uc_script) *real;

	if (real == NULL)
		real = (__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "uc_script");
	n_scripts++;
	return real(cp);
}

/* `n` of `what` in a row, and `last`. */
static struct strv many(struct arena *a, const char *first, const char *what, size_t n,
			const char *last)
{
	size_t len = strlen(what), at = strlen(first);
	char *to = arena_alloc(a, at + n * len + strlen(last) + 1);

	memcpy(to, first, at);
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(to + at, what, len);
	memcpy(to + at, last, strlen(last) + 1);
	return strv_from(to);
}

static int prepare(struct arena *a, struct strv in, uint32_t *work)
{
	struct jid j;

	n_labels = n_scripts = 0;
	*work = 0;
	return jid_parse_counted(a, in, &j, work);
}

/* A name of more than 253 characters in ASCII: no label of it is worth a look. */
TEST(jid_work_ends_before_labels_that_are_too_many)
{
	static const char *const e[][2] = {
		{ "\u00e9.", "\u00e9" }, /* xn--9ca */
		{ "\u05d0.", "\u05d0" },
		{ "xn--9ca.", "xn--9ca" },
		{ "\uff45\u0301.", "e" }, /* mapped and composed first */
	};

	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		AUTO(arena_free) struct arena *a = arena_new(16384);
		uint32_t work;

		CHECK_INT(prepare(a, many(a, "", e[i][0], 30, e[i][1]), &work), 0);
		CHECK(n_labels >= 30 && n_labels <= 31);
		CHECK_INT(prepare(a, many(a, "x@", e[i][0], 50, e[i][1]), &work),
			  -EINVAL);
		CHECK_INT(n_labels, 0);
		CHECK_INT(prepare(a, many(a, "", e[i][0], 330, e[i][1]), &work), -EINVAL);
		CHECK_INT(n_labels, 0);
	}
	/* What could have fitted, and does not: 32 labels of 7, with dots. */
	AUTO(arena_free) struct arena *a = arena_new(16384);
	uint32_t work;
	CHECK_INT(prepare(a, many(a, "", "\u00e9.", 31, "\u00e9"), &work), -EINVAL);
	CHECK_INT(n_labels, 32);
}

/* ... nor is a label of more than 63, whose rules may look at all of it for each character. */
TEST(jid_work_ends_before_a_label_that_is_too_long)
{
	AUTO(arena_free) struct arena *a = arena_new(16384);
	uint32_t work;

	CHECK_INT(prepare(a, many(a, "", "\u30fb", 60, "\u30ab.example"), &work),
		  -EINVAL);
	CHECK_INT(n_labels, 0);
	CHECK_INT(prepare(a, many(a, "", "\u30fb", 1300, "\u30ab.example"), &work),
		  -EINVAL);
	CHECK_INT(n_labels, 0);
	CHECK_INT(prepare(a, many(a, "", "\u30fb", 20, "\u30ab.example"), &work), 0);
	CHECK_INT(n_labels, 1);
}

/* Rules that ask something of the whole string ask it once, and not for each character. */
TEST(jid_work_is_linear_in_the_characters)
{
	enum { N = 340, ROUNDS = 4, SCRIPTS = 3, PARTS = 2 };
	AUTO(arena_free) struct arena *a = arena_new(16384);
	uint32_t work;

	CHECK_INT(prepare(a, many(a, "a@b/", "\u30fb", N, "\u30ab"), &work), 0);
	CHECK(n_scripts >= N && n_scripts <= ROUNDS * SCRIPTS * (N + 1));
	CHECK_INT(prepare(a, many(a, "", "\u30fb", N, "\u30ab@b"), &work), 0);
	CHECK(n_scripts >= N && n_scripts <= ROUNDS * SCRIPTS * (N + 1));
	/* what holds for the first of a kind says nothing of another */
	CHECK_INT(prepare(a, strv_from("a@b/\u30fb\u30ab\u0660\u0661"), &work), 0);
	CHECK_INT(prepare(a, strv_from("a@b/\u0660\u30fb\u0661"), &work), -EINVAL);
	CHECK_INT(prepare(a, strv_from("a@b/\u0660\u06f0"), &work), -EINVAL);
	CHECK_INT(prepare(a, strv_from("a@b/\u06f0\u0660"), &work), -EINVAL);
}

TEST(jid_work_is_counted_by_the_bytes_that_are_not_plain)
{
	AUTO(arena_free) struct arena *a = arena_new(16384);
	uint32_t work;

	CHECK_INT(prepare(a, STRV("juliet@example.com/Balcony ~"), &work), 0);
	CHECK_INT(work, 0);
	CHECK_INT(prepare(a, many(a, "a@b/", "x", 1000, ""), &work), 0);
	CHECK_INT(work, 0);
	CHECK_INT(prepare(a, many(a, "a@b/", "\u00e9", 500, ""), &work), 0);
	CHECK_INT(work, 1 + 1000 / JID_PIECE);
	CHECK_INT(prepare(a, many(a, "", "\u00e9", 500, "@b/c"), &work), 0);
	CHECK_INT(work, 1 + 1000 / JID_PIECE);
	CHECK_INT(prepare(a, many(a, "a@", "xn--9ca.", 30, "b/c"), &work), 0);
	CHECK_INT(work, 1 + 241 / JID_PIECE);
	/* whatever comes of it; what is refused at its length costs no more */
	CHECK_INT(prepare(a, many(a, "a@", "\u00e9.", 330, "b/c"), &work), -EINVAL);
	CHECK_INT(work, 1 + 991 / JID_PIECE);
	CHECK_INT(prepare(a, many(a, "a@b/", "\u2028", 500, ""), &work), -EINVAL);
	CHECK_INT(work, 1 + 1500 / JID_PIECE);
	CHECK_INT(prepare(a, many(a, "a@b/", "\u00e9", 50000, ""), &work), -EINVAL);
	CHECK_INT(work, 1 + PRECIS_INPUT_MAX / JID_PIECE);
}
