#include "auth/libldap.h"

LIBRARY_DEFINE(libldap, LIBLDAP_FUNCTIONS, LIBLDAP_SONAME, "libldap-2.5-0")
