/* The files that a configuration names: are they still what they were when they were read? */
#include "core/options/conf_priv.h"

#include <sys/stat.h>

enum { MAX_FILES = 4096 };

struct conf_file {
	const char *path;
	struct stat seen; /* zeroed: there was none */
};

static struct stat look(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st : (struct stat){ 0 };
}

/* A file that is replaced has another inode; one that is written has another time. */
static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void conf_watch_file(struct conf *c, struct strv path)
{
	struct conf_file *files;

	if (path.p == NULL || c->n_files == MAX_FILES)
		return;
	for (size_t i = 0; i < c->n_files; i++)
		if (strv_is(path, c->files[i].path))
			return;
	if ((c->n_files & (c->n_files - 1)) == 0) { /* full at each power of two */
		files = ARENA_ARRAY(c->arena, struct conf_file, MAX(1, 2 * c->n_files));
		if (c->n_files)
			memcpy(files, c->files, c->n_files * sizeof(*files));
		c->files = files;
	}
	c->files[c->n_files].path = arena_cstr(c->arena, path);
	c->files[c->n_files].seen = look(c->files[c->n_files].path);
	c->n_files++;
}

bool conf_files_changed(const struct conf *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		struct stat now = look(c->files[i].path);
		if (!same(&c->files[i].seen, &now))
			return true;
	}
	return false;
}
