#include "xmpp/precis.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

int precis_decode(struct arena *a, struct strv in, struct precis_text *ret)
{
	if (in.n > PRECIS_INPUT_MAX)
		return -EINVAL;
	struct precis_text t = { ARENA_ARRAY(a, uint32_t, in.n + 1), 0 };
	while (in.n > 0) {
		int used = utf8_next(in, &t.p[t.n]);
		if (used < 0)
			return -EINVAL;
		t.n++;
		in = strv_from_pos(in, (size_t)used);
	}
	*ret = t;
	return 0;
}

struct strv precis_encode(struct arena *a, struct precis_text t, struct strv in)
{
	char *to = arena_alloc(a, 4 * t.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < t.n; i++)
		n += utf8_put(t.p[i], to + n);
	to[n] = '\0';
	struct strv out = strv_make(to, n);
	return strv_eq(in, out) ? in : out;
}

/* RFC 8264 5.2.1: full- and halfwidth forms become what they decompose to, one code
 * point. */
void precis_map_width(struct precis_text *t)
{
	for (size_t i = 0; i < t->n; i++) {
		int tag;
		ucs4_t to[UC_DECOMPOSITION_MAX_LENGTH];
		if (t->p[i] < 0x3000) /* the first is U+3000 */
			continue;
		int n = uc_decomposition(t->p[i], &tag, to);
		if (n == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
			t->p[i] = to[0];
	}
}

/* Unicode's toLowercase without a look at the neighbours: RFC 8265 3.5 gives the final
 * sigma no special treatment. U+0130 is the one code point whose small form is two. */
void precis_map_lower(struct arena *a, struct precis_text *t)
{
	struct precis_text to = { ARENA_ARRAY(a, uint32_t, 2 * t->n + 1), 0 };
	for (size_t i = 0; i < t->n; i++) {
		if (t->p[i] == 0x0130) {
			to.p[to.n++] = 'i';
			to.p[to.n++] = 0x0307;
		} else {
			to.p[to.n++] = uc_tolower(t->p[i]);
		}
	}
	*t = to;
}

static void normalize(struct arena *a, uninorm_t form, struct precis_text *t)
{
	size_t room = t->n * 2 + 8, n = room; /* enough as a rule; else it allocates */
	uint32_t *to = ARENA_ARRAY(a, uint32_t, room);
	uint32_t *r = u32_normalize(form, t->p, t->n, to, &n);
	ASSERT(r != NULL); /* the input is valid, so this is out of memory */
	if (r != to) {
		to = arena_alloc(a, n * sizeof(*to));
		memcpy(to, r, n * sizeof(*to));
		free(r);
	}
	*t = (struct precis_text){ to, n };
}

void precis_normalize(struct arena *a, struct precis_text *t)
{
	normalize(a, UNINORM_NFC, t);
}

void precis_normalize_compat(struct arena *a, struct precis_text *t)
{
	normalize(a, UNINORM_NFKC, t);
}

bool precis_is_printable_ascii(struct strv s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] >= ' ' && s.p[i] <= '~')
		i++;
	return i == s.n && s.n > 0;
}

/* --- the profiles --- */

/* Which of the rules that look at all of the string it is under: 0: none. */
static unsigned whole_rule(uint32_t cp)
{
	switch (cp) {
	case 0x30FB: /* RFC 5892 A.7 */
		return 1;
	case 0x0660 ... 0x0669: /* A.8 */
		return 2;
	case 0x06F0 ... 0x06F9: /* A.9 */
		return 4;
	default:
		return 0;
	}
}

static bool class_ok(struct precis_text t, bool freeform)
{
	unsigned held = 0; /* what holds for one holds for all others of its kind */

	for (size_t i = 0; i < t.n; i++) {
		switch (precis_class_of(t.p[i])) {
		case PRECIS_PVALID:
			break;
		case PRECIS_FREE_PVAL:
			if (!freeform)
				return false;
			break;
		case PRECIS_CONTEXTJ:
		case PRECIS_CONTEXTO:
			if (held & whole_rule(t.p[i]))
				break;
			if (!precis_context_ok(t, i))
				return false;
			held |= whole_rule(t.p[i]);
			break;
		default:
			return false;
		}
	}
	return t.n > 0;
}

/* One application of a profile's rules to *t, which may be replaced. */
typedef int rules_fn(struct arena *a, struct precis_text *t);

/* RFC 8265 3.3 */
static int username_rules(struct arena *a, struct precis_text *t)
{
	precis_map_width(t);
	if (!class_ok(*t, false))
		return -EINVAL;
	precis_map_lower(a, t);
	precis_normalize(a, t);
	return precis_has_rtl(*t) && !precis_bidi_ok(*t) ? -EINVAL : 0;
}

/* RFC 8265 4.2 */
static int opaque_rules(struct arena *a, struct precis_text *t)
{
	if (!class_ok(*t, true))
		return -EINVAL;
	for (size_t i = 0; i < t->n; i++) {
		if (uc_is_general_category_withtable(t->p[i], UC_CATEGORY_MASK_Zs))
			t->p[i] = ' ';
	}
	precis_normalize(a, t);
	return 0;
}

/* RFC 8264 section 7: the rules again until nothing changes, but not for ever. */
static int enforce(struct arena *a, struct strv in, rules_fn *rules, struct strv *ret)
{
	enum { ROUNDS = 4 };
	struct precis_text t;
	int r = precis_decode(a, in, &t);
	if (r < 0)
		return r;
	for (int round = 0; round < ROUNDS; round++) {
		struct precis_text old = { ARENA_ARRAY(a, uint32_t, t.n + 1), t.n };
		memcpy(old.p, t.p, t.n * sizeof(*t.p));
		if ((r = rules(a, &t)) < 0)
			return r;
		if (t.n == old.n && memcmp(t.p, old.p, t.n * sizeof(*t.p)) == 0) {
			*ret = precis_encode(a, t, in);
			return 0;
		}
	}
	return -EINVAL;
}

int precis_username(struct arena *a, struct strv in, struct strv *ret)
{
	return enforce(a, in, username_rules, ret);
}

int precis_opaque(struct arena *a, struct strv in, struct strv *ret)
{
	if (in.n <= PRECIS_INPUT_MAX && precis_is_printable_ascii(in)) {
		*ret = in;
		return 0;
	}
	return enforce(a, in, opaque_rules, ret);
}
