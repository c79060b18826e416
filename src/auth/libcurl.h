/* The library of the method `http`, loaded with the first configuration that has it. */
#pragma once

#include "base/library.h"

#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X)  \
	X(curl_easy_cleanup)  \
	X(curl_easy_escape)   \
	X(curl_easy_getinfo)  \
	X(curl_easy_header)   \
	X(curl_easy_init)     \
	X(curl_easy_perform)  \
	X(curl_easy_setopt)   \
	X(curl_easy_strerror) \
	X(curl_free)          \
	X(curl_global_init_mem)

LIBRARY_DECLARE(libcurl, LIBCURL_FUNCTIONS)

/* curl_easy_setopt() and curl_easy_getinfo() are macros that look at the types of what they get, and
 * then call functions of their names: those are ours. */

#define curl_easy_cleanup    libcurl.curl_easy_cleanup
#define curl_easy_escape     libcurl.curl_easy_escape
#define curl_easy_header     libcurl.curl_easy_header
#define curl_easy_init	     libcurl.curl_easy_init
#define curl_easy_perform    libcurl.curl_easy_perform
#define curl_easy_strerror   libcurl.curl_easy_strerror
#define curl_free	     libcurl.curl_free
#define curl_global_init_mem libcurl.curl_global_init_mem
