#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_bool fake;
static _Atomic int64_t fake_mono; /* us */
static _Atomic wallus_t fake_wall;

static int64_t now_ns(clockid_t id)
{
	struct timespec ts;
	int r = clock_gettime(id, &ts);
	ASSERT(r == 0);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

msec_t clock_mono_ms(void)
{
	if (unlikely(atomic_load_explicit(&fake, memory_order_relaxed)))
		return fake_mono / 1000;
	return now_ns(CLOCK_MONOTONIC) / 1000000;
}

uint64_t clock_mono_us(void)
{
	if (unlikely(atomic_load_explicit(&fake, memory_order_relaxed)))
		return (uint64_t)fake_mono;
	return (uint64_t)now_ns(CLOCK_MONOTONIC) / 1000;
}

wallus_t clock_wall_us(void)
{
	if (unlikely(atomic_load_explicit(&fake, memory_order_relaxed)))
		return fake_wall;
	return now_ns(CLOCK_REALTIME) / 1000;
}

uint64_t clock_mono_ns(void)
{
	return (uint64_t)now_ns(CLOCK_MONOTONIC);
}

uint64_t clock_thread_cpu_ns(void)
{
	return (uint64_t)now_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clock_fake_set(msec_t mono, wallus_t wall)
{
	fake_mono = mono * 1000;
	fake_wall = wall;
	fake = true;
}

void clock_fake_advance_us(int64_t by)
{
	ASSERT(fake);
	fake_mono += by;
	fake_wall += by;
}

void clock_fake_advance(msec_t by)
{
	clock_fake_advance_us(by * 1000);
}

void clock_fake_off(void)
{
	fake = false;
}
