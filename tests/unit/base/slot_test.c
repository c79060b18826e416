#include "base/clock.h"
#include "base/log.h"
#include "base/slot.h"
#include "test.h"

TEST(slot_handle_dies_with_what_it_named)
{
	struct slots s;
	struct handle a, b, c;
	int x, y;

	slots_init(&s, 3, 2);
	CHECK_INT(slots_add(&s, &x, &a), 0);
	CHECK_INT(slots_add(&s, &y, &b), 0);
	CHECK_INT(slots_add(&s, &x, &c), -ENOSPC);
	CHECK(a.worker == 3 && slots_get(&s, a) == &x && slots_get(&s, b) == &y);
	slots_remove(&s, a);
	CHECK(slots_get(&s, a) == NULL);
	CHECK_INT(slots_add(&s, &y, &c), 0);
	CHECK(c.slot == a.slot && slots_get(&s, a) == NULL && slots_get(&s, c) == &y);
	CHECK(slots_get(&s, HANDLE_NONE) == NULL);
	slots_fini(&s);
}

TEST(clock_can_be_faked)
{
	clock_fake_set(1000, 5000000);
	clock_fake_advance(250);
	CHECK_INT(clock_mono_ms(), 1250);
	CHECK_INT(clock_wall_us(), 5250000);
	clock_fake_advance_us(999);
	CHECK_INT(clock_mono_us(), 1250999);
	CHECK_INT(clock_mono_ms(), 1250);
	clock_fake_off();
	CHECK(clock_wall_us() > 1600000000000000);
}

TEST(log_limit_counts_what_it_drops)
{
	struct log_limit l = { 0 };
	unsigned dropped;

	clock_fake_set(60000, 0);
	CHECK(log_limit_ok(&l, 2, &dropped) && log_limit_ok(&l, 2, &dropped));
	CHECK(!log_limit_ok(&l, 2, &dropped) && !log_limit_ok(&l, 2, &dropped));
	clock_fake_advance(60000);
	CHECK(log_limit_ok(&l, 2, &dropped));
	CHECK_INT(dropped, 2);
	clock_fake_off();
}
