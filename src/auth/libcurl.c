#include "auth/libcurl.h"

#include <stdarg.h>

LIBRARY_DEFINE(libcurl, LIBCURL_FUNCTIONS, LIBCURL_SONAME, "libcurl4")

/* What an option takes is in its number. */
CURLcode(curl_easy_setopt)(CURL *curl, CURLoption option, ...)
{
	CURLcode r;
	va_list ap;

	va_start(ap, option);
	switch (option / 10000 * 10000) {
	case CURLOPTTYPE_LONG:
		r = (libcurl.curl_easy_setopt)(curl, option, va_arg(ap, long));
		break;
	case CURLOPTTYPE_OFF_T:
		r = (libcurl.curl_easy_setopt)(curl, option, va_arg(ap, curl_off_t));
		break;
	default: /* of data or of a function, POSIX has them alike */
		r = (libcurl.curl_easy_setopt)(curl, option, va_arg(ap, void *));
	}
	va_end(ap);
	return r;
}

CURLcode(curl_easy_getinfo)(CURL *curl, CURLINFO info, ...)
{
	CURLcode r;
	va_list ap;

	va_start(ap, info);
	r = (libcurl.curl_easy_getinfo)(curl, info, va_arg(ap, void *));
	va_end(ap);
	return r;
}
