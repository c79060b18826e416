/* TLS of the method `http`. curl has too few options: it only makes the connection, and all that is
 * configured is set as it begins (tls/foreign.h). */
#include "auth/http_priv.h"

/* What the certificate is for: "https://[::1]:8000/" has "::1". */
static struct strv name_of(struct strv origin)
{
	struct strv rest = strv_from_pos(origin, 8);
	bool in_brackets = rest.n && rest.p[0] == '[';
	size_t n = 0;

	rest = strv_from_pos(rest, in_brackets ? 1 : 0);
	while (n < rest.n && !strchr(in_brackets ? "]" : ":/", rest.p[n]))
		n++;
	if (n && rest.p[n - 1] == '.') /* the root's, which is in no certificate */
		n--;
	return strv_make(rest.p, n);
}

void http_tls_init(struct http_tls *t, const struct auth_http_conf *conf)
{
	AUTO(buf_free) struct buf name = BUF_INIT(8192);
	struct strv origin = strv_from(conf->host);

	*t = (struct http_tls){ .client = conf->tls };
	if (!strv_starts(origin, STRV("https://")))
		return;
	buf_put(&name, name_of(origin));
	t->name = mem_strdup(buf_cstr(&name));
}

void http_tls_fini(struct http_tls *t)
{
	tls_client_free(&t->client);
	mem_free(t->name);
}

/* Were the library not OpenSSL's, it would still verify, and trust nobody. */
void http_tls_set(CURL *curl, const struct http_tls *t)
{
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
			 tls_client_verifies(t->client) ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
}

void http_tls_begin(const struct http_tls *t, struct tls_foreign *f)
{
	if (t->name)
		tls_foreign_begin(f, t->client, t->name);
}

void http_tls_end(const struct http_tls *t, struct tls_foreign *f)
{
	if (t->name)
		tls_foreign_end(f);
}
