#include "auth/web_token.h"

#include <fcntl.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_KEY = 64 << 10, MAX_TOKEN = 8192, JWT_THREADS = 1, JWT_TIMEOUT_MS = 10000 };

struct jwt_method {
	struct auth_backend base;
	jwt_alg_t alg;
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

static bool has_right_claims(const struct jwt_method *m, jwt_t *jwt,
			     const struct auth_call *c)
{
	char *text = jwt_get_grants_json(jwt, NULL);
	json_t *claims = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	bool ok = claims && claims_fit(m, claims, c);

	json_decref(claims);
	free(text);
	return ok;
}

/* --- tokens --- */

static struct strv key_now(const struct jwt_method *m)
{
	const char *value = m->env ? getenv(m->env) : NULL;

	return m->env ? strv_from(value ? value : "") : buf_strv(&m->key);
}

/* The library verifies with the algorithm that the token names; only ours will do. A token that
 * says HS256 where RS256 is configured was "signed" with the public key: it is refused. */
static int check_token(const struct jwt_method *m, struct strv key, const char *token,
		       const struct auth_call *c)
{
	jwt_t *jwt = NULL;
	int r = -EACCES;

	if (jwt_decode(&jwt, token, (const unsigned char *)key.p, (int)key.n) == 0 &&
	    jwt_get_alg(jwt) == m->alg && has_right_claims(m, jwt, c))
		r = 0;
	jwt_free(jwt);
	return r;
}

static int call(void *state, struct auth_call *c)
{
	const struct jwt_method *m = container_of(c->backend, struct jwt_method, base);
	struct strv key = key_now(m);
	char *token;
	int r;

	if (key.n == 0)
		return auth_fail(c, -EIO,
				 "jwt: the environment has no variable of that name");
	if (c->password.n == 0 || c->password.n > MAX_TOKEN ||
	    memchr(c->password.p, '\0', c->password.n))
		return -EACCES;
	token = mem_alloc(c->password.n + 1);
	memcpy(token, c->password.p, c->password.n);
	token[c->password.n] = '\0';
	r = check_token(m, key, token, c);
	mem_wipe(token, c->password.n);
	mem_free(token);
	return r;
}

/* --- the key --- */

static int read_file(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		char *at = buf_reserve(to, 4096);
		ssize_t n = at ? read(fd, at, 4096) : 0;
		if (at == NULL)
			r = -EFBIG;
		else if (n < 0 && errno != EINTR)
			r = -errno;
		if (r < 0 || n == 0)
			break;
		to->n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return r;
}

/* A public key in PEM of the algorithm's kind: anything else could never verify a token. */
static bool is_public_key(struct strv key, int type)
{
	BIO *bio = BIO_new_mem_buf(key.p, (int)key.n);
	EVP_PKEY *k = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	bool ok = k && EVP_PKEY_get_base_id(k) == type;

	EVP_PKEY_free(k);
	BIO_free(bio);
	return ok;
}

static int check_key(const struct jwt_method *m, const struct auth_jwt_conf *conf,
		     struct buf *err)
{
	bool ok = true;

	if (m->env)
		return 0; /* it may be set later */
	if (m->alg == JWT_ALG_RS256 || m->alg == JWT_ALG_RS384 || m->alg == JWT_ALG_RS512)
		ok = is_public_key(buf_strv(&m->key), EVP_PKEY_RSA);
	else if (m->alg == JWT_ALG_ES256 || m->alg == JWT_ALG_ES384 ||
		 m->alg == JWT_ALG_ES512)
		ok = is_public_key(buf_strv(&m->key), EVP_PKEY_EC);
	if (ok && m->key.n)
		return 0;
	buf_putf(err, "%s%sexpected %s", conf->kind == AUTH_JWT_FILE ? conf->key : "",
		 conf->kind == AUTH_JWT_FILE ? ": " : "",
		 ok ? "a key, found nothing"
		    : "a public key in PEM that fits the algorithm");
	return -EINVAL;
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

static jwt_alg_t read_alg(const char *name)
{
	char fixed[8];

	snprintf(fixed, sizeof(fixed), "%s", name);
	if (strlen(fixed) == 5 && strcmp(fixed + 2, "386") == 0)
		memcpy(fixed + 2, "384", 3);
	return jwt_str_alg(fixed);
}

int auth_jwt_new(const struct auth_jwt_conf *conf, struct auth_backend **ret,
		 struct buf *err)
{
	struct jwt_method *m = MEM_NEW(struct jwt_method);
	int r;

	m->base.ops = &jwt_ops;
	m->base.n_threads = JWT_THREADS;
	m->base.timeout_ms = JWT_TIMEOUT_MS;
	m->alg = read_alg(conf->algorithm);
	m->username_key = mem_strdup(conf->username_key);
	m->key = (struct buf)BUF_INIT(MAX_KEY);
	ASSERT(m->alg != JWT_ALG_NONE && m->alg != JWT_ALG_INVAL);
	r = take_key(m, conf, err);
	if (r < 0) {
		free_jwt(&m->base);
		return r;
	}
	*ret = &m->base;
	return 0;
}
