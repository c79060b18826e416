/* Private storage, vCards, last activity, offline messages, secrets. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct jid romeo(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	fixture_account(s, "juliet@example.org");
	return fixture_jid(
		"romeo@example.org/orchard"); /* the resource does not matter */
}

static void check_text(struct store *s, struct store_call *c, const char *want)
{
	CHECK_INT(store_wait(s, c), 0);
	CHECK(c->text.p != NULL);
	CHECK_STR(c->text, want);
	store_call_free(&c);
}

ON_EACH(offline_messages_that_have_expired_make_room)
{
	struct jid who = romeo(s);
	static const wallus_t expires[] = { 50, 0, 51 };
	struct store_call *c;

	for (int i = 0; i < 3; i++) {
		c = store_offline_add(who, i + 1, STRV("n@x"), STRV("m"), 3);
		c->expires = expires[i];
		CHECK_INT(fixture_do(s, c), 0);
	}
	CHECK_INT(fixture_do(s, store_offline_add(who, 49, STRV("n@x"), STRV("m"), 3)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_offline_add(who, 50, STRV("n@x"), STRV("m"), 3)),
		  0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 50, STRV("n@x"), STRV("m"), 3)),
		  -ENOSPC);
	c = store_offline_load(who, 0);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_messages, 3);
	CHECK_INT(c->messages[0].expires, 0);
	CHECK_INT(c->messages[1].expires, 51);
	CHECK_INT(c->messages[2].at, 50);
	store_call_free(&c);
}

ON_EACH(private_storage_takes_so_many_elements_of_an_account)
{
	struct jid who = romeo(s), other = fixture_jid("mercutio@example.org");

	fixture_account(s, "mercutio@example.org");
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:a"), STRV("1"), 2)), 0);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:b"), STRV("1"), 2)), 0);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:c"), STRV("1"), 2)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:c"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:b"), STRV("2"), 2)), 0);
	check_text(s, store_private_get(who, STRV("ns:b")), "2");
	CHECK_INT(fixture_do(s, store_private_set(other, STRV("ns:c"), STRV("1"), 2)), 0);
	CHECK_INT(fixture_do(s, store_private_set(fixture_jid("nobody@example.org"),
						  STRV("ns:a"), STRV("1"), 2)),
		  -ENOENT);
}

ON_EACH(private_storage_is_kept_by_namespace)
{
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:a"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:a"),
						  STRV("<a>\xc3\xa9</a>"), INT64_MAX)),
		  0);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:b"), STRV("<b/>"),
						  INT64_MAX)),
		  0);
	CHECK_INT(fixture_do(s,
			     store_private_set(who, STRV("ns:b"), STRV(""), INT64_MAX)),
		  0);
	check_text(s, store_private_get(who, STRV("ns:a")), "<a>\xc3\xa9</a>");
	check_text(s, store_private_get(who, STRV("ns:b")), "");
	CHECK_INT(fixture_do(s, store_private_get(fixture_jid("juliet@example.org"),
						  STRV("ns:a"))),
		  -ENOENT);
}

ON_EACH(vcard_is_kept)
{
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("<v>1</v>"))), 0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("<v>\xe2\x82\xac</v>"))), 0);
	check_text(s, store_vcard_get(who), "<v>\xe2\x82\xac</v>");
	CHECK_INT(fixture_do(s, store_vcard_get(fixture_jid("juliet@example.org"))),
		  -ENOENT);
}

ON_EACH(last_activity_is_kept)
{
	struct jid who = romeo(s);
	struct store_call *c;

	CHECK_INT(fixture_do(s, store_last_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV("away"))), 0);
	CHECK_INT(fixture_do(s, store_last_set(who, 5000000000, STRV(""))), 0);
	c = store_last_get(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->number, 5000000000);
	CHECK(c->text.p != NULL && c->text.n == 0);
	store_call_free(&c);
}

/* Whoever is removed while their last words are under way leaves nothing to a successor. */
ON_EACH(nothing_is_written_for_an_account_that_is_not_there)
{
	struct jid who = fixture_jid("gone@example.org");
	struct store_roster_item item = { .jid = STRV("j@x"),
					  .subscription = 'N',
					  .ask = 'N' };
	struct store_call *c;

	CHECK_INT(fixture_do(s,
			     store_private_set(who, STRV("ns:a"), STRV("x"), INT64_MAX)),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV("x"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_roster_put(who, &item, STRV("1"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_roster_remove(who, fixture_jid("j@x"), STRV("1"))),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("j@x"), STRV("x"), 9)),
		  -ENOENT);
	fixture_account(s, "gone@example.org");
	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:a"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_last_get(who)), -ENOENT);
	c = store_roster_load(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_items + c->text.n, 0);
	store_call_free(&c);
	c = store_offline_load(who, 0);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_messages, 0);
	store_call_free(&c);
}

/* --- offline messages --- */

static void add_messages(struct store *s, struct jid who, int n)
{
	static struct flight f;
	char packet[64];

	flight_init(&f);
	for (int i = 0; i < n; i++) {
		snprintf(packet, sizeof(packet), "<message id='%d'>\xc3\xa9</message>",
			 i);
		/* Times run backwards: order is that of arrival. */
		flight_add(&f, s,
			   store_offline_add(who, 1000000 - i, STRV("n@x/\xc3\xa9"),
					     strv_from(packet), INT64_MAX));
	}
	flight_await(&f);
	for (int i = 0; i < n; i++)
		CHECK_INT(f.call[i]->err, 0);
	flight_free(&f);
}

/* Checks one page, whose first message has number `first`; returns the last id. */
static int64_t check_page(struct store *s, struct jid who, int64_t after, int first,
			  int n)
{
	struct store_call *c = store_offline_load(who, after);
	char packet[64];

	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_messages, n);
	for (int i = 0; i < n; i++) {
		const struct store_message *m = &c->messages[i];
		snprintf(packet, sizeof(packet), "<message id='%d'>\xc3\xa9</message>",
			 first + i);
		CHECK(m->id > after);
		after = m->id;
		CHECK_INT(m->at, 1000000 - first - i);
		CHECK_STR(m->from, "n@x/\xc3\xa9");
		CHECK_STR(m->packet, packet);
	}
	store_call_free(&c);
	return after;
}

ON_EACH(offline_messages_come_in_order_two_hundred_at_once)
{
	struct jid who = romeo(s), juliet = fixture_jid("juliet@example.org");
	int64_t last;

	CHECK_INT(check_page(s, who, 0, 0, 0), 0);
	add_messages(s, who, 450);
	add_messages(s, juliet, 1);
	last = check_page(s, who, 0, 0, 200);
	last = check_page(s, who, last, 200, 200);
	CHECK_INT(fixture_do(s, store_offline_remove(who, last)), 0);
	last = check_page(s, who, 0, 400, 50); /* what was handed out is gone */
	check_page(s, who, last, 0, 0);
	CHECK_INT(fixture_do(s, store_offline_remove(who, INT64_MAX)), 0);
	check_page(s, who, 0, 0, 0);
	check_page(s, juliet, 0, 0, 1);
}

/* An id is not given twice: who pages by ids must not pass over a message. */
ON_EACH(offline_ids_only_grow)
{
	struct jid who = romeo(s);
	int64_t last;

	add_messages(s, who, 3);
	last = check_page(s, who, 0, 0, 3);
	CHECK_INT(fixture_do(s, store_offline_remove(who, last)), 0);
	add_messages(s, who, 1);
	CHECK(check_page(s, who, last, 0, 1) > last);
}

ON_EACH(offline_messages_have_a_limit)
{
	struct jid who = romeo(s), juliet = fixture_jid("juliet@example.org");

	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 0)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 2)), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 2)), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 2)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_offline_add(juliet, 1, STRV("n"), STRV("p"), 2)),
		  0);
	CHECK_INT(fixture_do(s, store_offline_remove(who, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 2)), 0);
}

/* --- secrets --- */

static void take_secret(struct store *s, const char *name, size_t n, char *ret)
{
	struct store_call *c = store_secret(name, n);

	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->text.n, 2 * n);
	for (size_t i = 0; i < c->text.n; i++)
		CHECK(strchr("0123456789abcdef", c->text.p[i]) != NULL);
	memcpy(ret, c->text.p, c->text.n);
	ret[c->text.n] = '\0';
	store_call_free(&c);
}

ON_EACH(secret_is_made_once)
{
	char a[200], b[200], again[200];

	take_secret(s, "a", 64, a);
	take_secret(s, "b", 64, b);
	take_secret(s, "a", 64, again);
	CHECK(strcmp(a, b) != 0);
	CHECK(strcmp(a, again) == 0);
}

TEST(secret_and_rows_outlive_the_process)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	char a[200], again[200];

	take_secret(s, "a", 32, a);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("<v/>"))), 0);
	fixture_close(s);
	s = fixture_open(path);
	take_secret(s, "a", 32, again);
	CHECK(strcmp(a, again) == 0);
	check_text(s, store_vcard_get(who), "<v/>");
	fixture_close(s);
}

/* A megabyte goes in and comes out. */
ON_EACH(large_texts_are_kept)
{
	struct jid who = romeo(s);
	struct buf b = BUF_INIT(1 << 20);

	for (size_t i = 0; i < b.max; i++)
		buf_putc(&b, (char)('a' + i % 23));
	CHECK_INT(fixture_do(s, store_vcard_set(who, buf_strv(&b))), 0);
	check_text(s, store_vcard_get(who), buf_cstr(&b));
	buf_free(&b);
}

ON_EACH(offline_messages_that_are_large_come_in_smaller_pages)
{
	enum { SIZE = STORE_LOAD_BYTES / 2 - 1, N = 7 };
	struct jid who = fixture_jid("romeo@example.org");
	char *large = mem_zalloc(SIZE);
	size_t pages = 0, seen = 0;
	int64_t after = 0;

	memset(large, 'x', SIZE);
	fixture_account(s, "romeo@example.org");
	for (int i = 0; i < N; i++)
		CHECK_INT(fixture_do(s, store_offline_add(who, i, STRV("j@x"),
							  strv_make(large, SIZE),
							  INT64_MAX)),
			  0);
	mem_free(large);
	for (bool more = true; more; pages++) {
		struct store_call *c = store_offline_load(who, after);

		CHECK_INT(store_wait(s, c), 0);
		CHECK(c->n_messages <= 3);
		for (size_t i = 0; i < c->n_messages; i++) {
			CHECK_INT(c->messages[i].at, seen++);
			CHECK_INT(c->messages[i].packet.n, SIZE);
			after = c->messages[i].id;
		}
		more = c->n_messages > 0;
		store_call_free(&c);
	}
	CHECK_INT(seen, N);
	CHECK_INT(pages, 4); /* 3, 3, 1, none */
}
