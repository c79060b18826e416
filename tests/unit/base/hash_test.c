#include "base/hash.h"
#include "base/list.h"
#include "test.h"

#include <stdio.h>

struct item {
	struct hnode node;
	char key[16];
};

static struct item *find(struct hash *h, const char *key)
{
	uint64_t v = hash_bytes(key, strlen(key));

	for (struct hnode *n = hash_first(h, v); n; n = hash_next(n)) {
		struct item *it = container_of(n, struct item, node);
		if (strcmp(it->key, key) == 0)
			return it;
	}
	return NULL;
}

static void remove_odd(struct hnode *n, void *arg)
{
	struct item *it = container_of(n, struct item, node);
	if ((it->key[strlen(it->key) - 1] - '0') & 1)
		hash_remove(arg, n);
}

TEST(hash_finds_what_was_added_and_not_what_was_removed)
{
	static struct item items[1000];
	struct hash h;
	char key[16];

	hash_init(&h);
	CHECK(find(&h, "k1") == NULL);
	for (int i = 0; i < 1000; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "k%d", i);
		hash_add(&h, &items[i].node,
			 hash_bytes(items[i].key, strlen(items[i].key)));
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		CHECK(find(&h, key) == &items[i]);
	}
	hash_each(&h, remove_odd, &h);
	CHECK_INT(h.n, 500);
	CHECK(find(&h, "k77") == NULL && find(&h, "k78") == &items[78]);
	hash_fini(&h);
}

TEST(hash_table_gets_smaller_when_most_have_left)
{
	enum { N = 10000 };
	static struct item items[N + 1];
	struct hash h;

	hash_init(&h);
	for (int i = 0; i <= N; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "k%d", i);
		items[i].node.hash = hash_bytes(items[i].key, strlen(items[i].key));
	}
	for (int i = 0; i < N; i++)
		hash_add(&h, &items[i].node, items[i].node.hash);
	CHECK_INT(h.n_slot, 16384);
	for (int i = 3; i < N; i++)
		hash_remove(&h, &items[i].node);
	for (int i = 0; i < 10;
	     i++) { /* step by step, and no further than it was at first */
		hash_add(&h, &items[N].node, items[N].node.hash);
		CHECK(find(&h, "k0") && find(&h, "k1") && find(&h, "k2") &&
		      find(&h, "k10000"));
		hash_remove(&h, &items[N].node);
	}
	CHECK_INT(h.n_slot, 32);
	hash_fini(&h);
}

TEST(hash_of_equal_bytes_is_equal_at_any_alignment)
{
	char a[32] = "xabcdefghijklmnopq", b[32] = "abcdefghijklmnopq";

	CHECK(hash_bytes(a + 1, 17) == hash_bytes(b, 17));
	CHECK(hash_bytes(a + 1, 16) != hash_bytes(b, 17));
	CHECK(hash_bytes("", 0) != hash_bytes("\0", 1));
}

TEST(list_keeps_order_and_survives_double_removal)
{
	struct list head, a, b, c, other;

	list_init(&head);
	list_init(&other);
	CHECK(list_empty(&head) && list_pop(&head) == NULL);
	list_push(&head, &b);
	list_push(&head, &c);
	list_push_front(&head, &a);
	CHECK(head.next == &a && a.next == &b && b.next == &c);
	list_remove(&b);
	list_remove(&b);
	list_push(&other, &b);
	list_splice(&head, &other);
	CHECK(list_empty(&other) && head.prev == &b);
	CHECK(list_pop(&head) == &a && list_pop(&head) == &c && list_pop(&head) == &b);
}
