/* The commands of `meerkat`. Each returns the exit status: 0 done, 1 failed, 2 wrong
 * usage. */
#pragma once

#include "base/strv.h"

struct args {
	const char *config;  /* -c FILE; NULL: none */
	unsigned workers;    /* --workers N; 0: one a core */
	bool configuration;  /* help --configuration */
	bool json;	     /* status --json */
	const char *word[4]; /* what is not an option, in order */
	unsigned n_words;
};

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int cmd_serve(const struct args *a);
int cmd_check(const struct args *a);
int cmd_reload(const struct args *a);
int cmd_status(const struct args *a);
int cmd_user(const struct args *a);

struct conf;

/* Reads the configuration, and says on stderr what is wrong with it. */
int load_conf(const struct args *a, struct conf **ret);

/* For a first start without a configuration: the folder for the data, and a certificate.
 * -1: it failed, and has been said. */
int prepare_defaults(void);
