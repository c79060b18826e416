/* curl, as each thread of the method `http` has it, and when the connection that it keeps is not used
 * again. */
#include "auth/backend.h"
#include "auth/http_priv.h"
#include "tls/wipe.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>

enum {
	MAX_BODY = 256 << 10,
	LOOK_UP_REST_MS = 2000,
	MAX_HEADER_BYTES =
		64 << 10, /* of an answer, with those of interim ones, and trailers */
};

/* TLS may have taken more off the connection than curl has asked for. Only while a request is under
 * way curl tells of it. */
static bool tls_has_more(CURL *curl)
{
	struct curl_tlssessioninfo *tls = NULL;

	return curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls &&
	       tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals &&
	       SSL_has_pending(tls->internals);
}

/* curl asks at least once a second, and when the answer is complete. */
static int on_progress(void *arg, curl_off_t down, curl_off_t has, curl_off_t up,
		       curl_off_t sent)
{
	struct http_client *cl = arg;

	cl->has_more = cl->tls->name && tls_has_more(cl->curl);
	return cl->owner->ending; /* with those who share its threads */
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_client *cl = arg;

	return buf_add(&cl->body, data, size * n) < 0 ? 0 : size * n;
}

/* curl keeps them all, and bounds only a line. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_client *cl = arg;

	cl->header_bytes += size * n;
	return cl->header_bytes > MAX_HEADER_BYTES ? 0 : size * n;
}

/* HTTP/1.1: of another one nobody could say that whatever comes unasked is an answer. */
static void set_up(struct http_client *cl)
{
	cl->curl = curl_easy_init();
	ASSERT(cl->curl != NULL);
	curl_easy_setopt(cl->curl, CURLOPT_ERRORBUFFER, cl->error);
	curl_easy_setopt(cl->curl, CURLOPT_NOSIGNAL, 1L);
	/* A look-up that takes too long is left behind: http_client_note_end(). */
	curl_easy_setopt(cl->curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(cl->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(cl->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(cl->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(cl->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(cl->curl, CURLOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(cl->curl, CURLOPT_USERAGENT, "Meerkat");
	curl_easy_setopt(cl->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(cl->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(cl->curl, CURLOPT_XFERINFODATA, cl);
	curl_easy_setopt(cl->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(cl->curl, CURLOPT_HEADERDATA, cl);
	curl_easy_setopt(cl->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(cl->curl, CURLOPT_WRITEDATA, cl);
	curl_easy_setopt(cl->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	http_tls_set(cl->curl, cl->tls);
}

static void init_curl(void)
{
	CURLcode r = http_memory_init();

	ASSERT(r == CURLE_OK);
}

struct http_client *http_client_new(const struct auth_backend *owner,
				    const struct http_tls *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *cl = MEM_NEW(struct http_client);

	pthread_once(&once, init_curl);
	cl->owner = owner;
	cl->tls = tls;
	cl->body = (struct buf)BUF_INIT(MAX_BODY);
	/* All of it at once: what a buffer leaves behind when it grows is not wiped. */
	if (!buf_reserve(&cl->body, MAX_BODY))
		UNREACHABLE();
	set_up(cl);
	tls_wipe_all();
	return cl;
}

void http_client_free(struct http_client **p)
{
	struct http_client *cl = *p;

	*p = NULL;
	curl_easy_cleanup(cl->curl);
	buf_free(&cl->body);
	mem_free(cl);
}

/* What has come since the last answer, its end included. */
static bool is_silent(CURL *curl)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD)
		return true; /* none is kept */
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 0;
}

/* What the service has said unasked would be taken for the answer to another question; and on a
 * connection that turns out to have died, curl asks again. */
void http_client_begin(struct http_client *cl, bool anew)
{
	if (anew || cl->has_more || !is_silent(cl->curl)) {
		curl_easy_cleanup(cl->curl);
		set_up(cl);
	}
	buf_clear(&cl->body);
	cl->has_more = false;
	cl->header_bytes = 0;
	cl->error[0] = '\0';
}

/* Nothing ends a look-up but the resolver, whose thread stays until then: there will not be many. */
void http_client_note_end(struct http_client *cl, CURLcode code)
{
	curl_off_t looked_up = 0;

	if (code == CURLE_OPERATION_TIMEDOUT &&
	    curl_easy_getinfo(cl->curl, CURLINFO_NAMELOOKUP_TIME_T, &looked_up) ==
		    CURLE_OK &&
	    looked_up == 0)
		cl->again_at = clock_mono_ms() + LOOK_UP_REST_MS;
}
