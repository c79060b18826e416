/* Rules that look at a code point's neighbours: RFC 5892 appendix A, RFC 5893 section 2.
 */
#include "xmpp/precis.h"

#include <unictype.h>

static bool is_script(uint32_t cp, const char *name)
{
	const uc_script_t *s = uc_script(cp);
	return s != NULL && strcmp(s->name, name) == 0;
}

static bool after_virama(struct precis_text t, size_t at)
{
	return at > 0 && uc_combining_class(t.p[at - 1]) == UC_CCC_VR;
}

/* A.1: between letters that would otherwise join, transparent characters aside. */
static bool breaks_cursive(struct precis_text t, size_t at)
{
	size_t i = at;
	while (i > 0 && uc_joining_type(t.p[i - 1]) == UC_JOINING_TYPE_T)
		i--;
	int before = i > 0 ? uc_joining_type(t.p[i - 1]) : UC_JOINING_TYPE_U;
	if (before != UC_JOINING_TYPE_L && before != UC_JOINING_TYPE_D)
		return false;
	i = at + 1;
	while (i < t.n && uc_joining_type(t.p[i]) == UC_JOINING_TYPE_T)
		i++;
	int after = i < t.n ? uc_joining_type(t.p[i]) : UC_JOINING_TYPE_U;
	return after == UC_JOINING_TYPE_R || after == UC_JOINING_TYPE_D;
}

/* A.7 */
static bool has_kana_or_han(struct precis_text t)
{
	for (size_t i = 0; i < t.n; i++) {
		if (is_script(t.p[i], "Hiragana") || is_script(t.p[i], "Katakana") ||
		    is_script(t.p[i], "Han"))
			return true;
	}
	return false;
}

static bool has_between(struct precis_text t, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] >= from && t.p[i] <= to)
			return true;
	}
	return false;
}

bool precis_context_ok(struct precis_text t, size_t at)
{
	ASSERT(at < t.n);
	uint32_t before = at > 0 ? t.p[at - 1] : 0;
	uint32_t after = at + 1 < t.n ? t.p[at + 1] : 0;
	switch (t.p[at]) {
	case 0x200C: /* A.1 zero width non-joiner */
		return after_virama(t, at) || breaks_cursive(t, at);
	case 0x200D: /* A.2 zero width joiner */
		return after_virama(t, at);
	case 0x00B7: /* A.3 middle dot */
		return before == 'l' && after == 'l';
	case 0x0375: /* A.4 Greek lower numeral sign */
		return is_script(after, "Greek");
	case 0x05F3: /* A.5, A.6 Hebrew geresh, gershayim */
	case 0x05F4:
		return is_script(before, "Hebrew");
	case 0x30FB: /* A.7 Katakana middle dot */
		return has_kana_or_han(t);
	case 0x0660 ... 0x0669: /* A.8, A.9: one of the two kinds of digits */
		return !has_between(t, 0x06F0, 0x06F9);
	case 0x06F0 ... 0x06F9:
		return !has_between(t, 0x0660, 0x0669);
	default:
		return false;
	}
}

/* --- RFC 5893 --- */

#define BIT(class) (1u << UC_BIDI_##class)

enum {
	RTL = BIT(R) | BIT(AL) | BIT(AN),
	NEUTRAL = BIT(EN) | BIT(ES) | BIT(CS) | BIT(ET) | BIT(ON) | BIT(BN) | BIT(NSM),
};

static unsigned bidi_bit(uint32_t cp)
{
	return 1u << uc_bidi_class(cp);
}

bool precis_has_rtl(struct precis_text t)
{
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] >= 0x590 && (bidi_bit(t.p[i]) & RTL))
			return true;
	}
	return false;
}

bool precis_bidi_ok(struct precis_text t)
{
	if (t.n == 0)
		return false;
	unsigned first = bidi_bit(t.p[0]), seen = 0;
	for (size_t i = 0; i < t.n; i++)
		seen |= bidi_bit(t.p[i]);
	size_t end = t.n;
	while (end > 0 && uc_bidi_class(t.p[end - 1]) == UC_BIDI_NSM)
		end--;
	unsigned last = end > 0 ? bidi_bit(t.p[end - 1]) : 0;

	if (first & BIT(L)) /* conditions 1, 5, 6 */
		return !(seen & ~(unsigned)(BIT(L) | NEUTRAL)) &&
		       (last & (BIT(L) | BIT(EN)));
	if (!(first & (BIT(R) | BIT(AL)))) /* 1 */
		return false;
	return !(seen & ~(unsigned)(RTL | NEUTRAL)) &&		    /* 2 */
	       (last & (RTL | BIT(EN))) &&			    /* 3 */
	       (seen & (BIT(EN) | BIT(AN))) != (BIT(EN) | BIT(AN)); /* 4 */
}
