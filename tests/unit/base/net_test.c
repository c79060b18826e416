#include "base/net.h"
#include "test.h"

static struct net parsed(const char *text)
{
	struct net n;

	CHECK_INT(net_parse(strv_from(text), &n), 0);
	return n;
}

static void check_text(const char *text, const char *want, int bits)
{
	struct net n = parsed(text);
	char out[NET_TEXT_MAX];

	net_text(&n, out);
	CHECK_STR(strv_from(out), want);
	CHECK_INT(n.bits, bits);
}

TEST(net_reads_addresses_and_networks)
{
	check_text("192.0.2.1", "192.0.2.1", 32);
	check_text("9.10.99.100", "9.10.99.100", 32);
	check_text("109.0.255.200", "109.0.255.200", 32);
	check_text("192.0.2.1/24", "192.0.2.0", 24);
	check_text("192.0.2.255/31", "192.0.2.254", 31);
	check_text("192.0.2.1/32", "192.0.2.1", 32);
	check_text("192.0.2.1/0", "0.0.0.0", 0);
	check_text("2001:DB8::1", "2001:db8::1", 128);
	check_text("2001:db8:ffff::1/33", "2001:db8:8000::", 33);
	check_text("::/0", "::", 0);
	check_text("::ffff:192.0.2.1", "192.0.2.1", 32);
}

TEST(net_refuses_what_is_none)
{
	static const char *const bad[] = {
		"",
		"/",
		"192.0.2",
		"192.0.2.1/",
		"192.0.2.1/33",
		"192.0.2.1/-1",
		"192.0.2.1/8x",
		"2001:db8::1/129",
		"::1%lo",
		"192.0.2.01",
		"192.0.2.1 ",
		"localhost",
		"/24",
		"192.0.2.1/8/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0"
	};
	struct net n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(net_parse(strv_from(bad[i]), &n), -EINVAL);
	CHECK_INT(net_parse(strv_make("192.0.2.1\0", 10), &n), -EINVAL);
	CHECK_INT(net_parse_address(STRV("192.0.2.0/24"), &n), -EINVAL);
}

static bool has(const char *network, const char *address)
{
	struct net n = parsed(network), a = parsed(address);

	return net_has(&n, &a);
}

TEST(net_has_its_addresses_and_no_others)
{
	CHECK(has("192.0.2.0/24", "192.0.2.255"));
	CHECK(!has("192.0.2.0/24", "192.0.3.0"));
	CHECK(has("192.0.2.96/27", "192.0.2.127"));
	CHECK(!has("192.0.2.96/27", "192.0.2.128"));
	CHECK(has("192.0.2.7", "192.0.2.7"));
	CHECK(!has("192.0.2.7", "192.0.2.8"));
	CHECK(has("0.0.0.0/0", "203.0.113.9"));
	CHECK(!has("0.0.0.0/0", "::1"));
	CHECK(!has("::/0", "192.0.2.1"));
	CHECK(has("2001:db8::/64", "2001:db8::ffff:1"));
	CHECK(!has("2001:db8::/64", "2001:db8:0:1::"));
	CHECK(has("192.0.2.0/24", "::ffff:192.0.2.9"));
}

TEST(net_owner_of_ipv6_has_a_64)
{
	CHECK(net_owner(STRV("2001:db8:0:1::1")) ==
	      net_owner(STRV("2001:db8:0:1:ffff::2")));
	CHECK(net_owner(STRV("2001:db8:0:1::1")) != net_owner(STRV("2001:db8:0:2::1")));
	CHECK(net_owner(STRV("192.0.2.1")) != net_owner(STRV("192.0.2.2")));
	CHECK(net_owner(STRV("192.0.2.1")) == net_owner(STRV("::ffff:192.0.2.1")));
	CHECK(net_owner(STRV("c000:201::")) != net_owner(STRV("192.0.2.1")));
	CHECK(net_owner(STRV("unknown")) != net_owner(STRV("192.0.2.1")));
}
