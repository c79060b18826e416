/* Libraries that few configurations need: not linked, but loaded when one does. Then they stay.
 *
 * Each has a header with its own header, a list of the functions that are called, and a name for
 * each of them that leads through a table of pointers, so that calls look like any others:
 *
 *     #define LIBPQ_FUNCTIONS(X) X(PQclear) X(PQstatus)
 *     LIBRARY_DECLARE(libpq, LIBPQ_FUNCTIONS)
 *     #define PQclear	libpq.PQclear
 *     #define PQstatus libpq.PQstatus
 *
 * A function that is missing there does not link. The library has to be loaded first:
 * libpq_load(), before there are threads that call it. */
#pragma once

#include "base/buf.h"

struct library {
	const char *soname;
	const char *package; /* of Debian 12 */
	const char *const *names;
	size_t n;
	void *table; /* n pointers, in the order of the names */
	bool loaded;
};

#define LIBRARY_POINTER(fn) __typeof__(fn) *fn;
#define LIBRARY_NAME(fn)    #fn,

/* NAME_load(): 0; -ENOENT, and why in `err`. Once it has been 0, it is nothing. */
#define LIBRARY_DECLARE(name, LIST)   \
	struct name {                 \
		LIST(LIBRARY_POINTER) \
	};                            \
	extern struct name name;      \
	nodiscard int name##_load(struct buf *err);

#define LIBRARY_DEFINE(name, LIST, so, deb)                                            \
	struct name name;                                                              \
	int name##_load(struct buf *err)                                               \
	{                                                                              \
		static const char *const names[] = { LIST(LIBRARY_NAME) };             \
		static struct library l = {                                            \
			so, deb, names, ARRAY_LEN(names), &name, false                 \
		};                                                                     \
		_Static_assert(sizeof(name) == sizeof(names), "pointers, and no gap"); \
		return library_load(&l, err);                                          \
	}

nodiscard int library_load(struct library *l, struct buf *err);
