#include "base/library.h"

#include <dlfcn.h>
#include <pthread.h>

/* Snapshots of the configuration may be made by several threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int find_functions(const struct library *l, void *so, struct buf *err)
{
	for (size_t i = 0; i < l->n; i++) {
		void *fn = dlsym(so, l->names[i]);

		if (fn == NULL) {
			buf_putf(err, "the library %s cannot be used: it has no %s",
				 l->soname, l->names[i]);
			return -ENOENT;
		}
		memcpy((char *)l->table + i * sizeof(fn), &fn, sizeof(fn));
	}
	return 0;
}

static int load(struct library *l, struct buf *err)
{
	/* Its names are nobody else's business. It is never closed: it may have threads, and what
	 * it has registered for their ends. */
	void *so = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (so == NULL) {
		buf_putf(
			err,
			"a library cannot be loaded: %.500s (%s is in Debian's package %s)",
			dlerror(), l->soname, l->package);
		return -ENOENT;
	}
	return find_functions(l, so, err);
}

int library_load(struct library *l, struct buf *err)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!l->loaded)
		r = load(l, err);
	l->loaded = r == 0;
	pthread_mutex_unlock(&lock);
	return r;
}
