#include "base/thread.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

struct seen {
	int policy, before, after;
};

static void *look(void *arg)
{
	struct seen *s = arg;

	s->before = getpriority(PRIO_PROCESS, (id_t)gettid());
	thread_be_prompt();
	s->policy = sched_getscheduler(0);
	CHECK_INT(getpriority(PRIO_PROCESS, (id_t)gettid()), s->before);
	thread_be_nice();
	thread_be_prompt();
	s->after = getpriority(PRIO_PROCESS, (id_t)gettid());
	return NULL;
}

TEST(thread_is_nice_alone_and_prompt_without_a_change_of_priority)
{
	int ours = getpriority(PRIO_PROCESS, (id_t)gettid());
	struct seen s;
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, look, &s), 0);
	CHECK_INT(pthread_join(t, NULL), 0);
	CHECK_INT(s.policy, SCHED_OTHER);
	CHECK_INT(s.after, MIN(s.before + 5, 19));
	CHECK_INT(getpriority(PRIO_PROCESS, (id_t)gettid()), ours);
}
