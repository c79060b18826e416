#include "xmpp/jid.h"
#include "xmpp/precis.h"

/* Of a localpart, and of its bytes: it is what the worst of them is. */
enum shape {
	CANONICAL, /* ASCII and as it should be */
	UPPER,	   /* ASCII, capital letters to be made small */
	OTHER,	   /* not ASCII */
	BAD,
};

/* RFC 7622 3.3.1 takes some from the localpart, for the sake of URIs and XML. */
static const uint8_t shapes[256] = {
	[0 ... ' '] = BAD, ['"'] = BAD,	 ['&'] = BAD,		['\''] = BAD,
	['/'] = BAD,	   [':'] = BAD,	 ['<'] = BAD,		['>'] = BAD,
	['@'] = BAD,	   [0x7f] = BAD, ['A' ... 'Z'] = UPPER, [0x80 ... 0xff] = OTHER,
};

static enum shape local_shape(struct strv s)
{
	uint8_t shape = CANONICAL;

	for (size_t i = 0; i < s.n; i++)
		shape = MAX(shape, shapes[(unsigned char)s.p[i]]);
	return (enum shape)shape;
}

static struct strv lower_ascii(struct arena *a, struct strv s)
{
	char *to = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		to[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	to[s.n] = '\0';
	return strv_make(to, s.n);
}

/* What it may cost is counted before it does. */
static void count(uint32_t *work, struct strv part)
{
	*work += 1 + (uint32_t)MIN(part.n, (size_t)PRECIS_INPUT_MAX) / JID_PIECE;
}

static int prep_local(struct arena *a, struct strv in, struct strv *ret, uint32_t *work)
{
	if (in.n == 0 || in.n > PRECIS_INPUT_MAX)
		return -EINVAL;
	struct strv out = in;
	enum shape shape = local_shape(in);
	if (shape == BAD)
		return -EINVAL;
	if (shape == UPPER)
		out = lower_ascii(a, in);
	if (shape == OTHER) {
		count(work, in);
		int r = precis_username(a, in, &out);
		if (r < 0)
			return r;
		if (local_shape(out) == BAD) /* a fullwidth @ has become one */
			return -EINVAL;
	}
	if (out.n > JID_PART_MAX)
		return -EINVAL;
	*ret = out;
	return 0;
}

int jid_prep_local(struct arena *a, struct strv in, struct strv *ret)
{
	uint32_t work = 0;

	return prep_local(a, in, ret, &work);
}

static int prep_domain(struct arena *a, struct strv in, struct strv *ret, uint32_t *work)
{
	if (jid_domain_is_plain(in)) {
		*ret = in;
		return 0;
	}
	count(work, in);
	return jid_prep_domain(a, in, ret);
}

int jid_prep_resource(struct arena *a, struct strv in, struct strv *ret)
{
	struct strv out;
	int r = precis_opaque(a, in, &out);
	if (r < 0)
		return r;
	if (out.n > JID_PART_MAX)
		return -EINVAL;
	*ret = out;
	return 0;
}

struct jid jid_make(struct arena *a, struct strv local, struct strv domain,
		    struct strv resource)
{
	ASSERT(domain.n > 0 && domain.n <= JID_PART_MAX);
	ASSERT(local.n <= JID_PART_MAX && resource.n <= JID_PART_MAX);
	char *to = arena_alloc(a, local.n + 1 + domain.n + 1 + resource.n + 1), *p = to;
	if (local.n > 0) {
		p = mempcpy(p, local.p, local.n);
		*p++ = '@';
	}
	p = mempcpy(p, domain.p, domain.n);
	if (resource.n > 0) {
		*p++ = '/';
		p = mempcpy(p, resource.p, resource.n);
	}
	*p = '\0';
	return (struct jid){ to, (uint16_t)local.n, (uint16_t)domain.n,
			     (uint16_t)resource.n };
}

struct jid jid_dup(struct arena *a, struct jid j)
{
	if (!jid_is_none(j))
		j.s = arena_strv(a, jid_text(j)).p;
	return j;
}

struct jid jid_from_text(struct strv text)
{
	ptrdiff_t slash = strv_find(text, '/');
	struct strv bare = slash < 0 ? text : strv_make(text.p, (size_t)slash);
	ptrdiff_t at = strv_find(bare, '@');
	struct jid j = { .s = text.p };

	ASSERT(text.n > 0 && text.n <= JID_MAX);
	j.n_local = (uint16_t)MAX(at, 0);
	j.n_domain = (uint16_t)(at < 0 ? bare.n : bare.n - (size_t)at - 1);
	j.n_resource = (uint16_t)(slash < 0 ? 0 : text.n - bare.n - 1);
	return j;
}

/* RFC 7622 3.1: the first slash starts the resourcepart, the first @ before it ends the
 * localpart. A part that is not there has p == NULL. */
struct parts {
	struct strv local, domain, resource;
};

static struct parts split(struct strv in)
{
	struct parts s = { .domain = in };
	ptrdiff_t slash = strv_find(in, '/');
	if (slash >= 0) {
		s.resource = strv_from_pos(in, (size_t)slash + 1);
		s.domain.n = (size_t)slash;
	}
	ptrdiff_t at = strv_find(s.domain, '@');
	if (at >= 0) {
		s.local = strv_make(in.p, (size_t)at);
		s.domain = strv_from_pos(s.domain, (size_t)at + 1);
	}
	return s;
}

static bool same(struct strv a, struct strv b)
{
	return a.p == b.p && a.n == b.n;
}

static int prep_resource(struct arena *a, struct strv in, struct strv *ret,
			 uint32_t *work)
{
	if (!precis_is_printable_ascii(in)) {
		count(work, in);
		return jid_prep_resource(a, in, ret);
	}
	if (in.n > JID_PART_MAX)
		return -EINVAL;
	*ret = in;
	return 0;
}

int jid_parse_counted(struct arena *a, struct strv in, struct jid *ret, uint32_t *work)
{
	int r;
	struct parts raw = split(in), prep = { 0 };
	if (raw.local.p != NULL && (r = prep_local(a, raw.local, &prep.local, work)) < 0)
		return r;
	if ((r = prep_domain(a, raw.domain, &prep.domain, work)) < 0)
		return r;
	if (raw.resource.p != NULL &&
	    (r = prep_resource(a, raw.resource, &prep.resource, work)) < 0)
		return r;
	if (same(raw.local, prep.local) && same(raw.domain, prep.domain) &&
	    same(raw.resource, prep.resource))
		*ret = (struct jid){ in.p, (uint16_t)prep.local.n,
				     (uint16_t)prep.domain.n, (uint16_t)prep.resource.n };
	else
		*ret = jid_make(a, prep.local, prep.domain, prep.resource);
	return 0;
}

int jid_parse(struct arena *a, struct strv in, struct jid *ret)
{
	uint32_t work = 0;

	return jid_parse_counted(a, in, ret, &work);
}
