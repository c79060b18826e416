#include "io/tls_hello.h"

enum { CLIENT_HELLO = 1, RANDOM_LEN = 32, NAME_MAX = 255 };
enum { X25519MLKEM768 = 0x11ec }; /* draft-ietf-tls-ecdhe-mlkem */
enum { X25519 = 29, PSK_DHE_KE = 1, HOST_NAME = 0, BINDER_MIN = 32 };

/* --- reading --- */

/* What is left; `bad` once there was less than asked for. */
struct cursor {
	struct strv left;
	bool bad;
};

static struct strv take(struct cursor *c, size_t n)
{
	struct strv ret = strv_make(c->left.p, n);

	if (c->bad || n > c->left.n) {
		c->bad = true;
		return STRV("");
	}
	c->left = strv_from_pos(c->left, n);
	return ret;
}

static size_t take_number(struct cursor *c, size_t n_bytes)
{
	struct strv s = take(c, n_bytes);
	size_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	return v;
}

/* A vector whose length has so many bytes. */
static struct strv take_vector(struct cursor *c, size_t n_bytes)
{
	return take(c, take_number(c, n_bytes));
}

static struct cursor cursor_of(struct strv s)
{
	return (struct cursor){ .left = s };
}

static bool is_at_end(const struct cursor *c)
{
	return !c->bad && c->left.n == 0;
}

/* The one vector that an extension is made of. */
static bool open_vector(struct strv data, size_t n_bytes, struct cursor *ret)
{
	struct cursor c = cursor_of(data);

	*ret = cursor_of(take_vector(&c, n_bytes));
	return is_at_end(&c) && ret->left.n > 0;
}

/* Whether a list of numbers has this one. */
static bool read_list(struct strv data, size_t n_length, size_t n_each, size_t wanted,
		      bool *ret)
{
	struct cursor c;

	if (!open_vector(data, n_length, &c))
		return false;
	while (!c.bad && c.left.n)
		*ret |= take_number(&c, n_each) == wanted;
	return !c.bad;
}

/* --- extensions: false: something is wrong --- */

/* RFC 6066 3; of the names, only host names have ever been defined, and one is allowed. */
static bool read_sni(struct strv data, struct tls_hello *h)
{
	struct cursor c;

	if (!open_vector(data, 2, &c) || take_number(&c, 1) != HOST_NAME)
		return false;
	h->sni = take_vector(&c, 2);
	return is_at_end(&c) && h->sni.n > 0 && h->sni.n <= NAME_MAX &&
	       strv_find(h->sni, '\0') < 0;
}

static bool read_groups(struct strv data, struct tls_hello *h)
{
	return read_list(data, 2, 2, X25519, &h->x25519) &&
	       read_list(data, 2, 2, X25519MLKEM768, &h->hybrid);
}

static bool open_schemes(struct strv data, struct strv *ret)
{
	struct cursor c;

	if (!open_vector(data, 2, &c) || c.left.n % 2 != 0)
		return false;
	*ret = c.left;
	return true;
}

static bool read_schemes(struct strv data, struct tls_hello *h)
{
	return open_schemes(data, &h->schemes);
}

static bool read_schemes_below(struct strv data, struct tls_hello *h)
{
	return open_schemes(data, &h->below);
}

static bool read_alpn(struct strv data, struct tls_hello *h) /* RFC 7301 3.1 */
{
	struct cursor c;

	if (!open_vector(data, 2, &c))
		return false;
	while (!c.bad && c.left.n) {
		struct strv name = take_vector(&c, 1);
		if (name.n == 0)
			return false;
		h->xmpp |= strv_is(name, "xmpp-client");
	}
	return !c.bad;
}

static bool read_versions(struct strv data, struct tls_hello *h)
{
	return read_list(data, 1, 2, 0x0304, &h->v13);
}

static bool read_modes(struct strv data, struct tls_hello *h)
{
	h->has_modes = true;
	return read_list(data, 1, 1, PSK_DHE_KE, &h->dhe);
}

static bool read_shares(struct strv data, struct tls_hello *h)
{
	struct cursor c;

	if (!open_vector(data, 2, &c))
		return false;
	while (!c.bad && c.left.n) {
		size_t group = take_number(&c, 2);
		struct strv share = take_vector(&c, 2);

		if (share.n == 0)
			return false;
		if (group != X25519)
			continue;
		if (h->share.p || share.n != X25519_LEN)
			return false;
		h->share = share;
	}
	return !c.bad;
}

/* RFC 8446 4.2.11. */
static bool read_tickets(struct strv data, struct tls_hello *h)
{
	struct cursor c = cursor_of(data), each = cursor_of(take_vector(&c, 2));
	size_t n = 0, n_binders = 0;

	h->n_bound = (size_t)(c.left.p - h->message.p);
	for (; !each.bad && each.left.n; n++) {
		struct strv identity = take_vector(&each, 2);

		take(&each, 4); /* obfuscated_ticket_age: is for early data */
		if (identity.n == 0)
			return false;
		if (n < TLS_IDENTITIES_MAX)
			h->identities[n] = identity;
	}
	if (each.bad || !open_vector(c.left, 2, &each))
		return false;
	for (; !each.bad && each.left.n; n_binders++) {
		struct strv binder = take_vector(&each, 1);

		if (binder.n < BINDER_MIN)
			return false;
		if (n_binders < TLS_IDENTITIES_MAX)
			h->binders[n_binders] = binder;
	}
	h->n_identities = MIN(n, (size_t)TLS_IDENTITIES_MAX);
	return !c.bad && !each.bad && n == n_binders && n > 0;
}

/* What would change the handshake in a way that only OpenSSL knows. */
static bool leave(struct strv data, struct tls_hello *h)
{
	return false;
}

enum { PRE_SHARED_KEY = 41 };

static const struct {
	uint16_t type;
	bool (*read)(struct strv data, struct tls_hello *h);
} extensions[] = {
	{ 0, read_sni },       { 1, leave } /* max_fragment_length */,
	{ 10, read_groups },   { 13, read_schemes },
	{ 16, read_alpn },     { 42, leave } /* early_data */,
	{ 43, read_versions }, { 44, leave } /* cookie */,
	{ 45, read_modes },    { 50, read_schemes_below } /* signature_algorithms_cert */,
	{ 51, read_shares },   { PRE_SHARED_KEY, read_tickets },
};

/* Unknown ones are ignored. No number comes twice (RFC 8446 4.2): of those in use, all that a client
 * sends but renegotiation_info, which means nothing here, are below 64. */
static bool read_extension(size_t type, struct strv data, struct tls_hello *h,
			   uint64_t *seen)
{
	uint64_t bit = type < 64 ? UINT64_C(1) << type : 0;

	if (*seen & bit)
		return false;
	*seen |= bit;
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (extensions[i].type == type)
			return extensions[i].read(data, h);
	return true;
}

/* Tickets are the last, and come with what they are for (RFC 8446 4.2.9, 4.2.11). */
static bool read_extensions(struct strv in, struct tls_hello *h)
{
	struct cursor c = cursor_of(in);
	uint64_t seen = 0;
	size_t type = 0;

	while (!c.bad && c.left.n) {
		struct strv data;

		type = take_number(&c, 2);
		data = take_vector(&c, 2);
		if (c.bad || !read_extension(type, data, h, &seen))
			return false;
	}
	return !c.bad &&
	       (h->n_identities == 0 || (type == PRE_SHARED_KEY && h->has_modes));
}

bool tls_hello_read(struct strv in, struct tls_hello *ret)
{
	struct cursor message = cursor_of(in), c;
	struct strv compression, extensions_in;

	*ret = (struct tls_hello){ .message = in };
	if (take_number(&message, 1) != CLIENT_HELLO)
		return false;
	c = cursor_of(take_vector(&message, 3));
	if (!is_at_end(&message) || take_number(&c, 2) != 0x0303)
		return false;
	take(&c, RANDOM_LEN);
	ret->session_id = take_vector(&c, 1);
	ret->suites = take_vector(&c, 2);
	compression = take_vector(&c, 1);
	extensions_in = take_vector(&c, 2);
	return is_at_end(&c) && ret->session_id.n <= TLS_SESSION_ID_MAX &&
	       ret->suites.n % 2 == 0 && compression.n == 1 && compression.p[0] == 0 &&
	       read_extensions(extensions_in, ret);
}
