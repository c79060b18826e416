#include "fixture.h"

#include <stdio.h>

static int64_t rows_of(const char *path, const char *table, const char *username)
{
	char sql[200];
	int64_t n = 0;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE username = '%s'", table,
		 username);
	while (n < 10 && !fixture_sql_is(path, sql, n))
		n++;
	return n;
}

ON_EACH(account_is_kept_as_it_was_given)
{
	struct jid romeo = fixture_jid("romeo@example.org");
	struct store_call *c = store_account_get(romeo);

	CHECK_INT(store_wait(s, c), -ENOENT);
	store_call_free(&c);
	CHECK_INT(fixture_do(s, store_account_add(romeo, STRV("pa'ss\"w\xc3\xb6rd"),
						  STRV("{\"sha\": \"\xe2\x82\xac\"}"),
						  INT64_MAX)),
		  0);
	c = store_account_get(romeo);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_STR(c->text, "pa'ss\"w\xc3\xb6rd");
	CHECK_STR(c->text2, "{\"sha\": \"\xe2\x82\xac\"}");
	store_call_free(&c);
}

ON_EACH(account_password_may_be_empty_and_details_absent)
{
	struct jid who = fixture_jid("\xc3\xa9l\xc3\xa9onore@b\xc3\xbc"
				     "cher.example");
	struct store_call *c;

	CHECK_INT(fixture_do(s, store_account_add(who, STRV(""), STRV_NULL, INT64_MAX)),
		  0);
	c = store_account_get(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK(c->text.p != NULL && c->text.n == 0);
	CHECK(c->text2.p == NULL);
	store_call_free(&c);
	/* What is set to an empty text is not what is absent. */
	CHECK_INT(fixture_do(s, store_account_set(who, STRV("x"), STRV(""))), 0);
	c = store_account_get(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_STR(c->text, "x");
	CHECK(c->text2.p != NULL && c->text2.n == 0);
	store_call_free(&c);
}

ON_EACH(account_is_added_once)
{
	struct jid who = fixture_jid("romeo@example.org");
	struct store_call *c;

	fixture_account(s, "romeo@example.org");
	fixture_account(s, "romeo@example.net"); /* another domain: another account */
	CHECK_INT(fixture_do(s,
			     store_account_add(who, STRV("other"), STRV_NULL, INT64_MAX)),
		  -EEXIST);
	c = store_account_get(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_STR(c->text, "secret");
	store_call_free(&c);
}

ON_EACH(account_set_and_remove_need_the_account)
{
	struct jid who = fixture_jid("nobody@example.org");

	CHECK_INT(fixture_do(s, store_account_set(who, STRV("x"), STRV_NULL)), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_remove(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_get(who)), -ENOENT);
}

static int add(struct store *s, const char *jid, int64_t max)
{
	return fixture_do(s,
			  store_account_add(fixture_jid(jid), STRV("x"), STRV_NULL, max));
}

ON_EACH(account_limit_is_per_domain)
{
	CHECK_INT(add(s, "a@example.org", 0), -ENOSPC);
	CHECK_INT(add(s, "a@example.org", 2), 0);
	CHECK_INT(add(s, "b@example.org", 2), 0);
	CHECK_INT(add(s, "c@example.org", 2), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_get(fixture_jid("c@example.org"))),
		  -ENOENT);
	CHECK_INT(add(s, "c@example.net", 2), 0);
	CHECK_INT(fixture_do(s, store_account_remove(fixture_jid("a@example.org"))), 0);
	CHECK_INT(add(s, "c@example.org", 2), 0);
}

static void fill(struct store *s, const char *jid)
{
	struct jid who = fixture_jid(jid);
	struct store_roster_item item = { .jid = STRV("juliet@example.com"),
					  .subscription = 'B',
					  .ask = 'N',
					  .listed = true,
					  .groups = &STRV("Friends"),
					  .n_groups = 1 };

	fixture_account(s, jid);
	CHECK_INT(fixture_do(s, store_roster_put(who, &item, STRV("1"))), 0);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns:a"), STRV("<a/>"),
						  INT64_MAX)),
		  0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("<vCard/>"))), 0);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV("bye"))), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("j@x"), STRV("<message/>"),
						  9)),
		  0);
}

TEST(account_removal_takes_all_its_rows_and_no_others)
{
	static const char *const tables[] = {
		"meerkat_accounts", "users",	       "rosterusers", "rostergroups",
		"roster_version",   "private_storage", "vcard",	      "last",
		"offline_message"
	};
	const char *path = fixture_path();
	struct store *s = fixture_open(path);

	fill(s, "romeo@example.org");
	fill(s, "mercutio@example.org");
	CHECK(fixture_sql_is(
		path,
		"INSERT INTO meerkat_accounts VALUES ('example.org', 'romeo'),"
		" ('example.org', 'mercutio') RETURNING 1",
		1));
	CHECK_INT(fixture_do(s, store_account_remove(fixture_jid("romeo@example.org"))),
		  0);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		CHECK_INT(rows_of(path, tables[i], "romeo"), 0);
		CHECK_INT(rows_of(path, tables[i], "mercutio"), 1);
	}
	/* The list above is whole: a table with usernames that is not in it is a new one. */
	CHECK(fixture_sql_is(
		path,
		"SELECT count(*) FROM sqlite_master m WHERE type = 'table' AND"
		" EXISTS (SELECT 1 FROM pragma_table_info(m.name)"
		" WHERE name = 'username')",
		(int64_t)ARRAY_LEN(tables)));
	fixture_close(s);
}

ON_EACH(account_without_a_password_has_data_and_cannot_be_had)
{
	struct jid who = fixture_jid("romeo@example.org");

	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV(""))), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_note_up_to(who, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(who, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV(""))), 0);
	CHECK_INT(fixture_do(s, store_account_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_add(who, STRV("secret"), STRV_NULL,
						  INT64_MAX)),
		  -EEXIST);
	CHECK_INT(fixture_do(s, store_account_remove(who)), 0);
	CHECK_INT(fixture_do(s, store_account_remove(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV(""))), -ENOENT);
}

ON_EACH(account_without_a_password_takes_a_place)
{
	struct jid romeo = fixture_jid("romeo@example.org"),
		   juliet = fixture_jid("juliet@example.org"),
		   paris = fixture_jid("paris@example.org");

	CHECK_INT(fixture_do(s, store_account_note_up_to(romeo, 1)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(romeo, 1)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(juliet, 1)), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_add(juliet, STRV("p"), STRV_NULL, 1)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_add(juliet, STRV("p"), STRV_NULL, 2)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(juliet, 1)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(paris, 2)), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_note_up_to(fixture_jid("paris@example.net"),
							 1)),
		  0);
}

ON_EACH(account_that_is_reserved_takes_nobodys_name)
{
	struct jid romeo = fixture_jid("romeo@example.org"),
		   juliet = fixture_jid("juliet@example.org"),
		   paris = fixture_jid("paris@example.org");

	CHECK_INT(fixture_do(s, store_account_note_up_to(romeo, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(romeo, INT64_MAX)), -EEXIST);
	CHECK_INT(fixture_do(s, store_account_begin(juliet, 1)), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_begin(juliet, 2)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(juliet, INT64_MAX)), -EEXIST);
	CHECK_INT(fixture_do(s, store_account_get(juliet)), -ENOENT);
	fixture_account(s, "paris@example.org");
	CHECK_INT(fixture_do(s, store_account_begin(paris, INT64_MAX)), -EEXIST);
}

static int64_t forget_unmade(struct store *s, const char *domain)
{
	struct store_call *c = store_account_forget_unmade(strv_from(domain));
	int64_t n;

	CHECK_INT(store_wait(s, c), 0);
	n = c->number;
	store_call_free(&c);
	return n;
}

/* By whatever word its user has logged in. */
ON_EACH(account_that_is_used_is_not_forgotten)
{
	struct jid romeo = fixture_jid("romeo@example.org");

	CHECK_INT(fixture_do(s, store_account_begin(romeo, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_account_note_up_to(romeo, INT64_MAX)), 0);
	CHECK_INT(forget_unmade(s, "example.org"), 0);
	CHECK_INT(fixture_do(s, store_account_exists(romeo)), 0);
}

ON_EACH(account_that_was_never_made_is_forgotten)
{
	struct jid romeo = fixture_jid("romeo@example.org"),
		   juliet = fixture_jid("juliet@example.org"),
		   paris = fixture_jid("paris@example.org"),
		   other = fixture_jid("romeo@example.net");

	CHECK_INT(forget_unmade(s, "example.org"), 0);
	CHECK_INT(fixture_do(s, store_account_begin(romeo, 0)), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_begin(romeo, 1)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(romeo, INT64_MAX)), -EEXIST);
	CHECK_INT(fixture_do(s, store_account_begin(juliet, 1)), -ENOSPC);
	CHECK_INT(fixture_do(s, store_account_begin(juliet, 2)), 0);
	CHECK_INT(fixture_do(s, store_account_made(juliet)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(paris, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_account_login(paris)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(other, INT64_MAX)), 0);
	CHECK_INT(fixture_do(s, store_offline_add(romeo, 1, STRV("x@y"), STRV("m"),
						  INT64_MAX)),
		  0);
	CHECK_INT(forget_unmade(s, "example.org"), 1);
	CHECK_INT(forget_unmade(s, "example.org"), 0);
	CHECK_INT(fixture_do(s, store_account_exists(romeo)), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_exists(juliet)), 0);
	CHECK_INT(fixture_do(s, store_account_exists(paris)), 0);
	CHECK_INT(fixture_do(s, store_account_exists(other)), 0);
	/* What has been removed is not forgotten once more. */
	CHECK_INT(fixture_do(s, store_account_remove(other)), 0);
	CHECK_INT(fixture_do(s, store_account_begin(other, INT64_MAX)), 0);
	CHECK_INT(forget_unmade(s, "example.net"), 1);
}

ON_EACH(account_elsewhere_counts_beside_an_estimate)
{
	struct store_call *c = store_account_begin(fixture_jid("juliet@example.org"), 1);

	CHECK_INT(fixture_do(s, store_account_note_up_to(fixture_jid("romeo@example.org"),
							 INT64_MAX)),
		  0);
	c->estimate = true;
	CHECK_INT(fixture_do(s, c), -ENOSPC);
	c = store_account_begin(fixture_jid("juliet@example.org"), 1000000);
	c->estimate = true;
	CHECK_INT(fixture_do(s, c), 0);
}

static void check_row(struct store *s, struct jid who, const char *password,
		      const char *details)
{
	struct store_call *c = store_account_get(who);

	CHECK_INT(store_wait(s, c), 0);
	CHECK(strv_is(c->text, password));
	CHECK(details ? strv_is(c->text2, details) : c->text2.p == NULL);
	store_call_free(&c);
}

ON_EACH(account_credentials_are_replaced_as_long_as_they_are_the_same)
{
	struct jid who = fixture_jid("romeo@example.org");

	CHECK_INT(fixture_do(s, store_account_replace(who, STRV("old"), STRV(""),
						      STRV("keys"))),
		  -ENOENT);
	CHECK_INT(fixture_do(s,
			     store_account_add(who, STRV("old"), STRV_NULL, INT64_MAX)),
		  0);
	for (const char *const *other =
		     (const char *const[]){ "OLD", "old ", "\xc3\xb6ld", "", NULL };
	     *other; other++)
		CHECK_INT(fixture_do(s, store_account_replace(who, strv_from(*other),
							      STRV("x"), STRV("y"))),
			  -ENOENT);
	check_row(s, who, "old", NULL);
	CHECK_INT(fixture_do(s, store_account_replace(who, STRV("old"), STRV(""),
						      STRV("keys"))),
		  0);
	check_row(s, who, "", "keys");
	CHECK_INT(fixture_do(s,
			     store_account_replace(who, STRV(""), STRV("x"), STRV("y"))),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_account_replace(who, STRV("KEYS"), STRV("x"),
						      STRV("y"))),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_account_replace(who, STRV("keys"), STRV(""),
						      STRV("more keys"))),
		  0);
	check_row(s, who, "", "more keys");
}

ON_EACH(account_that_is_new_again_inherits_nothing)
{
	struct jid who = fixture_jid("romeo@example.org");
	struct store_call *c;

	fill(s, "romeo@example.org");
	CHECK_INT(fixture_do(s, store_account_remove(who)), 0);
	fixture_account(s, "romeo@example.org");
	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:a"))), -ENOENT);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_last_get(who)), -ENOENT);
	c = store_offline_load(who, 0);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_messages, 0);
	store_call_free(&c);
	c = store_roster_load(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_items, 0);
	CHECK_INT(c->text.n, 0);
	store_call_free(&c);
}

static void add_numbered(struct store *s, unsigned n)
{
	static struct flight f;
	char jid[64];

	flight_init(&f);
	for (unsigned i = 0; i < n; i++) {
		snprintf(jid, sizeof(jid), "u%04u@example.org",
			 (i * 7) % n); /* in no order */
		flight_add(&f, s,
			   store_account_add(fixture_jid(jid), STRV("x"), STRV_NULL,
					     INT64_MAX));
	}
	flight_await(&f);
	for (unsigned i = 0; i < n; i++)
		CHECK_INT(f.call[i]->err, 0);
	flight_free(&f);
}

ON_EACH(account_list_goes_on_behind_a_thousand)
{
	enum { N = 1203 }; /* not a multiple of 7 */
	unsigned seen = 0;
	char after[64] = "", want[64];
	struct store_call *c;

	add_numbered(s, N);
	fixture_account(s, "u0000@example.net");
	for (unsigned pages = 0; pages < 3; pages++) {
		c = store_account_list(STRV("example.org"), strv_from(after));
		CHECK_INT(store_wait(s, c), 0);
		CHECK_INT(c->n_accounts, pages == 0 ? 1000 : pages == 1 ? N - 1000 : 0);
		for (size_t i = 0; i < c->n_accounts; i++) {
			snprintf(want, sizeof(want), "u%04u", seen++);
			CHECK_STR(c->accounts[i], want);
			snprintf(after, sizeof(after), STRV_FMT,
				 STRV_ARG(c->accounts[i]));
		}
		store_call_free(&c);
	}
	CHECK_INT(seen, N);
}

ON_EACH(account_list_is_in_the_order_of_bytes)
{
	static const char *const names[] = {
		"Z", "a", "z", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"
	};
	struct store_call *c = store_account_list(STRV("x"), STRV(""));

	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_accounts, 0);
	store_call_free(&c);
	for (size_t i = ARRAY_LEN(names);
	     i-- > 0;) { /* stored as given, canonical or not */
		AUTO(arena_free) struct arena *a = arena_new(1024);
		struct jid j = jid_make(a, strv_from(names[i]), STRV("x"), STRV(""));
		CHECK_INT(fixture_do(s, store_account_add(j, STRV("p"), STRV_NULL, 100)),
			  0);
	}
	c = store_account_list(STRV("x"), STRV(""));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_accounts, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		CHECK_STR(c->accounts[i], names[i]);
	store_call_free(&c);
}
