/* A listener's TLS context, made of its options; what is wrong with them is said at each. */
#include "core/options/conf_priv.h"
#include "io/tls.h"

#include <stdio.h>
#include <stdlib.h>

static const int64_t default_options[] = { TLS_OPTION_NO_SSLv2, TLS_OPTION_NO_SSLv3,
					   TLS_OPTION_NO_TLSv1, TLS_OPTION_NO_TLSv1_1 };

static void choose_versions(const struct conf_listener *l, bool is_given,
			    struct tls_conf *t)
{
	if (l->tls.module != TLS_MODULE_JUST) {
		t->options = is_given ? l->tls.protocol_options : default_options;
		t->n_options =
			is_given ? l->tls.n_protocol_options : ARRAY_LEN(default_options);
		return;
	}
	for (size_t i = 0; i < l->tls.n_versions; i++)
		t->versions |= 1u << l->tls.versions[i];
	t->versions_needed = t->versions != 0;
	if (t->versions == 0)
		t->versions = 1u << TLS_V1_2 | 1u << TLS_V1_3;
}

/* "OPTION: TEXT", as io/tls.h has it; what does not begin with an option is about the section. */
static void report(const struct conf *c, const struct toml_table *root, size_t i,
		   struct strv text, struct conf_errors *e, bool is_error)
{
	static const char *const options[] = {
		"certfile",	"keyfile",	 "password",  "dhfile",
		"ciphers",	"versions",	 "module",    "protocol_options",
		"cacertfile",	"crl_files",	 "ocsp_file", "session_tickets",
		"keep_secrets", "sni_certfiles", NULL
	};
	ptrdiff_t colon = strv_find(text, ':');
	struct strv option = strv_make(text.p, colon < 0 ? 0 : (size_t)colon);
	char key[128];
	size_t k = 0;

	while (options[k] && !strv_is(option, options[k]))
		k++;
	snprintf(key, sizeof(key), "listen.c2s[%zu].tls%s%s", i + 1,
		 options[k] ? "." : "", options[k] ? options[k] : "");
	if (options[k])
		text = strv_from_pos(text, MIN(option.n + 2, text.n));
	if (is_error && strv_is(option, "ciphers") && c->c2s[i].tls.ciphers.p)
		conf_error_at(
			e, root, key,
			"expected a cipher string of OpenSSL's, found %s: " STRV_FMT,
			conf_quoted(e->arena, c->c2s[i].tls.ciphers), STRV_ARG(text));
	else if (is_error)
		conf_error_at(e, root, key, STRV_FMT, STRV_ARG(text));
	else
		conf_warning_at(e, root, key, STRV_FMT, STRV_ARG(text));
}

static void report_lines(const struct conf *c, const struct toml_table *root, size_t i,
			 struct strv lines, struct conf_errors *e, bool is_error)
{
	while (lines.n) {
		ptrdiff_t end = strv_find(lines, '\n');
		size_t n = end < 0 ? lines.n : (size_t)end;

		report(c, root, i, strv_make(lines.p, n), e, is_error);
		lines = strv_from_pos(lines, MIN(n + 1, lines.n));
	}
}

static bool find_keylog(struct tls_conf *t, size_t i, const struct toml_table *root,
			struct conf_errors *e)
{
	char key[64];

	t->keylog = getenv("SSLKEYLOGFILE");
	if (t->keylog && t->keylog[0])
		return true;
	snprintf(key, sizeof(key), "listen.c2s[%zu].tls.keep_secrets", i + 1);
	conf_error_at(e, root, key,
		      "the environment variable SSLKEYLOGFILE names no file");
	return false;
}

void conf_build_tls(struct conf *c, size_t i, const struct toml_table *root,
		    struct conf_errors *e)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct conf_listener *l = &c->c2s[i];
	struct tls_conf t = {
		.certfile = l->tls.certfile.p,
		.keyfile = l->tls.keyfile.p,
		.password = l->tls.password.p,
		.sni_certfiles = l->tls.sni_certfiles,
		.n_sni_certfiles = l->tls.n_sni_certfiles,
		.ocsp_file = l->tls.ocsp_file.p,
		.dhfile = l->tls.dhfile.p,
		.ciphers = l->tls.ciphers.p,
		.openssl_records = l->tls.record_layer == TLS_RECORD_LAYER_OPENSSL,
		.tickets = l->tls.session_tickets != CONF_UNSET,
		.verify = (enum tls_verify)l->tls.verify_mode,
		.must_verify = l->tls.disconnect_on_failure,
		.cacertfile = l->tls.cacertfile.p,
		.crl_files = l->tls.crl_files,
		.n_crl_files = l->tls.n_crl_files,
	};

	if (!l->has_tls || l->tls.certfile.p == NULL)
		return;
	conf_watch_file(c, l->tls.certfile);
	conf_watch_file(c, l->tls.keyfile);
	conf_watch_file(c, l->tls.dhfile);
	conf_watch_file(c, l->tls.ocsp_file);
	for (size_t k = 0; k < l->tls.n_sni_certfiles; k++)
		conf_watch_file(c, l->tls.sni_certfiles[k]);
	conf_watch_file(c, l->tls.cacertfile);
	for (size_t k = 0; k < l->tls.n_crl_files; k++)
		conf_watch_file(c, l->tls.crl_files[k]);
	if (l->tls.keep_secrets && !find_keylog(&t, i, root, e))
		return;
	if (t.ciphers == NULL && l->tls.module == TLS_MODULE_FAST)
		t.ciphers = "TLSv1.2:TLSv1.3";
	choose_versions(l, toml_get(conf_tls_section(root, i), "protocol_options"), &t);
	if (tls_ctx_new(&t, &l->tls_ctx, &err) < 0)
		report_lines(c, root, i, buf_strv(&err), e, true);
	else
		report_lines(c, root, i, tls_ctx_notes(l->tls_ctx), e, false);
}
