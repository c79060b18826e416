#include "auth/backoff.h"
#include "base/hash.h"

#include <arpa/inet.h>
#include <pthread.h>

enum {
	WAYS = 4, /* entries that one key can be in */
	FIRST_DELAY_MS = 1000,
	MAX_DOUBLINGS = 20, /* 12 days: more than any maximum */
};

enum kind { OF_PAIR, OF_ADDRESS, OF_ACCOUNT, N_KINDS };

struct entry {
	uint64_t key; /* a keyed hash */
	msec_t last;  /* failure; it is forgotten some time after */
	msec_t until; /* the delay runs */
	uint32_t n;   /* failures in a row; 0: nobody's */
};

struct backoff {
	pthread_mutex_t lock;
	size_t n_sets;
	struct entry *entry[N_KINDS]; /* n_sets times WAYS */
};

struct backoff *backoff_new(size_t n_entries)
{
	struct backoff *b = MEM_NEW(struct backoff);

	ASSERT(n_entries >= WAYS && (n_entries & (n_entries - 1)) == 0);
	pthread_mutex_init(&b->lock, NULL);
	b->n_sets = n_entries / WAYS;
	for (int k = 0; k < N_KINDS; k++)
		b->entry[k] = mem_map(n_entries * sizeof(struct entry));
	return b;
}

void backoff_free(struct backoff **pb)
{
	struct backoff *b = *pb;

	*pb = NULL;
	if (b == NULL)
		return;
	for (int k = 0; k < N_KINDS; k++)
		mem_unmap(b->entry[k], b->n_sets * WAYS * sizeof(struct entry));
	pthread_mutex_destroy(&b->lock);
	mem_free(b);
}

/* --- keys --- */

/* The network that a client can choose its address in: of IPv6 a /64. */
static uint64_t address_key(const char *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t raw[16];

	if (inet_pton(AF_INET, address, raw) == 1)
		return hash_bytes(raw, 4);
	if (inet_pton(AF_INET6, address, raw) != 1)
		return hash_strv(strv_from(address));
	if (memcmp(raw, mapped, sizeof(mapped)) == 0) /* IPv4 on a socket of IPv6 */
		return hash_bytes(raw + 12, 4);
	return hash_bytes(raw, 8);
}

static void make_keys(struct strv account, const char *address, uint64_t key[N_KINDS])
{
	key[OF_ACCOUNT] = hash_strv(account);
	key[OF_ADDRESS] = address_key(address);
	key[OF_PAIR] = hash_bytes(&key[OF_ADDRESS], 2 * sizeof(key[0]));
}

/* --- entries --- */

static struct entry *set_of(struct backoff *b, enum kind k, uint64_t key)
{
	return &b->entry[k][(key & (b->n_sets - 1)) * WAYS];
}

static struct entry *find(struct backoff *b, enum kind k, uint64_t key)
{
	struct entry *set = set_of(b, k, key);

	for (int i = 0; i < WAYS; i++)
		if (set[i].n && set[i].key == key)
			return &set[i];
	return NULL;
}

static bool is_over(const struct entry *e, const struct backoff_conf *c, msec_t now)
{
	return e->n == 0 || (now - e->last >= c->forget_ms && now >= e->until);
}

static bool weighs_less(const struct entry *a, const struct entry *b)
{
	return a->n != b->n ? a->n < b->n : a->last < b->last;
}

/* A place for a new one: of those that nobody needs, or else the lightest. */
static struct entry *claim(struct backoff *b, const struct backoff_conf *c, enum kind k,
			   uint64_t key, msec_t now)
{
	struct entry *set = set_of(b, k, key), *e = &set[0];

	for (int i = 0; i < WAYS && !is_over(e, c, now); i++)
		if (is_over(&set[i], c, now) || weighs_less(&set[i], e))
			e = &set[i];
	*e = (struct entry){ .key = key };
	return e;
}

static msec_t delay_of(uint32_t n, uint32_t from, msec_t max)
{
	if (n < from)
		return 0;
	return MIN((msec_t)FIRST_DELAY_MS << MIN(n - from, (uint32_t)MAX_DOUBLINGS), max);
}

static msec_t count(struct backoff *b, const struct backoff_conf *c, enum kind k,
		    uint64_t key, msec_t now)
{
	uint32_t from = k == OF_ADDRESS ? c->per_address : c->per_account;
	struct entry *e = find(b, k, key);
	msec_t delay;

	if (from == BACKOFF_OFF)
		return 0;
	if (e == NULL || is_over(e, c, now))
		e = claim(b, c, k, key, now);
	e->n += e->n < UINT32_MAX;
	e->last = now;
	delay = delay_of(e->n, from, c->max_delay_ms);
	e->until = MAX(e->until, now + delay);
	return delay;
}

msec_t backoff_wrong(struct backoff *b, const struct backoff_conf *c, struct strv account,
		     const char *address, msec_t now)
{
	uint64_t key[N_KINDS];
	msec_t delay = 0;

	make_keys(account, address, key);
	pthread_mutex_lock(&b->lock);
	for (int k = 0; k < N_KINDS; k++) {
		msec_t one = count(b, c, (enum kind)k, key[k], now);
		delay = MAX(delay, one);
	}
	pthread_mutex_unlock(&b->lock);
	return delay;
}

static msec_t left(const struct entry *e, const struct backoff_conf *c, msec_t now)
{
	return e && e->until > now ? MIN(e->until - now, c->max_delay_ms) : 0;
}

msec_t backoff_right(struct backoff *b, const struct backoff_conf *c, struct strv account,
		     const char *address, msec_t now)
{
	uint64_t key[N_KINDS];
	struct entry *pair;
	msec_t delay = 0;

	make_keys(account, address, key);
	pthread_mutex_lock(&b->lock);
	pair = find(b, OF_PAIR, key[OF_PAIR]);
	if (c->per_account != BACKOFF_OFF)
		delay = left(pair, c, now);
	if (c->per_address != BACKOFF_OFF)
		delay = MAX(delay, left(find(b, OF_ADDRESS, key[OF_ADDRESS]), c, now));
	if (pair && pair->until <= now) /* whoever knows it may mistype it again */
		*pair = (struct entry){ 0 };
	pthread_mutex_unlock(&b->lock);
	return delay;
}
