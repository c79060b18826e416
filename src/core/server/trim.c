#include "core/server/trim.h"
#include "core/listen/port.h"
#include "core/server/server.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	QUIET = 20
}; /* connections between two looks: fewer need no memory worth speaking of */

/* What is never written to is as it is in the file, and comes back from there. */
static int let_go(struct dl_phdr_info *so, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < so->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &so->dlpi_phdr[i];
		uintptr_t from = (so->dlpi_addr + p->p_vaddr) & ~(page - 1),
			  to = so->dlpi_addr + p->p_vaddr + p->p_filesz;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void trim_started(void)
{
	malloc_trim(0);
	dl_iterate_phdr(let_go, NULL);
}

/* Grows with each that comes, and with each that goes. */
static int64_t comings_and_goings(struct server *s)
{
	int64_t n = -atomic_load(&s->descriptors.open);

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_ports; i++)
		n += 2 * port_sum(s->ports[i], PORT_COUNT_ACCEPTED);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void trim_look(struct trim *t, struct server *s)
{
	int64_t n = comings_and_goings(s),
		moved = n > t->seen ? n - t->seen : t->seen - n;

	t->seen = n;
	if (moved > QUIET) {
		t->is_due = true;
	} else if (t->is_due) {
		t->is_due = false;
		malloc_trim(0);
	}
}
