#include "fixture.h"

#include <stdio.h>

static struct jid romeo(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	return fixture_jid("romeo@example.org");
}

static int put(struct store *s, struct jid who, const char *contact, const char *name,
	       const char *const *groups, const char *version)
{
	struct strv g[8];
	struct store_roster_item item = { .jid = strv_from(contact),
					  .name = strv_from(name),
					  .subscription = 'T',
					  .ask = 'O',
					  .listed = true,
					  .groups = g };

	for (; groups && groups[item.n_groups]; item.n_groups++)
		g[item.n_groups] = strv_from(groups[item.n_groups]);
	return fixture_do(s, store_roster_put(who, &item, strv_from(version)));
}

static struct store_call *load(struct store *s, struct jid who)
{
	struct store_call *c = store_roster_load(who);

	CHECK_INT(store_wait(s, c), 0);
	return c;
}

ON_EACH(roster_needs_an_account)
{
	CHECK_INT(fixture_do(s, store_roster_load(fixture_jid("nobody@example.org"))),
		  -ENOENT);
}

ON_EACH(roster_is_empty_at_first_and_tells_no_credentials)
{
	struct store_call *c = load(s, romeo(s));

	CHECK_INT(c->n_items, 0);
	CHECK_INT(c->text.n, 0);
	CHECK_INT(c->text2.n, 0);
	store_call_free(&c);
}

ON_EACH(roster_item_comes_back_whole)
{
	struct jid who = romeo(s);
	struct strv groups[] = { STRV("Zeta"), STRV(""), STRV("\xc3\x84rzte") };
	struct store_roster_item in = { .jid = STRV("juliet@example.com/balcony"),
					.name = STRV("J\xc3\xbcliet \xf0\x9f\x8c\xb9"),
					.subscription = 'F',
					.ask = 'B',
					.approved = true,
					.request = STRV("<presence type='subscribe'/>"),
					.groups = groups,
					.n_groups = 3 };
	struct store_call *c = store_roster_put(who, &in, STRV("v1"));

	groups[0] = STRV("changed"); /* inputs were copied */
	CHECK_INT(fixture_do(s, c), 0);
	c = load(s, who);
	CHECK_STR(c->text, "v1");
	CHECK_INT(c->n_items, 1);
	CHECK_STR(c->items[0].jid, "juliet@example.com/balcony");
	CHECK_STR(c->items[0].name, "J\xc3\xbcliet \xf0\x9f\x8c\xb9");
	CHECK_INT(c->items[0].subscription, 'F');
	CHECK_INT(c->items[0].ask, 'B');
	CHECK(c->items[0].approved && !c->items[0].listed);
	CHECK_STR(c->items[0].request, "<presence type='subscribe'/>");
	CHECK_INT(c->items[0].n_groups, 3);
	CHECK_STR(c->items[0].groups[0], ""); /* in the order of bytes */
	CHECK_STR(c->items[0].groups[1], "Zeta");
	CHECK_STR(c->items[0].groups[2], "\xc3\x84rzte");
	store_call_free(&c);
}

ON_EACH(roster_put_replaces_all_of_the_item)
{
	struct jid who = romeo(s);
	struct store_call *c;

	CHECK_INT(put(s, who, "j@x", "Juliet", (const char *[]){ "a", "b", NULL }, "1"),
		  0);
	CHECK_INT(put(s, who, "j@x", NULL, (const char *[]){ "c", NULL }, "2"), 0);
	c = load(s, who);
	CHECK_STR(c->text, "2");
	CHECK_INT(c->n_items, 1);
	CHECK_INT(c->items[0].name.n, 0);
	CHECK_INT(c->items[0].request.n, 0);
	CHECK(c->items[0].listed && !c->items[0].approved);
	CHECK_INT(c->items[0].n_groups, 1);
	CHECK_STR(c->items[0].groups[0], "c");
	store_call_free(&c);
}

/* Puts the item with what it says that stays, and returns what the call says is there now. */
static struct store_call *keep(struct store *s, struct jid who, bool listed, bool text,
			       struct strv request)
{
	struct store_roster_item item = { .jid = STRV("j@x"),
					  .name = STRV("other"),
					  .subscription = 'B',
					  .ask = 'N',
					  .listed = listed,
					  .keeps_text = text,
					  .keeps_request = request.p == NULL,
					  .request = request };
	struct store_call *c = store_roster_put(who, &item, STRV("2"));

	CHECK_INT(store_wait(s, c), 0);
	return c;
}

ON_EACH(roster_put_keeps_name_and_groups_and_tells_them)
{
	struct jid who = romeo(s);
	struct store_call *c;

	CHECK_INT(put(s, who, "j@x", "Juliet", (const char *[]){ "b", "a", NULL }, "1"),
		  0);
	for (int i = 0; i < 2; i++) {
		c = i ? load(s, who) : keep(s, who, true, true, STRV("<r/>"));
		CHECK_STR(c->text, "2");
		CHECK_STR(c->items[0].jid, "j@x");
		CHECK_STR(c->items[0].name, "Juliet");
		CHECK_INT(c->items[0].subscription, 'B');
		CHECK_INT(c->items[0].n_groups, 2);
		CHECK_STR(c->items[0].groups[0], "a");
		CHECK_STR(c->items[0].groups[1], "b");
		CHECK_STR(c->items[0].request, "<r/>");
		store_call_free(&c);
	}
	c = keep(s, who, true, false, STRV_NULL); /* the request alone */
	store_call_free(&c);
	c = load(s, who);
	CHECK_STR(c->items[0].name, "other");
	CHECK_INT(c->items[0].n_groups, 0);
	CHECK_STR(c->items[0].request, "<r/>");
	store_call_free(&c);
	c = keep(s, who, true, true, STRV(""));
	store_call_free(&c);
	c = load(s, who);
	CHECK_STR(c->items[0].name, "other");
	CHECK_INT(c->items[0].request.n, 0);
	store_call_free(&c);
}

ON_EACH(roster_put_keeps_nothing_where_nothing_is)
{
	struct jid who = romeo(s);
	struct store_call *c = keep(s, who, true, true, STRV_NULL);

	CHECK_INT(c->items[0].name.n, 0);
	CHECK_INT(c->items[0].n_groups, 0);
	store_call_free(&c);
	c = load(s, who);
	CHECK_INT(c->n_items, 1);
	CHECK_INT(c->items[0].name.n, 0);
	CHECK_INT(c->items[0].request.n, 0);
	store_call_free(&c);
}

/* A read in order stands between the changes before it and those after it. */
ON_EACH(roster_load_in_order_sees_what_was_before_it)
{
	struct jid who = romeo(s);
	struct store_call *c = store_roster_load(who);
	struct store_roster_item item = { .jid = STRV("j@x"),
					  .subscription = 'N',
					  .ask = 'N' };
	struct flight f;

	flight_init(&f);
	flight_add(&f, s, store_roster_put(who, &item, STRV("1")));
	c->in_order = true;
	flight_add(&f, s, c);
	flight_add(&f, s, store_roster_put(who, &item, STRV("2")));
	flight_await(&f);
	CHECK_STR(c->text, "1");
	flight_free(&f);
}

/* --- rows of somebody who keeps to no bounds --- */

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

#define NUMBERS(n)                                                                    \
	"WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < " n \
	" - 1) "

TEST(roster_load_ends_after_so_many_contacts)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	struct store_call *c;

	run_sql(path,
		NUMBERS("8100") "INSERT INTO rosterusers (server, username, jid, nick, subscription, ask,"
				" askmessage) SELECT 'example.org', 'romeo', printf('c%05d@x', i), '', 'N',"
				" 'N', '' FROM c");
	c = load(s, who);
	CHECK_INT(c->n_items, STORE_ROSTER_ITEMS);
	CHECK_STR(c->items[STORE_ROSTER_ITEMS - 1].jid, "c07999@x");
	store_call_free(&c);
	fixture_close(s);
}

TEST(roster_load_ends_after_so_many_bytes)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	struct store_call *c;
	size_t bytes = 0;

	run_sql(path,
		NUMBERS("4") "INSERT INTO rosterusers (server, username, jid, nick, subscription, ask,"
			     " askmessage) SELECT 'example.org', 'romeo', 'c' || i, hex(zeroblob(100000)),"
			     " 'N', 'N', hex(zeroblob(100000)) FROM c");
	run_sql(path,
		NUMBERS("10000") "INSERT INTO rostergroups (server, username, jid, grp) SELECT 'example.org',"
				 " 'romeo', 'c1', i || hex(zeroblob(1000)) FROM c");
	c = load(s, who);
	CHECK_INT(c->n_items, 4);
	CHECK_INT(c->items[3].name.n, STORE_ROSTER_TEXT);
	CHECK_INT(c->items[3].request.n, STORE_ROSTER_TEXT);
	for (size_t i = 0; i < c->items[1].n_groups; i++)
		bytes += c->items[1].groups[i].n;
	CHECK(bytes > STORE_ROSTER_BYTES / 2 && bytes <= STORE_ROSTER_BYTES);
	store_call_free(&c);
	/* So does what a change tells of an item. */
	struct store_roster_item item = { .jid = STRV("c1"),
					  .subscription = 'N',
					  .ask = 'N',
					  .listed = true,
					  .keeps_text = true };
	c = store_roster_put(who, &item, STRV("2"));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->items[0].n_groups, STORE_ROSTER_GROUPS);
	store_call_free(&c);
	fixture_close(s);
}

ON_EACH(roster_group_named_twice_is_one)
{
	struct jid who = romeo(s);
	struct store_call *c;

	CHECK_INT(put(s, who, "j@x", "", (const char *[]){ "a", "b", "a", NULL }, "1"),
		  0);
	c = load(s, who);
	CHECK_INT(c->items[0].n_groups, 2);
	store_call_free(&c);
}

ON_EACH(roster_remove_takes_the_item_and_its_groups)
{
	struct jid who = romeo(s);
	struct store_call *c;

	CHECK_INT(put(s, who, "j@x", "", (const char *[]){ "a", NULL }, "1"), 0);
	CHECK_INT(put(s, who, "n@x", "", (const char *[]){ "b", NULL }, "2"), 0);
	CHECK_INT(fixture_do(s, store_roster_remove(who, fixture_jid("j@x"), STRV("3"))),
		  0);
	c = load(s, who);
	CHECK_STR(c->text, "3");
	CHECK_INT(c->n_items, 1);
	CHECK_STR(c->items[0].jid, "n@x");
	store_call_free(&c);
	/* What comes again has not kept its groups. What is not there is removed all the same. */
	CHECK_INT(put(s, who, "j@x", "", NULL, "4"), 0);
	CHECK_INT(fixture_do(s, store_roster_remove(who, fixture_jid("k@x"), STRV("5"))),
		  0);
	c = load(s, who);
	CHECK_STR(c->text, "5");
	CHECK_INT(c->n_items, 2);
	CHECK_INT(c->items[0].n_groups, 0);
	CHECK_INT(c->items[1].n_groups, 1);
	store_call_free(&c);
}

/* Contacts whose order differs between bytes, UTF-16 and a dictionary; and prefixes of each
 * other. */
static const char *const contacts[] = {
	"",
	"A@x",
	"a",
	"a@x",
	"a@x/",
	"a@x/r",
	"a@xx",
	"z@x",
	"\xc3\xa9@x",
	"\xe2\x82\xac@x",
	"\xef\xbf\xbd@x",
	"\xf0\x9f\x98\x80@x",
};

ON_EACH(roster_groups_go_to_their_contacts)
{
	struct jid who = romeo(s);
	struct store_call *c;
	char g[2][64];

	for (size_t i = ARRAY_LEN(contacts); i-- > 0;) {
		snprintf(g[0], sizeof(g[0]), "%zu", i);
		snprintf(g[1], sizeof(g[1]), "z%zu", i);
		CHECK_INT(put(s, who, contacts[i], "",
			      (const char *[]){ i % 3 ? g[0] : NULL,
						i % 3 == 2 ? g[1] : NULL, NULL },
			      "v"),
			  0);
	}
	c = load(s, who);
	CHECK_INT(c->n_items, ARRAY_LEN(contacts));
	for (size_t i = 0; i < ARRAY_LEN(contacts); i++) {
		CHECK_STR(c->items[i].jid, contacts[i]);
		CHECK_INT(c->items[i].n_groups, i % 3);
		snprintf(g[0], sizeof(g[0]), "%zu", i);
		snprintf(g[1], sizeof(g[1]), "z%zu", i);
		for (size_t k = 0; k < i % 3; k++)
			CHECK_STR(c->items[i].groups[k], g[k]);
	}
	store_call_free(&c);
}

TEST(roster_groups_without_a_contact_are_passed_over)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	struct store_call *c;
	sqlite3 *db;

	CHECK_INT(put(s, who, "b@x", "", (const char *[]){ "b", NULL }, "1"), 0);
	CHECK_INT(put(s, who, "d@x", "", (const char *[]){ "d", NULL }, "2"), 0);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	for (const char *p = "ace"; *p; p++) {
		char *sql =
			sqlite3_mprintf("INSERT INTO rostergroups VALUES ('example.org',"
					" 'romeo', '%c@x', 'stray')",
					*p);
		CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
		sqlite3_free(sql);
	}
	sqlite3_close(db);
	c = load(s, who);
	CHECK_INT(c->n_items, 2);
	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(c->items[i].n_groups, 1);
		CHECK_STR(c->items[i].groups[0], i ? "d" : "b");
	}
	store_call_free(&c);
	fixture_close(s);
}

ON_EACH(roster_of_many_is_whole)
{
	enum { N = 600 }; /* the arrays grow six times */
	static struct flight f;
	struct jid who = romeo(s);
	struct store_roster_item item = { .subscription = 'B',
					  .ask = 'N',
					  .listed = true };
	struct store_call *c;
	char jid[32], group[32];
	struct strv g = STRV_NULL;

	flight_init(&f);
	for (int i = 0; i < N; i++) {
		snprintf(jid, sizeof(jid), "c%03d@x", i);
		snprintf(group, sizeof(group), "g%03d", i);
		g = strv_from(group);
		item.jid = item.name = strv_from(jid);
		item.groups = &g;
		item.n_groups = 1;
		flight_add(&f, s, store_roster_put(who, &item, strv_from(group)));
	}
	flight_await(&f);
	flight_free(&f);
	c = load(s, who);
	CHECK_INT(c->n_items, N);
	CHECK_STR(c->text, "g599");
	for (int i = 0; i < N; i++) {
		snprintf(jid, sizeof(jid), "c%03d@x", i);
		snprintf(group, sizeof(group), "g%03d", i);
		CHECK_STR(c->items[i].jid, jid);
		CHECK_STR(c->items[i].name, jid);
		CHECK_INT(c->items[i].n_groups, 1);
		CHECK_STR(c->items[i].groups[0], group);
	}
	store_call_free(&c);
}

/* Item, group and version of one put belong together, whatever happens between the queries of a
 * load. Another store on the same file makes the changes: this one's reader is busy. */
static struct store *other;
static struct jid other_who;
static int changes,
	changes_failed; /* on the reader's thread, where no check may end a test */

static void change_between(void)
{
	char v[16];

	snprintf(v, sizeof(v), "%d", ++changes);
	changes_failed |= put(other, other_who, "j@x", v, (const char *[]){ v, NULL }, v);
}

static int on_reader_step(unsigned type, void *ctx, void *p, void *x)
{
	static int depth;

	if (type == SQLITE_TRACE_STMT && depth++ == 0) {
		change_between();
		depth = 0;
	}
	return 0;
}

TEST(roster_load_is_of_one_moment)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct store_call *c;

	other_who = romeo(s);
	other = fixture_open(path);
	change_between();
	sqlite3_trace_v2(s->read[0].db.db, SQLITE_TRACE_STMT, on_reader_step, NULL);
	c = load(s, other_who);
	sqlite3_trace_v2(s->read[0].db.db, 0, NULL, NULL);
	CHECK(changes >= 4 && changes_failed == 0);
	CHECK_INT(c->n_items, 1);
	CHECK_INT(c->items[0].n_groups, 1);
	CHECK(strv_eq(c->items[0].name, c->text));
	CHECK(strv_eq(c->items[0].groups[0], c->text));
	store_call_free(&c);
	fixture_close(other);
	fixture_close(s);
}
