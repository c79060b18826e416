#include "base/thread.h"

#include <linux/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICER_BY = 5 };

/* As sched_setattr(2) has it; the C library does not. */
struct sched_attr {
	__u32 size;
	__u32 policy;
	__u64 flags;
	__s32 nice;
	__u32 priority;
	__u64 runtime; /* ns; of a thread without a deadline: its slice */
	__u64 deadline;
	__u64 period;
};

void thread_be_prompt(void)
{
	struct sched_attr attr = { .size = sizeof(attr) };

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
		return;
	attr.runtime = THREAD_PROMPT_US * 1000;
	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

void thread_be_nice(void)
{
	id_t self = (id_t)gettid();

	(void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICER_BY);
}
