#include "core/listen/descriptors.h"
#include "base/log.h"
#include "core/options/conf.h"

#include <dirent.h>
#include <sys/resource.h>

enum {
	SPARE = 64, /* files that are read again, the admin socket, a reload's listeners ... */
	EACH = 4, /* a thread's: sockets, or the pipes of a program that is started anew */
	UNKNOWN = 64, /* in use, where nobody says how many are */
	AT_LEAST = 16,
	MOST = 1 << 30,
};

uint64_t descriptors_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return MOST;
	if (l.rlim_cur != l.rlim_max) {
		struct rlimit all = { .rlim_cur = l.rlim_max, .rlim_max = l.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &all) == 0)
			l = all;
		else
			log_warning("server.limits",
				    "the limit of descriptors cannot be raised: %s",
				    strerror(errno));
	}
	return MIN((uint64_t)l.rlim_cur, (uint64_t)MOST);
}

unsigned descriptors_in_use(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return UNKNOWN;
	while (readdir(d))
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", "..", and what we looked with */
}

int64_t descriptors_room(uint64_t limit, unsigned in_use, unsigned n_threads)
{
	int64_t rest = (int64_t)MIN(limit, (uint64_t)MOST) - in_use;
	int64_t spare = SPARE + EACH * (int64_t)n_threads;

	/* Where little is left, the greater part of it is for clients all the same: without a
	 * descriptor for something else, that something fails, and is tried again. */
	return MAX(rest - MIN(spare, rest / 3), (int64_t)AT_LEAST);
}

static int64_t wanted(const struct conf *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n_c2s; i++) {
		if (c->c2s[i].max_connections == CONF_INFINITY)
			return CONF_INFINITY;
		n += c->c2s[i].max_connections;
	}
	return n;
}

void descriptors_log(const struct conf *c, int64_t room, uint64_t limit)
{
	int64_t n = wanted(c);

	if (n == CONF_INFINITY || n <= room) {
		log_info("server.descriptors",
			 "%lld connections fit into the limit of %llu descriptors",
			 (long long)room, (unsigned long long)limit);
		return;
	}
	log_warning(
		"server.descriptors",
		"max_connections lets in %lld, but only %lld connections fit into the "
		"limit of %llu descriptors: clients beyond will wait. `ulimit -n %lld` "
		"before the start raises it, or LimitNOFILE=%lld in a systemd unit",
		(long long)n, (long long)room, (unsigned long long)limit,
		(long long)(n + (int64_t)limit - room),
		(long long)(n + (int64_t)limit - room));
}
