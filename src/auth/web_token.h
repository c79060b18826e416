/* The method `jwt`: a JSON Web Token (RFC 7519) in the password's place, signed with the one
 * algorithm and key of the configuration, whose claim `username_key` is the user's name. */
#pragma once

#include "auth/backend.h"
#include "base/buf.h"

enum auth_jwt_key {
	AUTH_JWT_VALUE,
	AUTH_JWT_FILE, /* read when the configuration is */
	AUTH_JWT_ENV,  /* read for each token, as MongooseIM does it */
};

struct auth_jwt_conf {
	enum auth_jwt_key kind;
	const char *key; /* the key, its file's name, or the variable's */
	const char
		*algorithm; /* "HS256" ... "ES512"; "386" means 384, as in MongooseIM */
	const char *username_key;
};

enum { AUTH_JWT_LEEWAY_S = 30 }; /* how far the issuer's clock may be from ours */

/* -EINVAL, and why in `err`: the file cannot be read, or the key is not one for the algorithm. 0, and
 * something in `err`: a warning. */
nodiscard int auth_jwt_new(const struct auth_jwt_conf *conf, struct auth_backend **ret,
			   struct buf *err);
