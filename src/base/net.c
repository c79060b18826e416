#include "base/net.h"
#include "base/hash.h"

#include <arpa/inet.h>

static uint8_t all_bits(bool v6)
{
	return v6 ? 128 : 32;
}

struct net net_from_raw(bool v6, const uint8_t *raw)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct net n = { 0 };

	if (v6 && memcmp(raw, mapped, sizeof(mapped)) == 0) {
		v6 = false;
		raw += sizeof(mapped);
	}
	n.v6 = v6;
	n.bits = all_bits(v6);
	memcpy(n.raw, raw, n.bits / 8);
	return n;
}

int net_parse_address(struct strv text, struct net *ret)
{
	char z[NET_TEXT_MAX];
	uint8_t raw[16];

	if (text.n == 0 || text.n >= sizeof(z) || strv_find(text, '\0') >= 0)
		return -EINVAL;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET, z, raw) == 1)
		*ret = net_from_raw(false, raw);
	else if (inet_pton(AF_INET6, z, raw) == 1)
		*ret = net_from_raw(true, raw);
	else
		return -EINVAL;
	return 0;
}

int net_parse(struct strv text, struct net *ret)
{
	ptrdiff_t slash = strv_find(text, '/');
	uint64_t bits;
	struct net n;

	if (slash < 0)
		return net_parse_address(text, ret);
	if (net_parse_address(strv_make(text.p, (size_t)slash), &n) < 0 ||
	    strv_to_u64(strv_from_pos(text, (size_t)slash + 1), n.bits, &bits) < 0)
		return -EINVAL;
	*ret = net_around(&n, (uint8_t)bits);
	return 0;
}

struct net net_around(const struct net *address, uint8_t bits)
{
	struct net n = *address;
	size_t whole = bits / 8;

	if (bits >= n.bits)
		return n;
	n.bits = bits;
	n.raw[whole] &= (uint8_t) ~(0xff >> (bits % 8));
	memset(n.raw + whole + 1, 0, sizeof(n.raw) - whole - 1);
	return n;
}

uint64_t net_owner(struct strv address)
{
	struct net at;

	if (net_parse_address(address, &at) < 0)
		return hash_strv(address);
	if (at.v6)
		at = net_around(&at, 64);
	return hash_bytes(at.raw, at.v6 ? 16 : 4);
}

bool net_eq(const struct net *a, const struct net *b)
{
	return a->v6 == b->v6 && a->bits == b->bits &&
	       memcmp(a->raw, b->raw, sizeof(a->raw)) == 0;
}

bool net_has(const struct net *n, const struct net *address)
{
	struct net around = net_around(address, n->bits);

	return net_eq(&around, n);
}

/* inet_ntop() prints with a format, for each login several times. */
static void v4_text(const uint8_t raw[4], char *to)
{
	for (int i = 0; i < 4; i++) {
		unsigned n = raw[i];

		if (n >= 100)
			*to++ = (char)('0' + n / 100);
		if (n >= 10)
			*to++ = (char)('0' + n / 10 % 10);
		*to++ = (char)('0' + n % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
}

void net_text(const struct net *n, char to[static NET_TEXT_MAX])
{
	const char *r;

	if (!n->v6) {
		v4_text(n->raw, to);
		return;
	}
	r = inet_ntop(AF_INET6, n->raw, to, NET_TEXT_MAX);
	ASSERT(r != NULL);
}
