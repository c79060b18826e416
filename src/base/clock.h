/* Time. Everything that waits uses the monotonic clock, in milliseconds; stamps in stanzas
 * and in the database use the wall clock. A test can put its own time in place of both. */
#pragma once

#include "base/base.h"

typedef int64_t msec_t;	  /* monotonic, since an arbitrary moment */
typedef int64_t wallus_t; /* microseconds since 1970-01-01 UTC */

msec_t clock_mono_ms(void);
uint64_t clock_mono_us(void); /* the same moment, in 1,000 times as fine steps */
wallus_t clock_wall_us(void);
uint64_t
clock_mono_ns(void); /* the same without a test's time, and without a system call */
uint64_t clock_thread_cpu_ns(void);

/* Test only: from here on both clocks stand still and move by clock_fake_advance(). */
void clock_fake_set(msec_t mono, wallus_t wall);
void clock_fake_advance(msec_t by);
void clock_fake_advance_us(int64_t by);
void clock_fake_off(void);
