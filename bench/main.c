/* meerkat-load MODE OPTION=VALUE...: one measurement, as a dialogue of lines with
 * bench/run: it says "ready", awaits a line, says "start" and "stop" around what is
 * measured, and at the end "done" with the result as JSON. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	void (*run)(struct engine *e);
} modes[] = {
	{ "first", first_run },	      { "login", login_run }, { "idle", idle_run },
	{ "chat", chat_run },	      { "deaf", deaf_run },   { "endless", endless_run },
	{ "churn", churn_run },	      { "flood", flood_run }, { "storm", storm_run },
	{ "presence", presence_run },
};

static uint64_t number(const char *name, const char *value, uint64_t max)
{
	uint64_t v = 0;

	if (strv_to_u64(strv_from(value), max, &v) < 0)
		fail("%s=%s: a number up to %llu is wanted", name, value,
		     (unsigned long long)max);
	return v;
}

static void set_number(struct load_conf *c, const char *name, const char *value)
{
	const struct {
		const char *name;
		unsigned *to;
		unsigned max;
	} numbers[] = {
		{ "users", &c->users, 1000000 },
		{ "sessions", &c->sessions, 60000 },
		{ "pairs", &c->pairs, 10000 },
		{ "in_flight", &c->in_flight, 1000 },
		{ "rate", &c->rate, 1000000 },
		{ "count", &c->count, 1000000 },
		{ "net", &c->net, 250 },
		{ "first_user", &c->first_user, 1000000 },
		{ "warmup_ms", &c->warmup_ms, 3600000 },
		{ "measure_ms", &c->measure_ms, 3600000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (strcmp(name, numbers[i].name) != 0)
			continue;
		*numbers[i].to = (unsigned)number(name, value, numbers[i].max);
		return;
	}
	fail("unknown option %s", name);
}

static void set_option(struct load_conf *c, char *option)
{
	char *value = strchr(option, '=');

	if (value == NULL)
		fail("%s: NAME=VALUE is wanted", option);
	*value++ = '\0';
	if (strcmp(option, "port") == 0)
		c->port = (uint16_t)number(option, value, UINT16_MAX);
	else if (strcmp(option, "password") == 0)
		c->password = value;
	else if (strcmp(option, "tls") == 0)
		c->tls = number(option, value, 1);
	else if (strcmp(option, "plain") == 0)
		c->plain = number(option, value, 1);
	else if (strcmp(option, "tickets") == 0)
		c->tickets = number(option, value, 1);
	else if (strcmp(option, "wire") == 0)
		c->wire = number(option, value, 1);
	else if (strcmp(option, "open_loop") == 0)
		c->open_loop = number(option, value, 1);
	else
		set_number(c, option, value);
}

int main(int argc, char **argv)
{
	struct load_conf conf = { .port = 5222,
				  .password = "secret",
				  .users = 1,
				  .sessions = 1,
				  .pairs = 1,
				  .in_flight = 1,
				  .net = 1,
				  .rate = 1000,
				  .warmup_ms = 500,
				  .measure_ms = 1000 };
	struct engine e;
	struct rlimit files;

	if (argc < 2)
		fail("usage: meerkat-load MODE OPTION=VALUE...");
	for (int i = 2; i < argc; i++)
		set_option(&conf, argv[i]);
	if (conf.users == 0 || conf.sessions == 0 || conf.pairs == 0 || conf.rate == 0)
		fail("users, sessions, pairs and rate are at least 1");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN); /* libssl writes to whom the server has closed */
	prctl(PR_SET_TIMERSLACK, 1);
	engine_init(&e, &conf);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run(&e);
			return 0;
		}
	}
	fail("unknown mode %s", argv[1]);
}
