#include "auth/web_token.h"
#include "auth/jws.h"

#include <fcntl.h>
#include <unistd.h>

enum { MAX_KEY = 64 << 10, MAX_TOKEN = 8192, JWT_THREADS = 1, JWT_TIMEOUT_MS = 10000 };

struct jwt_method {
	struct auth_backend base;
	const struct jws_alg *alg;
	char *username_key;
	char *env; /* the variable's name; NULL: the key is here */
	struct buf key;
};

/* --- claims --- */

/* A NumericDate (RFC 7519 2); one that is no number makes the token invalid. */
static bool time_is_ok(const json_t *claims, const char *name, bool is_end, double now)
{
	const json_t *v = json_object_get(claims, name);

	if (v == NULL)
		return true;
	if (!json_is_number(v))
		return false;
	return is_end ? now < json_number_value(v) + AUTH_JWT_LEEWAY_S
		      : now >= json_number_value(v) - AUTH_JWT_LEEWAY_S;
}

static bool claims_fit(const struct jwt_method *m, const json_t *claims,
		       const struct auth_call *c)
{
	const json_t *user = json_object_get(claims, m->username_key);
	double now = (double)clock_wall_us() / 1e6;

	return json_is_string(user) &&
	       strv_eq(strv_make(json_string_value(user), json_string_length(user)),
		       c->user) &&
	       time_is_ok(claims, "exp", true, now) &&
	       time_is_ok(claims, "nbf", false, now) &&
	       time_is_ok(claims, "iat", false, now);
}

/* --- tokens --- */

static struct strv key_now(const struct jwt_method *m)
{
	const char *value = m->env ? getenv(m->env) : NULL;

	return m->env ? strv_from(value ? value : "") : buf_strv(&m->key);
}

static int call(void *state, struct auth_call *c)
{
	const struct jwt_method *m = container_of(c->backend, struct jwt_method, base);
	struct strv key = key_now(m);
	const char *expected = m->env ? jws_key_trouble(m->alg, key) : NULL;
	json_t *claims;
	bool fit;

	if (key.n == 0)
		return auth_fail(c, -EIO,
				 "jwt: the environment has no variable of that name");
	if (expected)
		return auth_fail(c, -EIO, "jwt: the variable of that name: expected %s",
				 expected);
	if (c->password.n > MAX_TOKEN ||
	    jws_verify(m->alg, key, c->password, &claims) < 0)
		return -EACCES;
	fit = claims_fit(m, claims, c);
	json_decref(claims);
	return fit ? 0 : -EACCES;
}

/* --- the key --- */

/* Room for all of it at once: what a buffer leaves behind when it grows is not wiped. */
static int read_file(const char *path, struct buf *to)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *at = buf_reserve(to, MAX_KEY);
	ssize_t r;

	ASSERT(at != NULL);
	if (fd < 0)
		return -errno;
	do {
		r = read(fd, at + to->n, MAX_KEY - to->n);
		to->n += r > 0 ? (size_t)r : 0;
	} while (r > 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : to->n == MAX_KEY ? -EFBIG : 0;
}

/* What a key of the environment lacks is only said: where it is checked may be another one than where
 * the server runs. The variable's name is not: it may be the key, in the wrong place. */
static int check_key(const struct jwt_method *m, const struct auth_jwt_conf *conf,
		     struct buf *err)
{
	struct strv key = key_now(m);
	const char *expected = jws_key_trouble(m->alg, key);
	const char *better = expected ? NULL : jws_key_weakness(m->alg, key);
	const char *place = m->env			  ? "the variable of that name: "
			    : conf->kind == AUTH_JWT_FILE ? conf->key
							  : "";
	const char *colon = conf->kind == AUTH_JWT_FILE ? ": " : "";

	if (m->env && key.n == 0)
		buf_putf(err, "the environment has no variable of that name: no token is "
			      "taken");
	else if (expected)
		buf_putf(err, "%s%sexpected %s", place, colon, expected);
	else if (better)
		buf_putf(err, "%s%s%s wants %s (RFC 7518): this one may be guessed",
			 place, colon, m->alg->name, better);
	return expected && !m->env ? -EINVAL : 0;
}

static int take_key(struct jwt_method *m, const struct auth_jwt_conf *conf,
		    struct buf *err)
{
	int r = 0;

	if (conf->kind == AUTH_JWT_ENV)
		m->env = mem_strdup(conf->key);
	else if (conf->kind == AUTH_JWT_VALUE)
		r = buf_adds(&m->key, strv_from(conf->key));
	else
		r = read_file(conf->key, &m->key);
	if (r < 0)
		buf_putf(err, "%s: %s", conf->kind == AUTH_JWT_FILE ? conf->key : "key",
			 strerrordesc_np(-r));
	return r < 0 ? -EINVAL : check_key(m, conf, err);
}

/* --- the backend --- */

static void free_jwt(struct auth_backend *b)
{
	struct jwt_method *m = container_of(b, struct jwt_method, base);

	mem_wipe(m->key.p, m->key.n);
	buf_free(&m->key);
	mem_free(m->username_key);
	mem_free(m->env);
	mem_free(m);
}

static const struct auth_backend_ops jwt_ops = {
	.name = "jwt",
	.can = 1u << AUTH_CHECK,
	.call = call,
	.free = free_jwt,
};

int auth_jwt_new(const struct auth_jwt_conf *conf, struct auth_backend **ret,
		 struct buf *err)
{
	struct jwt_method *m = MEM_NEW(struct jwt_method);
	int r;

	m->base.ops = &jwt_ops;
	m->base.threads = *AUTH_POOL_PLAIN(JWT_THREADS);
	m->base.timeout_ms = JWT_TIMEOUT_MS;
	m->alg = jws_alg_find(conf->algorithm);
	m->username_key = mem_strdup(conf->username_key);
	m->key = (struct buf)BUF_INIT(MAX_KEY);
	ASSERT(m->alg);
	r = take_key(m, conf, err);
	if (r < 0) {
		free_jwt(&m->base);
		return r;
	}
	*ret = &m->base;
	return 0;
}
