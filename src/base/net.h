/* IP addresses and networks as values. An IPv4 address within IPv6 (::ffff:192.0.2.1) is the IPv4
 * address. */
#pragma once

#include "base/strv.h"

struct net {
	bool v6;
	uint8_t bits; /* of the prefix; an address has all, 32 or 128 */
	uint8_t raw[16];
};

enum { NET_TEXT_MAX = 46 }; /* with its NUL */

/* "192.0.2.1", "2001:db8::1". 0 or -EINVAL. */
nodiscard int net_parse_address(struct strv text, struct net *ret);
/* The same, or a network: "192.0.2.0/24", "2001:db8::/32". Bits behind the prefix are ignored. */
nodiscard int net_parse(struct strv text, struct net *ret);
struct net net_from_raw(bool v6, const uint8_t *raw);

/* Of whom an address is, hashed: of itself in IPv4, of its /64 in IPv6, where one subscriber has 2^64
 * addresses. What is no address is somebody, too. */
nodiscard uint64_t net_owner(struct strv address);

bool net_has(const struct net *n, const struct net *address);
/* The network of so many bits around an address; they are cut to what it has. */
struct net net_around(const struct net *address, uint8_t bits);
bool net_eq(const struct net *a, const struct net *b);
void net_text(const struct net *n, char to[static NET_TEXT_MAX]); /* without the bits */
