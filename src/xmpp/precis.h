/* PRECIS (RFC 8264): which code points may stand in a name or in a free string, and what is
 * done to them. Strings here are UTF-8 outside, code points inside. */
#pragma once

#include "base/arena.h"

/* A string of code points; lives in an arena. */
struct precis_text {
	uint32_t *p;
	size_t n;
};

/* Longer input is refused before any work is done on it. Four times what a part of a JID may
 * hold, since composition and width mapping shorten. */
enum { PRECIS_INPUT_MAX = 4 * 1023 };

/* RFC 8264 section 8. FREE_PVAL: valid in the FreeformClass, not in the IdentifierClass. */
enum precis_class {
	PRECIS_PVALID,
	PRECIS_FREE_PVAL,
	PRECIS_CONTEXTJ,
	PRECIS_CONTEXTO,
	PRECIS_DISALLOWED,
	PRECIS_UNASSIGNED,
};
enum precis_class precis_class_of(uint32_t cp);

/* Does the rule of RFC 5892 appendix A allow the CONTEXTJ or CONTEXTO code point t.p[at]? */
bool precis_context_ok(struct precis_text t, size_t at);

/* RFC 5893: is there a right-to-left character, and does the string (a label) satisfy all six
 * conditions of section 2? */
bool precis_has_rtl(struct precis_text t);
bool precis_bidi_ok(struct precis_text t);

/* UTF-8 to code points and back. -EINVAL: not UTF-8, or too long. precis_encode returns `in`
 * when the result equals it. */
nodiscard int precis_decode(struct arena *a, struct strv in, struct precis_text *ret);
struct strv precis_encode(struct arena *a, struct precis_text t, struct strv in);

/* Single mappings, in place or into `a`. */
void precis_map_width(struct precis_text *t);
void precis_map_lower(struct arena *a, struct precis_text *t);
void precis_normalize(struct arena *a, struct precis_text *t);	      /* NFC */
void precis_normalize_compat(struct arena *a, struct precis_text *t); /* NFKC */

/* Not empty, and from space to tilde: there is nothing to prepare. */
bool precis_is_printable_ascii(struct strv s);

/* The profiles of RFC 8265: UsernameCaseMapped and OpaqueString. Applying them to their own
 * result changes nothing. -EINVAL: empty, or not a string of the class. */
nodiscard int precis_username(struct arena *a, struct strv in, struct strv *ret);
nodiscard int precis_opaque(struct arena *a, struct strv in, struct strv *ret);
