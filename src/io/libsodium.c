#include "io/libsodium.h"

LIBRARY_DEFINE(libsodium, LIBSODIUM_FUNCTIONS, LIBSODIUM_SONAME, "libsodium23")
