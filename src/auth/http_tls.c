/* TLS of the method `http`, in curl's terms. */
#include "auth/http_priv.h"

/* --- of a backend --- */

void http_free_secret(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	mem_free(s);
}

static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

/* ":PORT", behind a name or an address, which may be in brackets; "" if there is none. */
static struct strv port_of(struct strv host)
{
	size_t i = host.n;

	while (i > 0 && host.p[i - 1] != ':' && host.p[i - 1] != ']')
		i--;
	return i > 0 && host.p[i - 1] == ':' ? strv_from_pos(host, i - 1) : STRV("");
}

/* The certificate is for another name than the host's: the URL has that name, and curl is told
 * where to connect. The service sees its own name in the request. */
static void set_origin(struct http_tls *t, const char *host, const char *name)
{
	AUTO(buf_free) struct buf b = BUF_INIT(8192);
	struct strv all = strv_from(host), where, port;

	while (all.n && all.p[all.n - 1] == '/')
		all.n--;
	if (!name || !strv_starts(all, STRV("https://"))) {
		buf_put(&b, all);
		t->origin = mem_strdup(buf_cstr(&b));
		return;
	}
	where = strv_from_pos(all, 8);
	port = port_of(where);
	buf_putf(&b, "https://%s" STRV_FMT, name, STRV_ARG(port));
	t->origin = mem_strdup(buf_cstr(&b));
	buf_clear(&b);
	buf_putf(&b, "::" STRV_FMT "%s", STRV_ARG(where), port.n ? "" : ":443");
	t->connect_to = mem_strdup(buf_cstr(&b));
	buf_clear(&b);
	buf_putf(&b, "Host: " STRV_FMT, STRV_ARG(where));
	t->header = mem_strdup(buf_cstr(&b));
}

void http_tls_init(struct http_tls *t, const struct auth_http_conf *conf)
{
	AUTO(buf_free) struct buf list = BUF_INIT(8192), suites = BUF_INIT(8192);
	const struct auth_tls *from = &conf->tls;

	*t = (struct http_tls){
		.verify = from->verify,
		.versions = (from->min_version > 0x0303 ? CURL_SSLVERSION_TLSv1_3
							: CURL_SSLVERSION_TLSv1_2) |
			    (from->max_version < 0x0304 ? CURL_SSLVERSION_MAX_TLSv1_2
							: CURL_SSLVERSION_MAX_TLSv1_3),
		.cacertfile = copy(from->cacertfile),
		.certfile = copy(from->certfile),
		.keyfile = copy(from->keyfile),
		.password = copy(from->password),
	};
	set_origin(t, conf->host, from->name);
	if (!from->ciphers)
		return;
	auth_tls_split_ciphers(from->ciphers, &list, &suites);
	t->ciphers = list.n ? mem_strdup(buf_cstr(&list)) : NULL;
	t->suites = suites.n ? mem_strdup(buf_cstr(&suites)) : NULL;
}

void http_tls_fini(struct http_tls *t)
{
	mem_free(t->origin);
	mem_free(t->cacertfile);
	mem_free(t->certfile);
	mem_free(t->keyfile);
	http_free_secret(t->password);
	mem_free(t->ciphers);
	mem_free(t->suites);
	mem_free(t->connect_to);
	mem_free(t->header);
}

/* --- of a thread --- */

static void set_text(CURL *curl, CURLoption option, const char *text)
{
	CURLcode r = text ? curl_easy_setopt(curl, option, text) : CURLE_OK;

	ASSERT(r == CURLE_OK);
}

void http_tls_set(CURL *curl, const struct http_tls *t, struct http_tls_lists *ret)
{
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, t->verify ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
			 t->verify == AUTH_TLS_FULL ? 2L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, t->versions);
	set_text(curl, CURLOPT_CAINFO, t->cacertfile);
	if (t->cacertfile) /* and nobody else: the library would also look in the system's */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	set_text(curl, CURLOPT_SSLCERT, t->certfile);
	set_text(curl, CURLOPT_SSLKEY, t->keyfile);
	set_text(curl, CURLOPT_KEYPASSWD, t->password);
	set_text(curl, CURLOPT_SSL_CIPHER_LIST, t->ciphers);
	set_text(curl, CURLOPT_TLS13_CIPHERS, t->suites);
	if (!t->connect_to)
		return;
	ret->connect_to = curl_slist_append(NULL, t->connect_to);
	ret->headers = curl_slist_append(NULL, t->header);
	ASSERT(ret->connect_to && ret->headers);
	curl_easy_setopt(curl, CURLOPT_CONNECT_TO, ret->connect_to);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, ret->headers);
}

void http_tls_lists_fini(struct http_tls_lists *l)
{
	curl_slist_free_all(l->connect_to);
	curl_slist_free_all(l->headers);
	*l = (struct http_tls_lists){ 0 };
}
