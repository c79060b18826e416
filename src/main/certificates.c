#include "main/certificates.h"
#include "base/log.h"
#include "io/tls.h"
#include "xmpp/stamp.h"

#include <stdio.h>

enum { SOON_DAYS = 30, DAY_S = 86400, DAY_MS = 86400 * 1000 };

struct view {
	struct tls_cert_info cert;
	char from[STAMP_LEN], until[STAMP_LEN];
	int64_t days; /* that are left */
	bool early, expired, soon;
};

static struct view look(const struct tls_ctx *ctx, size_t i)
{
	struct view v = { .cert = tls_ctx_cert(ctx, i) };
	int64_t now = clock_wall_us() / 1000000;

	stamp_format_seconds(v.cert.from_s * 1000000, v.from);
	stamp_format_seconds(v.cert.until_s * 1000000, v.until);
	v.days = (v.cert.until_s - now) / DAY_S;
	v.early = now < v.cert.from_s;
	v.expired = now > v.cert.until_s;
	v.soon = !v.expired && v.days < SOON_DAYS;
	return v;
}

typedef void (*view_fn)(const struct view *v);

/* Is the file the same as one of those before it? */
static bool is_known(const struct conf *c, size_t listener, size_t cert)
{
	const char *file = tls_ctx_cert(c->c2s[listener].tls_ctx, cert).file;

	for (size_t i = 0; i <= listener; i++) {
		const struct tls_ctx *ctx = c->c2s[i].tls_ctx;
		size_t n = i == listener ? cert : ctx ? tls_ctx_n_certs(ctx) : 0;
		for (size_t k = 0; k < n; k++)
			if (strcmp(tls_ctx_cert(ctx, k).file, file) == 0)
				return true;
	}
	return false;
}

static void each(const struct conf *c, view_fn fn)
{
	for (size_t i = 0; i < c->n_c2s; i++) {
		const struct tls_ctx *ctx = c->c2s[i].tls_ctx;
		for (size_t k = 0; ctx && k < tls_ctx_n_certs(ctx); k++) {
			struct view v = look(ctx, k);
			if (!is_known(c, i, k))
				fn(&v);
		}
	}
}

static void log_one(const struct view *v)
{
	if (v->expired)
		log_error("tls.expiry", "%s: the certificate expired at %s", v->cert.file,
			  v->until);
	else if (v->early)
		log_error("tls.expiry", "%s: the certificate is good only from %s",
			  v->cert.file, v->from);
	else if (v->soon)
		log_warning("tls.expiry",
			    "%s: the certificate expires at %s, in %lld days",
			    v->cert.file, v->until, (long long)v->days);
	else
		log_info("tls.expiry", "%s: the certificate is good until %s",
			 v->cert.file, v->until);
}

static void log_stale_ocsp(const struct conf *c)
{
	for (size_t i = 0; i < c->n_c2s; i++) {
		const struct tls_ctx *ctx = c->c2s[i].tls_ctx;
		if (ctx && tls_ctx_ocsp_until(ctx) <= clock_wall_us() / 1000000)
			log_warning("tls.ocsp",
				    "%s: the response is out of date and is not sent",
				    c->c2s[i].tls.ocsp_file.p);
	}
}

void certificates_log(const struct conf *c)
{
	each(c, log_one);
	log_stale_ocsp(c);
}

void certificates_watch(struct server *s)
{
	static msec_t last; /* only the main thread comes here */
	msec_t now = clock_mono_ms();

	if (last == 0)
		last = now; /* the start has its own */
	if (now - last < DAY_MS)
		return;
	last = now;
	AUTO(conf_unref) struct conf *c = server_conf(s);
	certificates_log(c);
}

static void print_one(const struct view *v)
{
	if (v->expired)
		fprintf(stderr, "warning: %s: the certificate expired at %s\n",
			v->cert.file, v->until);
	else if (v->early)
		fprintf(stderr, "warning: %s: the certificate is good only from %s\n",
			v->cert.file, v->from);
	else if (v->soon)
		fprintf(stderr,
			"warning: %s: the certificate expires at %s, in %lld days\n",
			v->cert.file, v->until, (long long)v->days);
	else
		printf("%s: the certificate is good until %s\n", v->cert.file, v->until);
}

void certificates_print(const struct conf *c)
{
	each(c, print_one);
}
