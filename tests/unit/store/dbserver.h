/* A database server of these tests' own, which ends with the program. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct dbserver {
	const char *script; /* below tests/ */
	int signal;	    /* ends it at once, as in a crash */
	bool (*is_up)(void);
	char dir[64]; /* of its files and its socket */
	pid_t pid;    /* 0: it does not run */
};

void dbserver_start(struct dbserver *s); /* and waits until it is up */
void dbserver_kill(struct dbserver *s);
void dbserver_pause(void); /* between two looks whether something is so */

const char *dbserver_file(const char *below_tests); /* what is in it; static storage */
