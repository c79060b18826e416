#include "store/libmariadb.h"

LIBRARY_DEFINE(libmariadb, LIBMARIADB_FUNCTIONS, LIBMARIADB_SONAME, "libmariadb3")
