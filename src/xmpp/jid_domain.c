/* Domainparts (RFC 7622 3.2): a name of NR-LDH labels and U-labels (IDNA2008), or an
 * address literal. */
#include "xmpp/jid.h"
#include "xmpp/precis.h"

#include <arpa/inet.h>
#include <idn2.h>

enum {
	LABEL_MAX = 63,
	NAME_MAX_ASCII =
		253, /* RFC 1035 2.3.4: 255, with a length before the first and the root's */
	XN = 4,	     /* "xn--" */
};

static bool is_ascii(struct strv s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	}
	return true;
}

/* The label up to the first dot; moves *rest behind that dot, or to p == NULL. */
static struct strv next_label(struct strv *rest)
{
	ptrdiff_t dot = strv_find(*rest, '.');
	struct strv label = dot < 0 ? *rest : strv_make(rest->p, (size_t)dot);
	*rest = dot < 0 ? STRV_NULL : strv_from_pos(*rest, (size_t)dot + 1);
	return label;
}

/* RFC 5890 2.3.1, RFC 5891 4.2.3.1: hyphens neither at the ends nor in both the third and
 * the fourth place, where they mark A-labels and what may come after them. */
static bool hyphens_ok(struct strv label)
{
	return label.n > 0 && label.p[0] != '-' && label.p[label.n - 1] != '-' &&
	       !(label.n >= 4 && label.p[2] == '-' && label.p[3] == '-');
}

static bool ldh_label_ok(struct strv label)
{
	static const bool ldh[256] = {
		['a' ... 'z'] = true, ['0' ... '9'] = true, ['-'] = true
	};

	for (size_t i = 0; i < label.n; i++)
		if (!ldh[(unsigned char)label.p[i]])
			return false;
	return label.n <= LABEL_MAX && hyphens_ok(label);
}

static bool is_xn(struct strv label)
{
	return strv_starts(label, STRV("xn--"));
}

/* How long it is in ASCII; an A-label at the least, where each code point takes a character. */
static size_t least_ascii(struct strv label)
{
	size_t n = is_ascii(label) ? 0 : XN;

	for (size_t i = 0; i < label.n; i++)
		n += (label.p[i] & 0xc0) != 0x80;
	return n;
}

/* RFC 7622 3.2.3, RFC 1034 3.1: names longer than any that exists are refused before the work,
 * which for an A-label is a thousand times as much as for others. */
static bool may_fit(struct strv name)
{
	size_t n = 0;

	for (struct strv rest = name; rest.p != NULL;) {
		size_t label = least_ascii(next_label(&rest));

		n += label + (rest.p != NULL);
		if (label > LABEL_MAX || n > NAME_MAX_ASCII)
			return false;
	}
	return true;
}

/* The length of its A-label; 0: it is no U-label, or not that of this A-label (when given). */
static size_t a_label_len(struct arena *a, struct strv label, const char *a_label)
{
	uint8_t *registered = NULL;
	if (!hyphens_ok(label))
		return 0;
	int r = idn2_register_u8((const uint8_t *)arena_cstr(a, label), NULL, &registered,
				 0);
	bool ok = r == IDN2_OK &&
		  (a_label == NULL || strcmp((const char *)registered, a_label) == 0);
	size_t n = ok ? strlen((const char *)registered) : 0;
	idn2_free(registered);
	return n;
}

/* The U-label of an A-label. */
static int decode_label(struct arena *a, struct strv label, struct strv *ret)
{
	char *out = NULL;
	const char *a_label = arena_cstr(a, label);
	if (idn2_to_unicode_8z8z(a_label, &out, 0) != IDN2_OK)
		return -EINVAL;
	struct strv decoded = arena_strv(a, strv_from(out));
	idn2_free(out);
	if (a_label_len(a, decoded, a_label) ==
	    0) /* nor may it stand for an ASCII label */
		return -EINVAL;
	*ret = decoded;
	return 0;
}

/* Returns how long it is in ASCII. */
static int prep_label(struct arena *a, struct strv label, struct strv *ret)
{
	size_t n = label.n;
	if (is_xn(label)) {
		int r = decode_label(a, label, ret);
		return r < 0 ? r : (int)n;
	}
	if (is_ascii(label) ? !ldh_label_ok(label) : !(n = a_label_len(a, label, NULL)))
		return -EINVAL;
	*ret = label;
	return (int)n;
}

/* RFC 5893 section 2: one right-to-left label subjects all labels to the rule. */
static int check_bidi(struct arena *a, struct strv name)
{
	struct precis_text t;
	int r = precis_decode(a, name, &t);
	if (r < 0)
		return r;
	if (!precis_has_rtl(t))
		return 0;
	for (size_t from = 0, i = 0; i <= t.n; i++) {
		if (i < t.n && t.p[i] != '.')
			continue;
		if (!precis_bidi_ok((struct precis_text){ t.p + from, i - from }))
			return -EINVAL;
		from = i + 1;
	}
	return 0;
}

/* Labels of a mapped name, each made canonical. */
static int prep_labels(struct arena *a, struct strv name, struct strv *ret)
{
	/* a U-label of UTF-8 is shorter than four times its A-label */
	char *to = arena_alloc(a, 4 * name.n + 1);
	size_t n = 0, n_ascii = 0;
	for (struct strv rest = name; rest.p != NULL;) {
		struct strv label;
		int r = prep_label(a, next_label(&rest), &label);
		if (r < 0)
			return r;
		ASSERT(n + label.n <= 4 * name.n);
		memcpy(to + n, label.p, label.n);
		n += label.n;
		n_ascii += (size_t)r;
		if (rest.p != NULL) {
			to[n++] = '.';
			n_ascii++;
		}
	}
	if (n_ascii > NAME_MAX_ASCII)
		return -EINVAL;
	ASSERT(n <= JID_PART_MAX); /* no character takes more than four bytes */
	to[n] = '\0';
	struct strv out = strv_make(to, n);
	int r = check_bidi(a, out);
	if (r < 0)
		return r;
	*ret = strv_eq(out, name) ? name : out;
	return 0;
}

/* Cherokee is the one script that Unicode folds to capitals, so they are what IDNA2008
 * takes. */
static uint32_t restore_cherokee(uint32_t cp)
{
	if (cp >= 0xAB70 && cp <= 0xABBF)
		return cp - 0xAB70 + 0x13A0;
	if (cp >= 0x13F8 && cp <= 0x13FD)
		return cp - 8;
	return cp;
}

/* RFC 5895: small letters, no full- or halfwidth forms, composed, one kind of dot. */
static int map_name(struct arena *a, struct strv in, struct strv *ret)
{
	struct precis_text t;
	int r = precis_decode(a, in, &t);
	if (r < 0)
		return r;
	precis_map_width(&t); /* makes U+FF0E a dot, and U+FF61 U+3002 */
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == 0x3002)
			t.p[i] = '.';
	}
	precis_map_lower(a, &t);
	for (size_t i = 0; i < t.n; i++)
		t.p[i] = restore_cherokee(t.p[i]);
	precis_normalize(a, &t);
	*ret = precis_encode(a, t, in);
	return 0;
}

/* "[...]": RFC 3986's IP-literal, an IPv6 address. Written as RFC 5952 does. */
static int prep_literal(struct arena *a, struct strv in, struct strv *ret)
{
	struct in6_addr addr;
	char text[INET6_ADDRSTRLEN];
	if (in.n < 3 || in.p[in.n - 1] != ']' || in.n - 2 >= sizeof(text))
		return -EINVAL;
	memcpy(text, in.p + 1, in.n - 2);
	text[in.n - 2] = '\0';
	if (strlen(text) != in.n - 2 || inet_pton(AF_INET6, text, &addr) != 1)
		return -EINVAL;
	if (inet_ntop(AF_INET6, &addr, text, sizeof(text)) == NULL)
		return -EINVAL;
	struct strv out = strv_from(arena_printf(a, "[%s]", text));
	*ret = strv_eq(in, out) ? in : out;
	return 0;
}

/* Small ASCII letters, digits, hyphens, in labels that need nothing done. */
static bool is_canonical(struct strv name)
{
	for (struct strv rest = name; rest.p != NULL;) {
		if (!ldh_label_ok(next_label(&rest)))
			return false;
	}
	return true;
}

static struct strv strip_dot(struct strv name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

bool jid_domain_is_plain(struct strv in)
{
	return in.n > 0 && in.n <= NAME_MAX_ASCII && is_canonical(in);
}

int jid_prep_domain(struct arena *a, struct strv in, struct strv *ret)
{
	struct strv name = strip_dot(in);
	if (name.n == 0 || in.n > PRECIS_INPUT_MAX)
		return -EINVAL;
	if (name.p[0] == '[')
		return prep_literal(a, name, ret);
	if (jid_domain_is_plain(name)) {
		*ret = name;
		return 0;
	}
	if (memchr(in.p, '\0', in.n) != NULL)
		return -EINVAL;
	int r = map_name(a, in, &name); /* only now is an ideographic last dot one */
	if (r < 0)
		return r;
	name = strip_dot(name);
	return name.n == 0 || !may_fit(name) ? -EINVAL : prep_labels(a, name, ret);
}
