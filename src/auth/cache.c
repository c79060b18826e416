#include "auth/cache.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/rand.h"

#include <pthread.h>

enum { TAG_LEN = 32 };

struct auth_cache {
	pthread_mutex_t lock;
	unsigned char key[32];
	size_t n_entries; /* a power of two: a newer entry takes the place of an older one */
	unsigned char (*tag)[TAG_LEN];
};

struct auth_cache *auth_cache_new(size_t max_entries)
{
	struct auth_cache *c = MEM_NEW(struct auth_cache);

	ASSERT(max_entries > 0 && (max_entries & (max_entries - 1)) == 0);
	pthread_mutex_init(&c->lock, NULL);
	rand_bytes(c->key, sizeof(c->key));
	c->n_entries = max_entries;
	c->tag = mem_map(max_entries * TAG_LEN);
	return c;
}

void auth_cache_free(struct auth_cache **pc)
{
	struct auth_cache *c = *pc;

	*pc = NULL;
	if (c == NULL)
		return;
	mem_wipe(c->key, sizeof(c->key));
	pthread_mutex_destroy(&c->lock);
	mem_unmap(c->tag, c->n_entries * TAG_LEN);
	mem_free(c);
}

static void make_tag(struct auth_cache *c, struct strv account, struct strv password,
		     struct strv credentials, unsigned char *to)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	char *room;

	/* One that grew would leave copies behind. */
	room = buf_reserve(&b, account.n + password.n + credentials.n + 64);
	ASSERT(room);
	/* Lengths keep the three apart. */
	buf_putf(&b, "%zu,%zu,", account.n, password.n);
	buf_put(&b, account);
	buf_put(&b, password);
	buf_put(&b, credentials);
	digest_hmac(DIGEST_SHA256, strv_make((char *)c->key, sizeof(c->key)),
		    buf_strv(&b), to);
	mem_wipe(b.p, b.n);
}

/* The account alone picks the place: a wrong password cannot push others out. */
static size_t place(struct auth_cache *c, struct strv account)
{
	unsigned char tag[TAG_LEN];
	uint64_t v;

	digest_hmac(DIGEST_SHA256, strv_make((char *)c->key, sizeof(c->key)), account,
		    tag);
	memcpy(&v, tag, sizeof(v));
	return v & (c->n_entries - 1);
}

bool auth_cache_has(struct auth_cache *c, struct strv account, struct strv password,
		    struct strv credentials)
{
	unsigned char tag[TAG_LEN];
	size_t at = place(c, account);
	bool has;

	make_tag(c, account, password, credentials, tag);
	pthread_mutex_lock(&c->lock);
	has = mem_equal_ct(c->tag[at], tag, TAG_LEN);
	pthread_mutex_unlock(&c->lock);
	return has;
}

void auth_cache_add(struct auth_cache *c, struct strv account, struct strv password,
		    struct strv credentials)
{
	unsigned char tag[TAG_LEN];
	size_t at = place(c, account);

	make_tag(c, account, password, credentials, tag);
	pthread_mutex_lock(&c->lock);
	memcpy(c->tag[at], tag, TAG_LEN);
	pthread_mutex_unlock(&c->lock);
}
