/* What admission counts with: addresses, and the rate. */
#include "core/listen/admission.h"
#include "test.h"

static struct net at(const char *text)
{
	struct net n;

	CHECK_INT(net_parse(strv_from(text), &n), 0);
	return n;
}

TEST(source_counts_each_address_and_network_for_itself)
{
	struct net a = at("192.0.2.1"), b = at("192.0.2.2"), net = at("192.0.2.0/24");
	struct sources s;

	sources_init(&s);
	CHECK(sources_take(&s, &a, 2) && sources_take(&s, &a, 2));
	CHECK(!sources_take(&s, &a, 2));
	CHECK(sources_take(&s, &b, 1));
	CHECK(sources_take(&s, &net, 1));
	CHECK(!sources_take(&s, &net, 1));
	sources_give(&s, &a);
	CHECK(sources_take(&s, &a, 2));
	CHECK(!sources_take(&s, &a, 2));
	sources_give(&s, &a);
	sources_give(&s, &a);
	CHECK(sources_take(&s, &a, 1));
	sources_give(&s, &a);
	sources_give(&s, &b);
	sources_give(&s, &net);
	sources_fini(&s); /* asserts that nothing is left */
}

TEST(source_takes_a_lower_limit_from_one_moment_to_the_next)
{
	struct net a = at("2001:db8::1");
	struct sources s;

	sources_init(&s);
	for (int i = 0; i < 3; i++)
		CHECK(sources_take(&s, &a, 3));
	CHECK(!sources_take(&s, &a, 1));
	for (int i = 0; i < 3; i++)
		sources_give(&s, &a);
	sources_fini(&s);
}

/* So many at this moment. */
static int take_all(_Atomic int64_t *until, int64_t rate, msec_t now)
{
	int n = 0;

	for (; rate_wait(until, rate, now) == 0; n++)
		rate_take(until, rate, now);
	return n;
}

TEST(rate_allows_a_second_at_once_and_then_what_time_brings)
{
	_Atomic int64_t until = 0;
	msec_t now = 100000;

	CHECK_INT(take_all(&until, 100, now), 100);
	CHECK_INT(rate_wait(&until, 100, now), 10);
	CHECK_INT(rate_wait(&until, 100, now + 9), 1);
	CHECK_INT(take_all(&until, 100, now + 10), 1);
	CHECK_INT(take_all(&until, 100, now + 510), 50);
	CHECK_INT(take_all(&until, 100, now + 5000), 100);
	CHECK_INT(take_all(&until, 100, now + 3600000), 100);
}

TEST(rate_of_one_and_of_many)
{
	_Atomic int64_t until = 0;
	msec_t now = 100000;

	CHECK_INT(take_all(&until, 1, now), 1);
	CHECK_INT(rate_wait(&until, 1, now), 1000);
	CHECK_INT(take_all(&until, 1, now + 999), 0);
	CHECK_INT(take_all(&until, 1, now + 1000), 1);
	until = 0;
	CHECK_INT(take_all(&until, 1000000, now), 1000000);
	CHECK_INT(take_all(&until, 1000000, now + 1), 1000);
}

/* A reload may change it: what was taken before stays paid for. */
TEST(rate_can_change)
{
	_Atomic int64_t until = 0;
	msec_t now = 100000;

	CHECK_INT(take_all(&until, 10, now), 10);
	CHECK_INT(take_all(&until, 1000, now), 0);
	CHECK_INT(take_all(&until, 1000, now + 100), 100);
}

/* --- those who go without a login --- */

static void leave(struct admission *a, unsigned n, msec_t now)
{
	while (n--)
		admission_note_left(a, 2, now);
}

TEST(churn_is_when_more_go_than_may)
{
	enum { MANY = 2 * ADMISSION_LEFT_RATE }; /* of two workers */
	struct admission a = { 0 };
	msec_t now = 100000;

	CHECK(!admission_is_churned(&a, 2, now));
	leave(&a, MANY - 1, now);
	CHECK(!admission_is_churned(&a, 2, now));
	leave(&a, 1, now);
	CHECK(admission_is_churned(&a, 2, now));
	for (int i = 0; i < 10000; i++) { /* from here on just as many as may */
		now++;
		CHECK(!admission_is_churned(&a, 2, now));
		leave(&a, MANY / 1000, now);
	}
	CHECK(admission_is_churned(&a, 2, now));
}

TEST(churn_is_over_in_a_second)
{
	struct admission a = { 0 };
	msec_t now = 100000;

	for (int i = 0; i < 60; i++, now += 1000)
		leave(&a, 100 * ADMISSION_LEFT_RATE, now);
	now -= 1000;
	CHECK(admission_is_churned(&a, 2, now + 999));
	CHECK(!admission_is_churned(&a, 2, now + 1001));
}
