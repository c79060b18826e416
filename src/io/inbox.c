#include "io/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

int inbox_init(struct inbox *in)
{
	*in = (struct inbox){ .event_fd = -1, .share = INBOX_SHARE };
	in->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return in->event_fd < 0 ? -errno : 0;
}

void inbox_fini(struct inbox *in)
{
	ASSERT(inbox_is_empty(in));
	if (in->event_fd >= 0)
		close(in->event_fd);
	in->event_fd = -1;
}

void inbox_wake(struct inbox *in)
{
	uint64_t one = 1;
	ssize_t r = write(in->event_fd, &one, sizeof(one));
	(void)r; /* EAGAIN: it is awake a thousand times over */
}

void inbox_post(struct inbox *in, struct inbox_msg *m)
{
	struct inbox_msg *head = atomic_load_explicit(&in->head, memory_order_relaxed);

	atomic_fetch_add_explicit(&in->bytes, m->bytes, memory_order_relaxed);
	do
		m->next = head;
	while (!atomic_compare_exchange_weak(&in->head, &head, m));
	/* The consumer sets `sleeping` before it looks at `head` for the last time, and we do it
	 * the other way round: one of us sees the other. */
	if (atomic_load(&in->sleeping) && atomic_exchange(&in->sleeping, false))
		inbox_wake(in);
}

bool inbox_sleep(struct inbox *in)
{
	if (in->taken)
		return false;
	atomic_store(&in->sleeping, true);
	if (atomic_load(&in->head) == NULL)
		return true;
	atomic_store(&in->sleeping, false);
	return false;
}

void inbox_awake(struct inbox *in)
{
	atomic_store(&in->sleeping, false);
}

static struct inbox_msg *reverse(struct inbox_msg *m)
{
	struct inbox_msg *done = NULL;

	while (m) {
		struct inbox_msg *next = m->next;
		m->next = done;
		done = m;
		m = next;
	}
	return done;
}

bool inbox_run(struct inbox *in, void *owner)
{
	struct inbox_msg *m = in->taken;
	uint64_t work = 0;

	if (m == NULL) {
		if (atomic_load_explicit(&in->head, memory_order_relaxed) == NULL)
			return false;
		m = reverse(atomic_exchange(&in->head, NULL));
	}
	do {
		struct inbox_msg *next = m->next;
		uint32_t bytes = m->bytes;

		work += 1 + (bytes >> 10) + m->run(m, owner);
		atomic_fetch_sub_explicit(&in->bytes, bytes, memory_order_relaxed);
		m = next;
	} while (m && work < in->share);
	in->taken = m;
	return m != NULL;
}
