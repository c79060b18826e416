/* The method `external`: programs that answer on their standard output what they are asked on
 * their standard input, as ejabberd and MongooseIM do it. Each message has two bytes of length,
 * big-endian, in front: "auth:USER:DOMAIN:PASSWORD", "isuser:USER:DOMAIN",
 * "setpass:USER:DOMAIN:PASSWORD", "tryregister:USER:DOMAIN:PASSWORD", "removeuser:USER:DOMAIN"; the
 * answer is the two bytes 0 1 (yes) or 0 0. A program that ends or does not answer is started
 * again, at growing intervals. */
#pragma once

#include "auth/backend.h"

struct auth_external_conf {
	const char *program; /* a path, or one with arguments behind it; copied */
	unsigned instances;
	int timeout_ms;
};

enum { AUTH_EXTERNAL_TIMEOUT_MS = 10000 };

nodiscard struct auth_backend *auth_external_new(const struct auth_external_conf *conf);
