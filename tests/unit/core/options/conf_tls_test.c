/* The options of [listen.c2s.tls] that depend on each other. */
#include "conf_text.h"
#include "core/module.h"
#include "io/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/meerkat-conf-tls-XXXXXX";
static char cert[64], key[64];

static void remove_files(void)
{
	unlink(cert);
	unlink(key);
	rmdir(dir);
}

/* cert.pem, whose key is in key.pem. */
static void make_files(void)
{
	static const char *const names[] = { "example.com", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);

	if (cert[0])
		return;
	CHECK(mkdtemp(dir) != NULL);
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	atexit(remove_files);
	CHECK_INT(tls_make_self_signed(cert, key, names, &err), 0);
}

static const char *text_of(struct buf *b, const char *options)
{
	make_files();
	buf_putf(b,
		 GENERAL LISTEN "[listen.c2s.tls]\ncertfile = \"%s\"\nkeyfile = "
				"\"%s\"\nverify_mode = \"none\"\n%s",
		 cert, key, options);
	return buf_cstr(b);
}

static void check_fails(const char *options, const char *want)
{
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 16);

	conf_text_fails(text_of(&text, options), want);
}

static void check_warns(const char *options, const char *want)
{
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 16);

	conf_text_warns(text_of(&text, options), want);
}

TEST(conf_tls_versions_that_cannot_be)
{
	check_warns("versions = [\"tlsv1.3\"]\n", "");
	check_warns("versions = [\"tlsv1\", \"tlsv1.3\"]\n"
		    "ciphers = \"DEFAULT:TLSv1.3:@SECLEVEL=0\"\n",
		    "");
	check_fails(
		"versions = [\"tlsv1.1\", \"tlsv1.3\"]\n"
		"ciphers = \"DEFAULT:TLSv1.3:@SECLEVEL=2\"\n",
		":10:12: error: listen.c2s[1].tls.versions: TLS 1.1 cannot be spoken: "
		"OpenSSL has it at its security level 0 only, and the level here is 2; "
		"\"@SECLEVEL=0\" in `ciphers` sets it\n");
	check_fails("versions = [\"tlsv1.4\"]\n",
		    ":10:13: error: listen.c2s[1].tls.versions[1]: expected \"tlsv1\", "
		    "\"tlsv1.1\", \"tlsv1.2\" or \"tlsv1.3\", found the string "
		    "\"tlsv1.4\"; did you mean \"tlsv1.1\"?\n");
	check_fails(
		"versions = []\n",
		":10:12: error: listen.c2s[1].tls.versions: expected an array of 1 to 4 "
		"elements, each \"tlsv1\", \"tlsv1.1\", \"tlsv1.2\" or \"tlsv1.3\", "
		"none twice, found an empty array\n");
}
