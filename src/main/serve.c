/* `meerkat serve` and `meerkat check`. */
#include "main/command.h"
#include "base/log.h"
#include "core/server/server.h"
#include "core/server/trim.h"
#include "core/server/version.h"
#include "io/tls.h"
#include "main/admin.h"
#include "main/certificates.h"
#include "main/reload.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PERIOD_S = 2 };

/* A first start without any configuration: a folder for the data, and a certificate. */
int prepare_defaults(void)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	static const char *const names[] = { "localhost", NULL };

	if (mkdir("meerkat-data", 0700) < 0 && errno != EEXIST) {
		fprintf(stderr, "meerkat: cannot make ./meerkat-data: %s\n",
			strerror(errno));
		return -1;
	}
	if (access(CONF_DEFAULT_CERT, R_OK) == 0)
		return 0;
	if (tls_make_self_signed(CONF_DEFAULT_CERT, CONF_DEFAULT_CERT, names, &err) < 0) {
		fprintf(stderr, "meerkat: %s\n", buf_cstr(&err));
		return -1;
	}
	fprintf(stderr, "meerkat: made a self-signed certificate for localhost: %s\n",
		CONF_DEFAULT_CERT);
	return 0;
}

int load_conf(const struct args *a, struct conf **ret)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	int r;

	r = conf_load(a->config, ret, &errors);
	if (errors.n)
		fwrite(errors.p, 1, errors.n, stderr);
	return r;
}

int cmd_check(const struct args *a)
{
	AUTO(conf_unref) struct conf *c = NULL;

	if (a->config == NULL) {
		puts("no configuration file: the defaults are good");
		return EXIT_OK;
	}
	if (load_conf(a, &c) < 0)
		return EXIT_FAILED;
	certificates_print(c);
	printf("%s: the configuration is good\n", a->config);
	return EXIT_OK;
}

/* Blocked before any thread is made, so that all inherit it: sigwait() alone takes them.
 */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk */
}

/* Until the end; SIGHUP reads the configuration again, and now and then its files are looked
 * at, and memory that is free is given back. */
static void wait_for_end(struct server *s, const sigset_t *set)
{
	static const struct timespec period = { .tv_sec = PERIOD_S };
	struct trim trim = { 0 };
	int sig = 0;

	while (sig != SIGTERM && sig != SIGINT) {
		AUTO(buf_free) struct buf text = BUF_INIT(1 << 20);

		sig = sigtimedwait(set, NULL, &period);
		if (sig == SIGHUP && reload(s, &text) < 0)
			continue; /* it has been logged, and nothing has changed */
		if (sig < 0 && errno == EAGAIN) {
			reload_files(s);
			certificates_watch(s);
			trim_look(&trim, s);
		}
	}
	log_notice("server.stop", "%s: ending", sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* Passwords and private keys are in our memory: no core file has them, and no other process of the
 * same user reads them. Whoever has to debug says so. */
static void keep_secrets(void)
{
	const char *allowed = getenv("MEERKAT_CORE_DUMPS");

	if (allowed == NULL || strcmp(allowed, "1") != 0)
		prctl(PR_SET_DUMPABLE, 0);
}

int cmd_serve(const struct args *a)
{
	AUTO(conf_unref) struct conf *c = NULL;
	AUTO(buf_free) struct buf err = BUF_INIT(8192);
	AUTO(admin_free) struct admin *admin = NULL;
	struct server *s;
	sigset_t set;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = a->workers ? a->workers
				: (unsigned)MAX(1, MIN(cores, SERVER_MAX_WORKERS));

	keep_secrets();
	if (a->config == NULL) {
		fprintf(stderr,
			"meerkat: no configuration file: serving localhost, data in "
			"./meerkat-data\n");
		if (prepare_defaults() < 0)
			return EXIT_FAILED;
	}
	if (load_conf(a, &c) < 0)
		return EXIT_FAILED;
	log_init((enum log_level)c->general.loglevel, c->general.log_json);
	certificates_log(c);
	block_signals(&set);
	if (admin_new(c, &admin, &err) < 0 || server_new(c, (uint16_t)n, &s, &err) < 0) {
		fprintf(stderr, "meerkat: %s\n", buf_cstr(&err));
		return EXIT_FAILED;
	}
	server_start(s);
	admin_start(admin, s);
	trim_started();
	conf_unref(&c); /* a reload shall be the end of it, and of the secrets in it */
	log_notice("server.start", "meerkat %s serves with %u worker%s", MEERKAT_VERSION,
		   n, n == 1 ? "" : "s");
	wait_for_end(s, &set);
	admin_stop(admin);
	server_stop(s);
	server_free(&s);
	log_notice("server.stop", "ended");
	return EXIT_OK;
}
