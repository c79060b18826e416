/* In-band registration: who may, and with what. */
#include "core/account/register.h"
#include "test.h"
#include "xml/xml.h"

/* The greatest number of bits that still lets this password pass. */
static int64_t strength(const char *password)
{
	struct register_conf c = { 0 };

	while (c.password_strength < 1000 && register_is_strong(&c, strv_from(password)))
		c.password_strength++;
	return c.password_strength - 1;
}

/* The examples of MongooseIM's documentation: 23.5, 30.8, 53.4, 51.3, 45.9, 78. */
TEST(register_measures_passwords_as_mongooseim_does)
{
	CHECK_INT(strength("kotek"), 23);
	CHECK_INT(strength("abc123"), 30);
	CHECK_INT(strength("L33tSp34k"), 53);
	CHECK_INT(strength("CamelCase"), 51);
	CHECK_INT(strength("lowUP1#:"),
		  52); /* 8 * log2(94): the documentation forgets the ':' */
	CHECK_INT(strength("lowUP1#\u2764"), 77);
	CHECK_INT(strength("\x7f"), 7);
	CHECK_INT(strength(" "), 7);
	CHECK_INT(strength("~"), 5);
}

TEST(register_takes_any_password_when_no_strength_is_asked_for)
{
	struct register_conf c = { 0 };

	CHECK(register_is_strong(&c, STRV("a")));
	CHECK(register_is_strong(&c, STRV("")));
}

static struct register_net net(const char *address, unsigned bits, bool deny)
{
	struct register_net n = { .deny = deny };

	CHECK_INT(net_parse_address(strv_from(address), &n.net), 0);
	n.net = net_around(&n.net, (uint8_t)bits);
	return n;
}

TEST(register_asks_the_smallest_network_that_holds_the_address)
{
	struct register_net nets[] = {
		net("0.0.0.0", 0, true),     net("192.0.2.0", 24, false),
		net("192.0.2.77", 32, true), net("192.0.2.96", 27, true),
		net("2001:db8::", 33, true), net("2001:db8::7", 128, false),
	};
	struct register_conf c = { .ip_access = nets, .n_ip_access = ARRAY_LEN(nets) };

	CHECK(!register_address_may(&c, "198.51.100.1"));
	CHECK(register_address_may(&c, "192.0.2.1"));
	CHECK(!register_address_may(&c, "192.0.2.77"));
	CHECK(register_address_may(&c, "192.0.2.95"));
	CHECK(!register_address_may(&c, "192.0.2.96"));
	CHECK(!register_address_may(&c, "192.0.2.127"));
	CHECK(register_address_may(&c, "192.0.2.128"));
	CHECK(!register_address_may(&c, "192.0.3.1"));
	CHECK(!register_address_may(&c, "2001:db8:7fff::1"));
	CHECK(register_address_may(&c, "2001:db8:8000::1"));
	CHECK(register_address_may(&c, "2001:db8::7"));
	CHECK(register_address_may(&c, "2001:db9::1"));
}

TEST(register_refuses_an_address_that_is_none_when_there_are_rules)
{
	struct register_net nets[] = { net("192.0.2.0", 24, false) };
	struct register_conf c = { .ip_access = nets, .n_ip_access = 1 };

	CHECK(!register_address_may(&c, "unknown"));
	c.n_ip_access = 0;
	CHECK(register_address_may(&c, "unknown"));
}

static void read(struct arena *a, const char *xml, struct register_fields *ret)
{
	struct xml_el *el;

	CHECK_INT(xml_parse(a, strv_from(xml), NS_CLIENT, &el), 0);
	register_read(a, el, ret);
}

TEST(register_reads_the_fields_of_its_namespace_only)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct register_fields f;

	read(a,
	     "<query xmlns='jabber:iq:register'><username>a&amp;b</username><password/></query>",
	     &f);
	CHECK_STR(f.username, "a&b");
	CHECK(f.password.p && f.password.n == 0 && !f.remove);
	read(a,
	     "<query xmlns='jabber:iq:register'><remove/><username xmlns='x'>a</username></query>",
	     &f);
	CHECK(f.remove && f.username.p == NULL && f.password.p == NULL);
}

TEST(register_wipes_its_copy_of_a_password_and_not_what_came_in)
{
	static const char plain[] =
		"<query xmlns='jabber:iq:register'><password>secret</password></query>";
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct register_fields f;
	const char *copy;

	read(a,
	     "<query xmlns='jabber:iq:register'><password>se&lt;cret</password></query>",
	     &f);
	CHECK_STR(f.password, "se<cret");
	copy = f.password.p;
	register_wipe(&f);
	CHECK(f.password.p == NULL);
	for (size_t i = 0; i < strlen("se<cret"); i++)
		CHECK_INT(copy[i], 0);
	read(a, plain, &f);
	CHECK_STR(f.password, "secret");
	register_wipe(&f);
	CHECK(f.password.p == NULL);
	CHECK(strstr(plain, ">secret<") != NULL);
}
