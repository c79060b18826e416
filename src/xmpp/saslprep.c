#include "xmpp/saslprep.h"
#include "base/utf8.h"
#include "xmpp/precis.h"

#include <unictype.h>

struct range {
	uint32_t first, last;
};

static const struct range prohibited[] = {
	{ 0x00, 0x1f },	      { 0x7f, 0x9f },	    { 0x340, 0x341 },
	{ 0x6dd, 0x6dd },     { 0x70f, 0x70f },	    { 0x180e, 0x180e },
	{ 0x200c, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x2063 },
	{ 0x206a, 0x206f },   { 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },
	{ 0xfeff, 0xfeff },   { 0xfff9, 0xfffd },   { 0x1d173, 0x1d17a },
	{ 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff },
};

/* Table C.7, of SASLprep alone: inappropriate for canonical representation. */
static const struct range descriptions[] = { { 0x2ff0, 0x2ffb } };

/* Table B.1: commonly mapped to nothing. */
static const struct range nothing[] = {
	{ 0xad, 0xad },	    { 0x34f, 0x34f },	{ 0x1806, 0x1806 }, { 0x180b, 0x180d },
	{ 0x200b, 0x200d }, { 0x2060, 0x2060 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
};

/* Table C.1.2, but for U+200B, which B.1 has, too. */
static const struct range spaces[] = {
	{ 0xa0, 0xa0 },	    { 0x1680, 0x1680 }, { 0x2000, 0x200a },
	{ 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

static bool is_in(const struct range *table, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= table[i].first && cp <= table[i].last)
			return true;
	return false;
}

bool stringprep_is_prohibited(uint32_t cp)
{
	return (cp & 0xfffe) == 0xfffe || /* no characters, in any plane */
	       is_in(prohibited, ARRAY_LEN(prohibited), cp);
}

static void map(struct precis_text *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		uint32_t cp = t->p[i];

		if (is_in(nothing, ARRAY_LEN(nothing), cp))
			continue;
		t->p[n++] = is_in(spaces, ARRAY_LEN(spaces), cp) ? ' ' : cp;
	}
	t->n = n;
}

static bool is_rtl(uint32_t cp)
{
	int class = uc_bidi_class(cp);

	return class == UC_BIDI_R || class == UC_BIDI_AL;
}

/* RFC 3454 section 6. */
static bool directions_ok(struct precis_text t)
{
	bool any_rtl = false, any_ltr = false;

	for (size_t i = 0; i < t.n; i++) {
		any_rtl |= is_rtl(t.p[i]);
		any_ltr |= uc_bidi_class(t.p[i]) == UC_BIDI_L;
	}
	return !any_rtl || (!any_ltr && is_rtl(t.p[0]) && is_rtl(t.p[t.n - 1]));
}

static bool is_allowed(struct precis_text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (stringprep_is_prohibited(t.p[i]) ||
		    is_in(descriptions, ARRAY_LEN(descriptions), t.p[i]))
			return false;
	return t.n > 0 && directions_ok(t);
}

int saslprep(struct arena *a, struct strv in, struct strv *ret)
{
	struct precis_text t;
	int r;

	if (in.n <= PRECIS_INPUT_MAX && precis_is_printable_ascii(in)) {
		*ret = in;
		return 0;
	}
	r = precis_decode(a, in, &t);
	if (r < 0)
		return r;
	map(&t);
	precis_normalize_compat(a, &t);
	if (!is_allowed(t))
		return -EINVAL;
	*ret = precis_encode(a, t, in);
	return 0;
}
