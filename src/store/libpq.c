#include "store/libpq.h"

LIBRARY_DEFINE(libpq, LIBPQ_FUNCTIONS, LIBPQ_SONAME, "libpq5")
