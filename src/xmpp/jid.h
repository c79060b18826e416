/* JIDs (RFC 7622): localpart by PRECIS UsernameCaseMapped, domainpart by IDNA2008 rules,
 * resourcepart by PRECIS OpaqueString. After jid_parse nobody checks a JID again. */
#pragma once

#include "base/arena.h"

/* One string `local@domain/resource` with the lengths of its parts, in canonical form. It is
 * borrowed: the caller's bytes (where they were canonical already) or an arena's. A JID that is
 * not there has s == NULL. */
struct jid {
	const char *s;
	uint16_t n_local; /* 0: no localpart */
	uint16_t n_domain;
	uint16_t n_resource; /* 0: bare */
};

enum {
	JID_PART_MAX = 1023, /* bytes; of a domainpart in ASCII, as A-labels, 253 */
	JID_MAX = 3071,
	JID_PIECE = 8, /* bytes that are not plain: a microsecond's work */
};

/* Parses and canonicalises. -EINVAL: not a JID. ASCII that is canonical costs no copy: *ret
 * then points into `in`; else into `a`. */
nodiscard int jid_parse(struct arena *a, struct strv in, struct jid *ret);

/* The same, and adds to *work how much that was, whatever came of it: a piece for each JID_PIECE
 * bytes of what is not plain ASCII; nothing for what is. */
nodiscard int jid_parse_counted(struct arena *a, struct strv in, struct jid *ret,
				uint32_t *work);

/* Canonicalises one part into `a` (or returns `in`). -EINVAL. */
nodiscard int jid_prep_local(struct arena *a, struct strv in, struct strv *ret);
nodiscard int jid_prep_domain(struct arena *a, struct strv in, struct strv *ret);
nodiscard int jid_prep_resource(struct arena *a, struct strv in, struct strv *ret);

/* ASCII, and canonical: there is nothing to prepare. */
bool jid_domain_is_plain(struct strv in);

/* Puts canonical parts together, in `a`. local, resource may be empty. */
struct jid jid_make(struct arena *a, struct strv local, struct strv domain,
		    struct strv resource);
struct jid jid_dup(struct arena *a, struct jid j);

/* What jid_text() gave, with the lengths of its parts again; points into `text`. */
struct jid jid_from_text(struct strv text);

static inline bool jid_is_none(struct jid j)
{
	return j.s == NULL;
}
static inline bool jid_is_bare(struct jid j)
{
	return j.n_resource == 0;
}
static inline struct strv jid_local(struct jid j)
{
	return strv_make(j.s, j.n_local);
}
static inline struct strv jid_domain(struct jid j)
{
	return strv_make(j.s + (j.n_local ? j.n_local + 1 : 0), j.n_domain);
}
static inline struct strv jid_resource(struct jid j)
{
	size_t bare = (j.n_local ? j.n_local + 1u : 0u) + j.n_domain;
	return strv_make(j.s + bare + (j.n_resource ? 1 : 0), j.n_resource);
}
static inline struct strv jid_bare_text(struct jid j)
{
	return strv_make(j.s, (j.n_local ? j.n_local + 1u : 0u) + j.n_domain);
}
static inline struct strv jid_text(struct jid j)
{
	size_t bare = (j.n_local ? j.n_local + 1u : 0u) + j.n_domain;
	return strv_make(j.s, bare + (j.n_resource ? 1u + j.n_resource : 0));
}
static inline struct jid jid_bare(struct jid j)
{
	j.n_resource = 0;
	return j;
}
static inline bool jid_eq(struct jid a, struct jid b)
{
	return a.n_local == b.n_local && a.n_domain == b.n_domain &&
	       a.n_resource == b.n_resource && strv_eq(jid_text(a), jid_text(b));
}
static inline bool jid_eq_bare(struct jid a, struct jid b)
{
	return jid_eq(jid_bare(a), jid_bare(b));
}
