/* The derived property of RFC 8264 section 8, computed from Unicode's properties. */
#include "xmpp/precis.h"

#include <uninorm.h>
#include <unictype.h>

/* The categories of section 9, as sets of Unicode's general categories. */
enum {
	LETTER_DIGITS = UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
			UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
			UC_CATEGORY_MASK_Mc,
	OTHER_LETTER_DIGITS = UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl |
			      UC_CATEGORY_MASK_No | UC_CATEGORY_MASK_Me,
	SPACES = UC_CATEGORY_MASK_Zs,
	SYMBOLS = UC_CATEGORY_MASK_S,
	PUNCTUATION = UC_CATEGORY_MASK_P,
};

/* Section 9.6: what the properties get wrong. */
static bool is_exception(uint32_t cp, enum precis_class *ret)
{
	switch (cp) {
	case 0x00DF: /* sharp s */
	case 0x03C2: /* final sigma */
	case 0x06FD:
	case 0x06FE:
	case 0x0F0B:
	case 0x3007:
		*ret = PRECIS_PVALID;
		return true;
	case 0x00B7:
	case 0x0375:
	case 0x05F3:
	case 0x05F4:
	case 0x30FB:
	case 0x0660 ... 0x0669:
	case 0x06F0 ... 0x06F9:
		*ret = PRECIS_CONTEXTO;
		return true;
	case 0x0640:
	case 0x07FA:
	case 0x302E:
	case 0x302F:
	case 0x3031 ... 0x3035:
	case 0x303B:
		*ret = PRECIS_DISALLOWED;
		return true;
	default:
		return false;
	}
}

/* Hangul_Syllable_Type L, V or T. */
static bool is_old_hangul_jamo(uint32_t cp)
{
	return (cp >= 0x1100 && cp <= 0x11FF) || (cp >= 0xA960 && cp <= 0xA97C) ||
	       (cp >= 0xD7B0 && cp <= 0xD7C6) || (cp >= 0xD7CB && cp <= 0xD7FB);
}

/* Section 9.17: compatibility normalisation changes it. */
static bool has_compat(uint32_t cp)
{
	enum { ROOM = 32 }; /* the longest is U+FDFA: 18 */
	uint32_t to[ROOM];
	size_t n = ROOM;
	uint32_t *r = u32_normalize(UNINORM_NFKC, &cp, 1, to, &n);
	ASSERT(r == to);
	return n != 1 || to[0] != cp;
}

enum precis_class precis_class_of(uint32_t cp)
{
	enum precis_class c;
	if (cp >= 0x21 && cp <= 0x7E) /* ASCII7 */
		return PRECIS_PVALID;
	if (is_exception(cp, &c))
		return c;
	uint32_t category = uc_general_category(cp).bitmask;
	if (category == UC_CATEGORY_MASK_Cn && !uc_is_property_not_a_character(cp))
		return PRECIS_UNASSIGNED;
	if (uc_is_property_join_control(cp))
		return PRECIS_CONTEXTJ;
	if (is_old_hangul_jamo(cp) || uc_is_property_default_ignorable_code_point(cp) ||
	    uc_is_property_not_a_character(cp) ||
	    (category & (UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cs)))
		return PRECIS_DISALLOWED;
	if (has_compat(cp))
		return PRECIS_FREE_PVAL;
	if (category & LETTER_DIGITS)
		return PRECIS_PVALID;
	if (category & (OTHER_LETTER_DIGITS | SPACES | SYMBOLS | PUNCTUATION))
		return PRECIS_FREE_PVAL;
	return PRECIS_DISALLOWED;
}
