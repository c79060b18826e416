/* Where a listener listens: what shows only when its options are read together, and beside the
 * other listeners. */
#include "base/net.h"
#include "core/options/conf_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

union raw {
	struct in_addr v4;
	struct in6_addr v6;
};

/* 4, 6, or 0: none. */
static int parse(struct strv text, union raw *to)
{
	if (inet_pton(AF_INET, text.p, to) == 1)
		return 4;
	return inet_pton(AF_INET6, text.p, to) == 1 ? 6 : 0;
}

void conf_check_address(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *text = dst;
	char normal[INET6_ADDRSTRLEN];
	union raw raw;
	int version = parse(*text, &raw);

	if (version == 0) {
		conf_complain_expected(c, "an IP address");
	} else if (version == 6 && IN6_IS_ADDR_V4MAPPED(&raw.v6)) {
		conf_complain(c,
			      "a listener of IPv6 takes no IPv4: give the IPv4 address");
	} else {
		inet_ntop(version == 4 ? AF_INET : AF_INET6, &raw, normal,
			  sizeof(normal));
		*text = arena_strv(conf_arena(c), strv_from(normal));
	}
}

void conf_check_ip_version(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const int64_t *version = dst;

	if (*version != 4 && *version != 6)
		conf_complain_expected(c, "4 or 6");
}

/* 0 turns it off. */
void conf_check_limit(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	int64_t *limit = dst;

	if (*limit == 0)
		*limit = CONF_INFINITY;
}

void conf_check_net(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *text = dst;
	struct net n;

	if (net_parse(*text, &n) < 0)
		conf_complain_expected(c, "an IP address or network");
}

void conf_settle_proxy(struct conf *c, size_t i, const struct toml_table *root,
		       struct conf_errors *e)
{
	struct conf_listener *l = &c->c2s[i];
	char key[64];

	snprintf(key, sizeof(key), "listen.c2s[%zu].proxy_protocol_trusted", i + 1);
	if (l->n_proxy_trusted && !l->proxy_protocol)
		conf_error_at(e, root, key, "it is about proxy_protocol, which is false");
	l->proxy_nets = ARENA_ARRAY(c->arena, struct net, l->n_proxy_trusted);
	for (size_t k = 0; k < l->n_proxy_trusted; k++)
		if (net_parse(l->proxy_trusted[k], &l->proxy_nets[k]) < 0)
			continue; /* the error is in the list already */
}

static bool is_wildcard(struct strv address)
{
	return strv_is(address, "0.0.0.0") || strv_is(address, "::");
}

static int version_of(const struct conf_listener *l)
{
	union raw raw;

	return parse(l->ip_address, &raw);
}

/* The kernel would refuse the second of them; with reuse_port on both, one address may be of
 * all, and the other gets what is for it. */
static bool overlap(const struct conf_listener *a, const struct conf_listener *b)
{
	if (a->port != b->port || version_of(a) != version_of(b))
		return false;
	if (strv_eq(a->ip_address, b->ip_address))
		return true;
	return (is_wildcard(a->ip_address) || is_wildcard(b->ip_address)) &&
	       !(a->reuse_port && b->reuse_port);
}

void conf_settle_address(struct conf *c, size_t i, const struct toml_table *root,
			 struct conf_errors *e)
{
	struct conf_listener *l = &c->c2s[i];
	char key[64];

	if (l->ip_address.p == NULL)
		l->ip_address = l->ip_version == 6 ? STRV("::") : STRV("0.0.0.0");
	snprintf(key, sizeof(key), "listen.c2s[%zu].ip_version", i + 1);
	if (l->ip_version != CONF_UNSET && version_of(l) != l->ip_version)
		conf_error_at(e, root, key,
			      "expected %d, as ip_address is one, found %lld",
			      version_of(l), (long long)l->ip_version);
	snprintf(key, sizeof(key), "listen.c2s[%zu].port", i + 1);
	for (size_t k = 0; k < i; k++) {
		if (!overlap(&c->c2s[k], l))
			continue;
		if (strv_eq(c->c2s[k].ip_address, l->ip_address))
			conf_error_at(e, root, key,
				      "listen.c2s[%zu] has this address and port", k + 1);
		else
			conf_error_at(e, root, key,
				      "listen.c2s[%zu] has this port, and one of both "
				      "listens on all addresses",
				      k + 1);
	}
}
