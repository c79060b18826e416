/* The names of those who are logged in without an account. A table of the whole server, since a
 * name is taken where somebody logs in, and used at its home. */
#include "core/login/anonymous.h"
#include "base/hash.h"

#include <pthread.h>

/* A name, or a domain: how many have it. */
struct holder {
	struct hnode node;
	int64_t n;
	uint16_t len;
	char text[];
};

struct anonymous_names {
	pthread_mutex_t lock;
	struct hash names;   /* bare JIDs: how many are logged in */
	struct hash domains; /* how many names they have */
};

struct anonymous_names *anonymous_names_new(void)
{
	struct anonymous_names *n = MEM_NEW(struct anonymous_names);

	pthread_mutex_init(&n->lock, NULL);
	hash_init(&n->names);
	hash_init(&n->domains);
	return n;
}

static void free_one(struct hnode *node, void *arg)
{
	struct holder *h = container_of(node, struct holder, node);

	hash_remove(arg, node);
	mem_free(h);
}

void anonymous_names_free(struct anonymous_names **pn)
{
	struct anonymous_names *n = *pn;

	*pn = NULL;
	if (n == NULL)
		return;
	hash_each(&n->names, free_one, &n->names);
	hash_each(&n->domains, free_one, &n->domains);
	hash_fini(&n->names);
	hash_fini(&n->domains);
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
}

static struct holder *find(const struct hash *t, struct strv text)
{
	struct hnode *node = hash_first(t, hash_strv(text));

	for (; node; node = hash_next(node)) {
		struct holder *h = container_of(node, struct holder, node);
		if (strv_eq(strv_make(h->text, h->len), text))
			return h;
	}
	return NULL;
}

static void add(struct hash *t, struct strv text)
{
	struct holder *h = find(t, text);

	if (h == NULL) {
		h = mem_alloc(sizeof(*h) + text.n);
		h->n = 0;
		h->len = (uint16_t)text.n;
		memcpy(h->text, text.p, text.n);
		hash_add(t, &h->node, hash_strv(text));
	}
	h->n++;
}

/* True: nobody has it any more. */
static bool take_away(struct hash *t, struct strv text)
{
	struct holder *h = find(t, text);

	ASSERT(h != NULL && h->n > 0);
	if (--h->n)
		return false;
	free_one(&h->node, t);
	return true;
}

static int take(struct anonymous_names *n, struct jid user, bool share, int64_t max)
{
	struct holder *name = find(&n->names, jid_bare_text(user)),
		      *domain = find(&n->domains, jid_domain(user));

	if (name && !share)
		return -EEXIST;
	if (name == NULL && domain && domain->n >= max)
		return -ENOSPC;
	add(&n->names, jid_bare_text(user));
	if (name == NULL)
		add(&n->domains, jid_domain(user));
	return 0;
}

int anonymous_take(struct anonymous_names *n, struct jid user, bool share, int64_t max)
{
	int r;

	pthread_mutex_lock(&n->lock);
	r = take(n, user, share, max);
	pthread_mutex_unlock(&n->lock);
	return r;
}

void anonymous_give_back(struct anonymous_names *n, struct jid user)
{
	pthread_mutex_lock(&n->lock);
	if (take_away(&n->names, jid_bare_text(user)))
		take_away(&n->domains, jid_domain(user));
	pthread_mutex_unlock(&n->lock);
}
