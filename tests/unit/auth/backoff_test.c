#include "auth/backoff.h"
#include "test.h"

#include <stdio.h>

static const struct backoff_conf conf = {
	.per_account = 3,
	.per_address = 9,
	.forget_ms = 300000,
	.max_delay_ms = 30000,
};

#define HOME  "192.0.2.1"
#define OTHER "198.51.100.7"

static struct strv romeo = { "romeo@example.com", 17 };

static msec_t wrong(struct backoff *b, const char *account, const char *address,
		    msec_t now)
{
	return backoff_wrong(b, &conf, strv_from(account), address, now);
}

static void fail_often(struct backoff *b, const char *address, int n, msec_t now)
{
	for (int i = 0; i < n; i++)
		(void)!wrong(b, "romeo@example.com", address, now);
}

TEST(backoff_doubles_up_to_its_maximum)
{
	static const msec_t want[] = { 0,    0,	    1000,  2000,  4000,
				       8000, 16000, 30000, 30000, 30000 };
	struct backoff *b = backoff_new(64);

	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000), want[i]);
	for (int i = 0; i < 100; i++)
		CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000), 30000);
	backoff_free(&b);
	CHECK(b == NULL);
}

TEST(backoff_forgets)
{
	struct backoff *b = backoff_new(64);

	fail_often(b, HOME, 4, 1000);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000 + 299999), 4000);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000 + 299999 + 300000), 0);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000 + 299999 + 300001), 0);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000 + 299999 + 300002), 1000);
	backoff_free(&b);
}

/* The right password waits for what is left of the delay, and then the count begins anew. */
TEST(backoff_of_the_right_password)
{
	struct backoff *b = backoff_new(64);

	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 0), 0);
	fail_often(b, HOME, 4, 1000);
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 1000), 2000);
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 2500), 500);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 2500), 4000);
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 6500), 0);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 6500), 8000); /* from anywhere */
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 6500), 0);
	backoff_free(&b);
}

/* Nobody can make the owner wait who comes from elsewhere; a wrong password waits, wherever. */
TEST(backoff_locks_nobody_out_from_another_address)
{
	struct backoff *b = backoff_new(64);

	fail_often(b, OTHER, 50, 1000);
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 1000), 0);
	CHECK_INT(wrong(b, "romeo@example.com", HOME, 1000), 30000);
	CHECK_INT(backoff_right(b, &conf, romeo, HOME, 1000), 0);
	CHECK_INT(backoff_right(b, &conf, STRV("juliet@example.com"), HOME, 1000), 0);
	CHECK_INT(wrong(b, "juliet@example.com", HOME, 1000), 0);
	backoff_free(&b);
}

/* One password, many accounts: none of them has failed often, the address has. */
TEST(backoff_of_an_address)
{
	struct backoff *b = backoff_new(64);
	char account[32];

	for (int i = 0; i < 8; i++) {
		snprintf(account, sizeof(account), "user%d@example.com", i);
		CHECK_INT(wrong(b, account, HOME, 1000), 0);
	}
	CHECK_INT(wrong(b, "user8@example.com", HOME, 1000), 1000);
	CHECK_INT(backoff_right(b, &conf, STRV("user0@example.com"), HOME, 1000), 1000);
	CHECK_INT(wrong(b, "user9@example.com", HOME, 1000), 2000);
	CHECK_INT(wrong(b, "user7@example.com", OTHER, 1000), 0);
	CHECK_INT(backoff_right(b, &conf, STRV("user0@example.com"), HOME, 3000), 0);
	CHECK_INT(wrong(b, "user0@example.com", HOME, 3000), 4000);
	backoff_free(&b);
}

TEST(backoff_takes_a_network_of_ipv6_for_one_address)
{
	struct backoff *b = backoff_new(64);

	fail_often(b, "2001:db8::1", 3, 1000);
	CHECK_INT(backoff_right(b, &conf, romeo, "2001:db8::ffff:1:2:3", 1000), 1000);
	CHECK_INT(backoff_right(b, &conf, romeo, "2001:db8:0:1::1", 1000), 0);
	fail_often(b, "::ffff:192.0.2.1", 3, 1000);
	CHECK(backoff_right(b, &conf, romeo, HOME, 1000) > 0);
	CHECK_INT(backoff_right(b, &conf, romeo, "192.0.2.2", 1000), 0);
	fail_often(b, "somewhere", 3, 1000);
	CHECK(backoff_right(b, &conf, romeo, "somewhere", 1000) > 0);
	backoff_free(&b);
}

/* However many others fail once, those who fail again and again stay in the table. */
TEST(backoff_table_keeps_what_weighs_most)
{
	struct backoff *b = backoff_new(64);
	char account[32], address[32];

	fail_often(b, HOME, 5, 1000);
	for (int i = 0; i < 5000; i++) {
		snprintf(account, sizeof(account), "user%d@example.com", i);
		snprintf(address, sizeof(address), "10.1.%d.%d", i / 250, i % 250 + 1);
		CHECK_INT(wrong(b, account, address, 1001 + i), 0);
	}
	CHECK(wrong(b, "romeo@example.com", HOME, 7000) >= 8000);
	backoff_free(&b);
}

TEST(backoff_can_be_off)
{
	struct backoff_conf off = conf;
	struct backoff *b = backoff_new(64);

	off.per_account = off.per_address = BACKOFF_OFF;
	fail_often(b, HOME, 50, 1000);
	CHECK_INT(backoff_wrong(b, &off, romeo, HOME, 1000), 0);
	CHECK_INT(backoff_right(b, &off, romeo, HOME, 1000), 0);
	off.per_address = 6;
	CHECK_INT(backoff_right(b, &off, romeo, HOME, 1000), 30000);
	CHECK_INT(backoff_wrong(b, &off, romeo, OTHER, 1000), 0);
	backoff_free(&b);
}
