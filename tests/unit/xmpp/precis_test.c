/* RFC 8264's classes, RFC 5892's context rules, RFC 5893's Bidi rule, RFC 8265's
 * profiles. */
#include "test.h"
#include "base/utf8.h"
#include "xmpp/jid.h"
#include "xmpp/precis.h"

typedef int prep_fn(struct arena *a, struct strv in, struct strv *ret);

/* "" stands for a refusal: no profile gives an empty string. */
static struct strv prep(struct arena *a, prep_fn *fn, const char *in)
{
	struct strv out = STRV("untouched");
	int r = fn(a, strv_from(in), &out);
	if (r == 0)
		return out;
	CHECK_INT(r, -EINVAL);
	CHECK_STR(out, "untouched");
	return STRV("");
}

struct example {
	const char *in, *want;
};

static void check_examples(prep_fn *fn, const struct example *e, size_t n)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	for (size_t i = 0; i < n; i++)
		CHECK_STR(prep(a, fn, e[i].in), e[i].want);
}

TEST(precis_derives_properties)
{
	static const struct {
		uint32_t cp;
		enum precis_class want;
	} spots[] = {
		{ '!', PRECIS_PVALID },
		{ '~', PRECIS_PVALID },
		{ 'a', PRECIS_PVALID },
		{ ' ', PRECIS_FREE_PVAL },
		{ 0x00, PRECIS_DISALLOWED },
		{ 0x09, PRECIS_DISALLOWED },
		{ 0x7F, PRECIS_DISALLOWED },
		{ 0x85, PRECIS_DISALLOWED },
		{ 0xA0, PRECIS_FREE_PVAL }, /* no-break space: has a compatibility form */
		{ 0xAA, PRECIS_FREE_PVAL }, /* feminine ordinal */
		{ 0xAD, PRECIS_DISALLOWED },  /* soft hyphen: ignorable */
		{ 0xB5, PRECIS_FREE_PVAL },   /* micro sign */
		{ 0xB7, PRECIS_CONTEXTO },    /* middle dot */
		{ 0xD7, PRECIS_FREE_PVAL },   /* multiplication sign */
		{ 0xDF, PRECIS_PVALID },      /* sharp s: an exception */
		{ 0xE9, PRECIS_PVALID },      /* e acute */
		{ 0x1C5, PRECIS_FREE_PVAL },  /* Dz caron, title case */
		{ 0x301, PRECIS_PVALID },     /* combining acute */
		{ 0x34F, PRECIS_DISALLOWED }, /* grapheme joiner: ignorable */
		{ 0x375, PRECIS_CONTEXTO },
		{ 0x378, PRECIS_UNASSIGNED },
		{ 0x3A3, PRECIS_PVALID },
		{ 0x3C2, PRECIS_PVALID },
		{ 0x5D0, PRECIS_PVALID },
		{ 0x5F3, PRECIS_CONTEXTO },
		{ 0x640, PRECIS_DISALLOWED }, /* tatweel */
		{ 0x660, PRECIS_CONTEXTO },
		{ 0x6F9, PRECIS_CONTEXTO },
		{ 0x6FD, PRECIS_PVALID },
		{ 0x7FA, PRECIS_DISALLOWED },
		{ 0x1100, PRECIS_DISALLOWED }, /* old Hangul */
		{ 0x11FF, PRECIS_DISALLOWED },
		{ 0x1680, PRECIS_FREE_PVAL },  /* ogham space */
		{ 0x200B, PRECIS_DISALLOWED }, /* zero width space */
		{ 0x200C, PRECIS_CONTEXTJ },
		{ 0x200D, PRECIS_CONTEXTJ },
		{ 0x200E, PRECIS_DISALLOWED }, /* left-to-right mark */
		{ 0x2028, PRECIS_DISALLOWED }, /* line separator */
		{ 0x2163, PRECIS_FREE_PVAL },  /* Roman numeral four */
		{ 0x221E, PRECIS_FREE_PVAL },  /* infinity */
		{ 0x265A, PRECIS_FREE_PVAL },  /* black chess king */
		{ 0x3007, PRECIS_PVALID },
		{ 0x302E, PRECIS_DISALLOWED },
		{ 0x30FB, PRECIS_CONTEXTO },
		{ 0x4E00, PRECIS_PVALID },
		{ 0xA960, PRECIS_DISALLOWED },
		{ 0xAC00, PRECIS_PVALID }, /* Hangul syllable */
		{ 0xD7B0, PRECIS_DISALLOWED },
		{ 0xD800, PRECIS_DISALLOWED },
		{ 0xE000, PRECIS_DISALLOWED }, /* private use */
		{ 0xFB01, PRECIS_FREE_PVAL },  /* fi ligature */
		{ 0xFDD0, PRECIS_DISALLOWED }, /* not a character */
		{ 0xFDFA, PRECIS_FREE_PVAL },  /* decomposes to 18 */
		{ 0xFEFF, PRECIS_DISALLOWED },
		{ 0xFF21, PRECIS_FREE_PVAL },	/* fullwidth A */
		{ 0x1F600, PRECIS_FREE_PVAL },	/* a face */
		{ 0x20000, PRECIS_PVALID },	/* CJK extension B */
		{ 0xE0001, PRECIS_DISALLOWED }, /* language tag */
		{ 0x10FFFF, PRECIS_DISALLOWED },
	};
	for (size_t i = 0; i < ARRAY_LEN(spots); i++) {
		if (precis_class_of(spots[i].cp) != spots[i].want)
			test_fail(__FILE__, __LINE__, "U+%04X: %d, wanted %d",
				  spots[i].cp, (int)precis_class_of(spots[i].cp),
				  (int)spots[i].want);
	}
}

TEST(precis_username_examples_of_the_rfc)
{
	static const struct example e[] = {
		/* RFC 8265 3.5: usernames */
		{ "juliet@example.com", "juliet@example.com" },
		{ "fussball", "fussball" },
		{ "fu\u00DFball", "fu\u00DFball" },
		{ "\u03C0", "\u03C0" },
		{ "\u03A3", "\u03C3" },
		{ "\u03C3", "\u03C3" },
		{ "\u03C2", "\u03C2" },
		/* and strings that are none */
		{ "foo bar", "" },
		{ "", "" },
		{ "henry\u2163", "" },
		{ "\u265A", "" },
		{ "\u221E", "" },
	};
	check_examples(precis_username, e, ARRAY_LEN(e));
}

TEST(precis_opaque_examples_of_the_rfc)
{
	static const struct example e[] = {
		/* RFC 8265 4.3: passwords */
		{ "correct horse battery staple", "correct horse battery staple" },
		{ "Correct Horse Battery Staple", "Correct Horse Battery Staple" },
		{ "\u03C0\u00DF\u00E5", "\u03C0\u00DF\u00E5" },
		{ "Jack of \u2666s", "Jack of \u2666s" },
		{ "foo\u1680bar", "foo bar" },
		/* and strings that are none */
		{ "", "" },
		{ "my cat is a \tby", "" },
	};
	check_examples(precis_opaque, e, ARRAY_LEN(e));
}

TEST(precis_username_maps)
{
	static const struct example e[] = {
		{ "\uFF22\uFF4F\uFF42", "bob" },      /* fullwidth */
		{ "\uFF76\uFF9E", "\u30AC" },	      /* halfwidth ka, voiced: composed */
		{ "\u0130", "i\u0307" },	      /* becomes two */
		{ "\u03A7\u03A3", "\u03C7\u03C3" },   /* no final sigma */
		{ "\u1E9E", "\u00DF" },		      /* capital sharp s */
		{ "A\u030A", "\u00E5" },	      /* composed */
		{ "\u212B", "" },		      /* angstrom sign: has_compat */
		{ "\u1100\u1161", "" },		      /* jamo do not compose */
		{ "Q\u0307\u0323", "q\u0323\u0307" }, /* marks in canonical order */
		{ "\u0416\u0423\u041A", "\u0436\u0443\u043A" },
		{ "\U00010400", "\U00010428" },
	};
	check_examples(precis_username, e, ARRAY_LEN(e));
}

TEST(precis_opaque_maps_spaces_only)
{
	static const struct example e[] = {
		{ "a\u00A0b", "a b" },	{ "a\u3000b", "a b" },	  { "\u2003", " " },
		{ "\uFF21", "\uFF21" }, { "\u0130", "\u0130" },	  { "e\u0301", "\u00E9" },
		{ "\u212B", "\u00C5" }, { "\u05D0a", "\u05D0a" }, /* no Bidi rule */
		{ " a ", " a " },	{ "a\nb", "" },		  { "a\u200Bb", "" },
		{ "a\uE000", "" },	{ "\u0378", "" },	  { "\xC3", "" },
		{ "\xED\xA0\x80", "" }, { "\xC0\xAF", "" },
	};
	check_examples(precis_opaque, e, ARRAY_LEN(e));
}

/* The rule of one code point in a string, found by that code point's class. */
static bool context(const char *s)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct precis_text t;
	bool ok = true, met = false;
	CHECK(precis_decode(a, strv_from(s), &t) == 0);
	for (size_t i = 0; i < t.n; i++) {
		enum precis_class c = precis_class_of(t.p[i]);
		if (c != PRECIS_CONTEXTJ && c != PRECIS_CONTEXTO)
			continue;
		met = true;
		ok = ok && precis_context_ok(t, i);
	}
	CHECK(met);
	return ok;
}

TEST(precis_context_joiners)
{
	CHECK(context("\u0915\u094D\u200C\u0937")); /* ka, virama, ZWNJ, ssa */
	CHECK(context("\u0915\u094D\u200D\u0937"));
	CHECK(context("\u0646\u0627\u0645\u0647\u200C\u0627\u06CC")); /* Persian */
	CHECK(context("\u0628\u064B\u200C\u064B\u0628")); /* transparent around */
	CHECK(!context("\u0627\u200C\u0628")); /* alef does not join to the left */
	CHECK(!context("\u0628\u200C"));
	CHECK(!context("\u200C\u0628"));
	CHECK(!context("\u0628\u200Ca"));
	CHECK(!context("a\u200Cb"));
	CHECK(!context("\u200C"));
	CHECK(!context("a\u200Db"));
	CHECK(!context("\u200D"));
	CHECK(!context("\u0628\u200D\u0628")); /* A.2 wants the virama */
}

TEST(precis_context_other)
{
	CHECK(context("l\u00B7l"));
	CHECK(!context("l\u00B7a"));
	CHECK(!context("L\u00B7l"));
	CHECK(!context("\u00B7l"));
	CHECK(!context("l\u00B7"));
	CHECK(context("\u0375\u03B1"));
	CHECK(!context("\u0375a"));
	CHECK(!context("\u03B1\u0375"));
	CHECK(context("\u05D0\u05F3"));
	CHECK(context("\u05D0\u05F4\u05D1"));
	CHECK(!context("\u05F3\u05D0"));
	CHECK(!context("a\u05F4"));
	CHECK(context("\u30FB\u30A2"));
	CHECK(context("a\u30FB\u3042"));
	CHECK(context("\u4E00b\u30FB"));
	CHECK(!context("a\u30FBb"));
	CHECK(!context("\u30FB"));
	CHECK(context("\u0660\u0669"));
	CHECK(context("\u06F0\u06F9"));
	CHECK(!context("\u0660\u06F0"));
	CHECK(!context("\u06F5a\u0665"));
}

static bool bidi(const char *s)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct precis_text t;
	CHECK(precis_decode(a, strv_from(s), &t) == 0);
	return precis_bidi_ok(t);
}

TEST(precis_bidi_rule)
{
	CHECK(bidi("\u05D0\u05D1"));
	CHECK(bidi("\u05D01"));	      /* ends in a European number */
	CHECK(bidi("\u0628\u0661"));  /* or an Arabic one */
	CHECK(bidi("\u05D0\u05B0"));  /* or in marks behind */
	CHECK(bidi("\u05D0-\u05D1")); /* neutral inside */
	CHECK(bidi("abc1"));
	CHECK(bidi("a\u0301"));
	CHECK(!bidi("1\u05D0")); /* 1: starts with a digit */
	CHECK(!bidi("\u0661\u0628"));
	CHECK(!bidi("\u05D0a")); /* 2: a left-to-right letter */
	CHECK(!bidi("\u05D0-")); /* 3: ends neutral */
	CHECK(!bidi("\u05D0-\u05B0"));
	CHECK(!bidi("\u05D01\u0661\u05D0")); /* 4: both kinds of numbers */
	CHECK(!bidi("a\u05D0"));	     /* 5 */
	CHECK(!bidi("a\u05D0a"));
	CHECK(!bidi("a-")); /* 6 */
	CHECK(!bidi(""));
	CHECK(!bidi("\u0301"));
}

TEST(precis_username_needs_the_bidi_rule)
{
	static const struct example e[] = {
		{ "\u05D0\u05D1", "\u05D0\u05D1" },
		{ "\u05D01", "\u05D01" },
		{ "1\u05D0", "" },
		{ "\u05D0a", "" },
		{ "a\u05D0", "" },
		{ "\u05D0!", "" },
		{ "1!", "1!" }, /* nothing right-to-left: no rule */
	};
	check_examples(precis_username, e, ARRAY_LEN(e));
}

TEST(precis_refuses_long_input_before_work)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static char in[PRECIS_INPUT_MAX + 2];
	struct strv out;
	memset(in, 'a', sizeof(in));
	in[0] = '\xC3';
	in[1] = '\xA9';
	CHECK(precis_username(a, strv_make(in, PRECIS_INPUT_MAX), &out) == 0);
	CHECK(out.p == in); /* nothing to change: no copy */
	CHECK(precis_opaque(a, strv_make(in, PRECIS_INPUT_MAX), &out) == 0);
	size_t used = arena_used(a);
	CHECK(precis_username(a, strv_make(in, PRECIS_INPUT_MAX + 1), &out) == -EINVAL);
	CHECK(precis_opaque(a, strv_make(in, PRECIS_INPUT_MAX + 1), &out) == -EINVAL);
	CHECK(precis_opaque(a, strv_make(in + 2, PRECIS_INPUT_MAX), &out) == 0);
	memset(in, 'a', 2);
	CHECK(precis_opaque(a, strv_make(in, PRECIS_INPUT_MAX + 1), &out) == -EINVAL);
	CHECK_INT(arena_used(a), used);
}

/* --- what must hold for every string --- */

static void check_stable(struct arena *a, prep_fn *fn, struct strv in)
{
	struct strv once, twice;
	if (fn(a, in, &once) < 0)
		return;
	CHECK(once.n > 0 && utf8_is_valid(once));
	CHECK(fn(a, once, &twice) == 0);
	CHECK(twice.p == once.p && twice.n == once.n);
}

TEST(precis_is_idempotent_on_code_points)
{
	AUTO(arena_free) struct arena *a = arena_new(64 * 1024);
	char s[8];
	for (uint32_t cp = 1; cp < 0x110000; cp += cp < 0x3000 ? 1 : 23) {
		if (cp >= 0xD800 && cp < 0xE000)
			continue;
		struct strv in = strv_make(s, utf8_put(cp, s));
		check_stable(a, precis_username, in);
		check_stable(a, precis_opaque, in);
		arena_reset(a);
	}
}

TEST(precis_is_idempotent_on_random_strings)
{
	/* blocks where something happens: case, marks, Hebrew, Arabic, Indic, joiners,
	 * kana, letter-like signs, jamo, Hangul, compatibility and fullwidth forms */
	static const uint32_t blocks[] = {
		0x20,	0x40,	0x60,	0xC0,	0x130,	0x300,	0x320,	0x390,
		0x5D0,	0x5F0,	0x620,	0x640,	0x660,	0x6F0,	0x920,	0x940,
		0x1100, 0x1160, 0x1E90, 0x1F00, 0x1F80, 0x2000, 0x2120, 0x3040,
		0x30A0, 0x30E0, 0xAC00, 0xFB00, 0xFF20, 0xFF70
	};
	AUTO(arena_free) struct arena *a = arena_new(64 * 1024);
	uint64_t x = 88172645463325252u;
	for (int round = 0; round < 100000; round++) {
		char s[4 * 8];
		size_t n = 0;
		for (int i = 0, len = 1 + round % 6; i < len; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			uint32_t block = blocks[(x >> 8) % ARRAY_LEN(blocks)];
			n += utf8_put(block + ((x >> 40) & 31), s + n);
		}
		check_stable(a, precis_username, strv_make(s, n));
		check_stable(a, precis_opaque, strv_make(s, n));
		arena_reset(a);
	}
}
