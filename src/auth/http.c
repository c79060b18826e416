#include "auth/http_priv.h"

enum { MAX_QUERY = 256 << 10 };

struct http {
	struct auth_backend base;
	char *url;	  /* with a slash at its end */
	const char *path; /* of it */
	char *basic_auth;
	struct http_tls tls;
	int request_timeout_ms;
};

enum answer { STATUS, CREATED, TRUE_OR_FALSE, TEXT };

/* What each question is, and what the statuses that answer it mean; any other is a failure of the
 * service. */
static const struct question {
	const char *path;
	bool post, with_password;
	enum answer answer;
	int no; /* "false", or a refusal */
	int not_found; /* 404; 0: it is none: whatever is in front of the service says so, too, when
			* the service has gone */
} questions[] = {
	[AUTH_CHECK] = { "check_password", false, true, TRUE_OR_FALSE, -EACCES, -EACCES },
	[AUTH_EXISTS] = { "user_exists", false, false, TRUE_OR_FALSE, -ENOENT, 0 },
	[AUTH_CREATE] = { "register", true, true, CREATED, -EACCES, 0 },
	[AUTH_SET_PASSWORD] = { "set_password", true, true, STATUS, -EACCES, -ENOENT },
	[AUTH_REMOVE] = { "remove_user", true, false, STATUS, -EACCES, -ENOENT },
	[AUTH_GET_PASSWORD] = { "get_password", false, false, TEXT, -ENOENT, -ENOENT },
	[AUTH_GET_CERTS] = { "get_certs", false, false, TEXT, -ENOENT, -ENOENT },
};

/* Whose question it is: the thread may be another domain's. */
static const struct http *http_of(const struct auth_call *c)
{
	return container_of((struct auth_backend *)(uintptr_t)c->backend, struct http,
			    base);
}

/* Whose threads it asks with. */
static const struct http *asked_by(const struct http_client *cl)
{
	return container_of((struct auth_backend *)(uintptr_t)cl->owner, struct http,
			    base);
}

/* --- the request --- */

static int add_escaped(CURL *curl, struct buf *b, const char *name, struct strv value)
{
	char *text = curl_easy_escape(curl, value.p ? value.p : "", (int)value.n);
	int r = text ? buf_addf(b, "%s=%s", name, text) : -ENOMEM;

	if (text)
		mem_wipe(text, strlen(text));
	curl_free(text);
	return r;
}

/* Room for all of it at once: what a buffer leaves behind when it grows is not wiped. */
static bool make_room(struct buf *b, size_t n)
{
	return buf_reserve(b, n) != NULL;
}

static int write_query(CURL *curl, const struct auth_call *c, struct buf *b)
{
	struct strv password = questions[c->op].with_password ? c->password : STRV("");
	size_t escaped = 3 * (c->user.n + c->domain.n + password.n);
	int r = make_room(b, escaped + 64) ? 0 : -EMSGSIZE;

	r = r ? r : add_escaped(curl, b, "user", c->user);
	r = r ? r : add_escaped(curl, b, "&server", c->domain);
	return r ? r : add_escaped(curl, b, "&pass", password);
}

/* What stands behind the host in the URL. */
static int write_target(const struct http *h, const struct question *q, struct buf *query,
			struct buf *b)
{
	if (!make_room(b, strlen(h->path) + strlen(q->path) + query->n + 2))
		return -EMSGSIZE;
	return buf_addf(b, "%s%s%s%s", h->path, q->path, q->post ? "" : "?",
			q->post ? "" : buf_cstr(query));
}

/* What has the password goes to the connection, and into no URL: curl takes those to pieces, of which it
 * keeps some until the next request. The URL is given anew each time: the one that it has made for a
 * connection that had died would stay. */
static CURLcode perform(struct http_client *cl, const struct auth_call *c,
			const char *target, const char *post)
{
	const struct http *h = asked_by(cl);
	msec_t left = c->until - clock_mono_ms();
	long limit = (long)MAX(MIN((msec_t)h->request_timeout_ms, left), 1);
	CURLcode r;

	http_client_begin(cl, post != NULL);
	curl_easy_setopt(cl->curl, CURLOPT_URL, h->url);
	curl_easy_setopt(cl->curl, CURLOPT_REQUEST_TARGET, target);
	curl_easy_setopt(cl->curl, CURLOPT_TIMEOUT_MS, limit);
	if (post) {
		curl_easy_setopt(cl->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDS, post);
	} else {
		curl_easy_setopt(cl->curl, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(cl->curl, CURLOPT_USERPWD, http_of(c)->basic_auth);
	http_tls_begin(&h->tls, &cl->over);
	r = curl_easy_perform(cl->curl);
	http_tls_end(&h->tls, &cl->over);
	http_client_note_end(cl, r);
	curl_easy_setopt(cl->curl, CURLOPT_REQUEST_TARGET, NULL);
	curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(cl->curl, CURLOPT_USERPWD, NULL);
	return r;
}

/* --- the answer --- */

/* A text may have its line ended, which no password has in it (RFC 8265: no control characters);
 * blanks are the password's. */
static struct strv without_end_of_line(struct strv s)
{
	while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

static int unexpected(struct auth_call *c, const struct http *h, long status)
{
	return auth_fail(c, -EPROTO, "%s%s answered with status %ld%s", h->url,
			 questions[c->op].path, status,
			 status == 200 && questions[c->op].answer == TRUE_OR_FALSE
				 ? " and something else than true or false"
				 : "");
}

/* RFC 9110 15.5.2: who wants to know who asks says how. Of what is asked about without a password,
 * 401 cannot mean the user. */
static bool refuses_us(const struct http_client *cl, const struct auth_call *c,
		       long status)
{
	enum answer answer = questions[c->op].answer;
	struct curl_header *h;

	if (status != 401)
		return false;
	return answer == TEXT || (http_of(c)->basic_auth && answer != TRUE_OR_FALSE) ||
	       curl_easy_header(cl->curl, "WWW-Authenticate", 0, CURLH_HEADER, -1, &h) ==
		       CURLHE_OK;
}

/* MongooseIM takes these for a "no", and so do services that are written for it; it may be one
 * that was not meant. */
static int refusal(const struct http_client *cl, struct auth_call *c, long status)
{
	const struct question *q = &questions[c->op];

	if (refuses_us(cl, c, status))
		return auth_fail(c, -EPERM,
				 "%s%s: the service refuses us: is auth.http.basic_auth "
				 "right?",
				 asked_by(cl)->url, q->path);
	if (status == 404 ? q->not_found == 0
			  : c->op == AUTH_EXISTS) /* nobody knows whether there is one */
		return unexpected(c, asked_by(cl), status);
	if (q->answer == TEXT && status != 404)
		return auth_fail(
			c, -EPERM,
			"%s%s answered with status %ld; 404 would say that there is "
			"no such user; is auth.http.basic_auth right?",
			asked_by(cl)->url, q->path, status);
	if (q->answer != TRUE_OR_FALSE || status == 404)
		return status == 404 ? q->not_found : q->no;
	return auth_fail(c, q->no, "%s%s answered with status %ld, taken for \"false\"",
			 asked_by(cl)->url, q->path, status);
}

static int read_body(const struct http_client *cl, struct auth_call *c)
{
	const struct question *q = &questions[c->op];
	struct strv body = buf_strv(&cl->body);

	switch (q->answer) {
	case TEXT:
		return buf_adds(c->text, without_end_of_line(body)) < 0 ? -EMSGSIZE : 0;
	case TRUE_OR_FALSE:
		if (strv_is(strv_trim(body), "true"))
			return 0;
		return strv_is(strv_trim(body), "false")
			       ? q->no
			       : unexpected(c, asked_by(cl), 200);
	case STATUS:
		return 0;
	case CREATED:
		break;
	}
	return unexpected(c, asked_by(cl), 200);
}

static int read_answer(const struct http_client *cl, struct auth_call *c, long status)
{
	const struct question *q = &questions[c->op];

	switch (status) {
	case 200:
		return read_body(cl, c);
	case 201:
		return q->answer == STATUS || q->answer == CREATED
			       ? 0
			       : unexpected(c, asked_by(cl), status);
	case 204:
		return q->answer == STATUS ? 0 : unexpected(c, asked_by(cl), status);
	case 409:
		return c->op == AUTH_CREATE ? -EEXIST
					    : unexpected(c, asked_by(cl), status);
	case 400:
	case 401:
	case 403:
	case 404:
		return refusal(cl, c, status);
	default:
		return unexpected(c, asked_by(cl), status);
	}
}

/* Its own words may quote what was asked; of these it is known that they do not. */
static const char *describe(const struct http_client *cl, CURLcode code)
{
	if (cl->over.why[0])
		return cl->over.why;
	switch (code) {
	case CURLE_WRITE_ERROR:	  /* there are more bytes of it than we take */
	case CURLE_OUT_OF_MEMORY: /* or a line than curl does */
		return "the answer is too long";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return "what answers is no HTTP";
	case CURLE_COULDNT_CONNECT:
		if (strv_starts(strv_from(cl->error), STRV("Send failure")))
			return "Failed to connect to the service again"; /* curl's first words */
		if (cl->error[0])
			return cl->error;
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		if (cl->error[0])
			return cl->error;
		break;
	default:
		break;
	}
	return curl_easy_strerror(code);
}

static void wipe(struct buf *b)
{
	mem_wipe(b->p, b->n);
}

static int call(void *state, struct auth_call *c)
{
	AUTO(buf_free)
	struct buf query = BUF_INIT(MAX_QUERY), target = BUF_INIT(MAX_QUERY);
	const struct question *q = &questions[c->op];
	struct http_client *cl = state;
	CURLcode code;
	long status = 0;
	int r;

	if (clock_mono_ms() < cl->again_at)
		return auth_fail(c, -EAGAIN, "%s%s: its name has not been found in time",
				 asked_by(cl)->url, q->path);
	r = write_query(cl->curl, c, &query);
	r = r ? r : write_target(asked_by(cl), q, &query, &target);
	if (r < 0) { /* no such password can exist */
		wipe(&query);
		wipe(&target);
		return q->no;
	}
	code = perform(cl, c, buf_cstr(&target), q->post ? buf_cstr(&query) : NULL);
	wipe(&query);
	wipe(&target);
	curl_easy_getinfo(cl->curl, CURLINFO_RESPONSE_CODE, &status);
	r = code == CURLE_OK ? read_answer(cl, c, status)
			     : auth_fail(c, -EIO, "%s%s: %s", asked_by(cl)->url, q->path,
					 describe(cl, code));
	wipe(&cl->body);
	return r;
}

/* --- the backend --- */

static void *open_client(void *owner)
{
	const struct http *h = owner;

	return http_client_new(&h->base, &h->tls);
}

static void close_client(void *state)
{
	struct http_client *cl = state;

	http_client_free(&cl);
}

static void free_http(struct auth_backend *b)
{
	struct http *h = container_of(b, struct http, base);

	mem_free(h->url);
	if (h->basic_auth)
		mem_wipe(h->basic_auth, strlen(h->basic_auth));
	mem_free(h->basic_auth);
	http_tls_fini(&h->tls);
	mem_free(h);
}

static msec_t rests_until(const void *state)
{
	const struct http_client *cl = state;

	return cl->again_at;
}

static const struct auth_pool_ops threads = { open_client, close_client, rests_until };

static const struct auth_backend_ops http_ops = {
	.name = "http",
	.can = 1u << AUTH_CHECK | 1u << AUTH_EXISTS | 1u << AUTH_CREATE |
	       1u << AUTH_SET_PASSWORD | 1u << AUTH_REMOVE | 1u << AUTH_GET_PASSWORD |
	       1u << AUTH_GET_CERTS,
	.threads = &threads,
	.call = call,
	.free = free_http,
};

/* "https://host:port" and "/prefix" with one slash between them and one behind. */
static char *make_url(struct strv origin, struct strv prefix)
{
	AUTO(buf_free) struct buf b = BUF_INIT(8192);

	while (origin.n && origin.p[origin.n - 1] == '/')
		origin.n--;
	while (prefix.n && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	buf_putf(&b, STRV_FMT "%s" STRV_FMT "/", STRV_ARG(origin),
		 prefix.n && prefix.p[0] != '/' ? "/" : "", STRV_ARG(prefix));
	return mem_strdup(buf_cstr(&b));
}

int auth_http_load(struct buf *err)
{
	return libcurl_load(err);
}

struct auth_backend *auth_http_new(const struct auth_http_conf *conf)
{
	struct http *h = MEM_NEW(struct http);

	ASSERT(conf->workers.n_workers > 0 && conf->request_timeout_ms > 0);
	h->base.ops = &http_ops;
	h->base.threads = conf->workers;
	h->base.timeout_ms = conf->call_timeout_ms;
	http_tls_init(&h->tls, conf);
	h->url = make_url(strv_from(conf->host), strv_from(conf->path_prefix));
	h->path = strchr(strstr(h->url, "://") + 3, '/');
	h->basic_auth = conf->basic_auth ? mem_strdup(conf->basic_auth) : NULL;
	h->request_timeout_ms = conf->request_timeout_ms;
	return &h->base;
}
