/* What a roster's rows become in memory: rows of ours, of MongooseIM, and of neither. */
#include "core/roster.h"
#include "store/store.h"
#include "test.h"

#include <stdio.h>

static struct slabs *memory(void)
{
	static struct slabs s;

	if (s.room[0].next == NULL)
		slabs_init(&s);
	return &s;
}

static struct roster *load(const struct store_roster_item *items, size_t n)
{
	struct store_call call = {
		.server = STRV("example.com"),
		.username = STRV("juliet"),
		.items = items,
		.n_items = n,
	};
	struct roster *r;

	CHECK_INT(roster_from_store(memory(), &call, &r), 0);
	return r;
}

static struct roster_item *find(struct roster *r, const char *jid)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct jid j;

	CHECK_INT(jid_parse(a, strv_from(jid), &j), 0);
	return roster_find(r, j);
}

static void check_request(const char *stored, const char *want)
{
	struct store_roster_item row = { .jid = STRV("romeo@example.net"),
					 .subscription = 'N',
					 .ask = 'I',
					 .request = strv_from(stored) };
	AUTO(roster_free) struct roster *r = load(&row, 1);
	struct roster_item *it = find(r, "romeo@example.net");

	CHECK(it != NULL && it->request != NULL);
	CHECK_STR(strv_from(it->request), want);
}

#define REQUEST \
	"<presence from='romeo@example.net' to='juliet@example.com' type='subscribe'"

TEST(roster_store_keeps_a_request_as_it_came)
{
	check_request("<presence type='subscribe'><x xmlns='y'/></presence>",
		      "<presence type='subscribe'><x xmlns='y'/></presence>");
}

TEST(roster_store_reads_the_status_text_of_mongooseim)
{
	check_request("it is the <east>",
		      REQUEST "><status>it is the &lt;east&gt;</status></presence>");
	check_request("", REQUEST "/>");
}

TEST(roster_store_drops_what_no_stanza_can_hold)
{
	check_request("\x01", REQUEST "/>");
	check_request("\xff", REQUEST "/>");
}

TEST(roster_store_drops_the_content_of_a_request_that_is_too_long)
{
	static char stored[ROSTER_MAX_REQUEST + 100];

	memset(stored, 's', sizeof(stored) - 1);
	check_request(stored, REQUEST "/>");
	stored[ROSTER_MAX_REQUEST] = '\0';
	check_request(stored, REQUEST "/>");
	snprintf(stored, sizeof(stored), "<presence><x>%*s</x></presence>",
		 ROSTER_MAX_REQUEST, "");
	check_request(stored, REQUEST "/>");
}

TEST(roster_store_knows_no_request_of_those_who_wait_for_nothing)
{
	struct store_roster_item row = { .jid = STRV("romeo@example.net"),
					 .subscription = 'B',
					 .ask = 'N',
					 .listed = true,
					 .request = STRV("hello") };
	AUTO(roster_free) struct roster *r = load(&row, 1);

	CHECK(find(r, "romeo@example.net")->request == NULL);
}

TEST(roster_store_leaves_out_rows_that_cannot_be_read)
{
	struct store_roster_item rows[] = {
		{ .jid = STRV("@"), .subscription = 'B', .ask = 'N' },
		{ .jid = STRV("a@example.net"), .subscription = '?', .ask = 'N' },
		{ .jid = STRV("b@example.net"),
		  .subscription = 'B',
		  .ask = 'N',
		  .listed = true,
		  .name = STRV("Bob") },
	};
	AUTO(roster_free) struct roster *r = load(rows, ARRAY_LEN(rows));

	CHECK_INT(r->items.n, 1);
	CHECK_STR(strv_from(find(r, "b@example.net")->name), "Bob");
	CHECK_INT(find(r, "b@example.net")->sub.state, SUB_BOTH);
}

TEST(roster_store_reads_no_more_groups_than_an_item_may_have)
{
	struct strv groups[ROSTER_MAX_GROUPS + 1];
	struct store_roster_item row = { .jid = STRV("b@example.net"),
					 .subscription = 'B',
					 .ask = 'N',
					 .groups = groups,
					 .n_groups = ARRAY_LEN(groups) };

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		groups[i] = STRV("group");
	AUTO(roster_free) struct roster *r = load(&row, 1);
	CHECK_INT(find(r, "b@example.net")->n_group, ROSTER_MAX_GROUPS);
}

TEST(roster_store_cuts_texts_that_no_client_could_have_set)
{
	static char longest[ROSTER_MAX_NAME + 3];
	struct strv groups[] = { strv_make(longest, ROSTER_MAX_NAME + 1),
				 STRV("b\x01\xffu\xef\xbf\xbfs") };
	struct store_roster_item row = { .jid = STRV("b@example.net"),
					 .name = strv_make(longest, sizeof(longest)),
					 .subscription = 'B',
					 .ask = 'N',
					 .groups = groups,
					 .n_groups = ARRAY_LEN(groups) };
	struct roster_item *it;

	memset(longest, 'x', sizeof(longest));
	memcpy(longest + ROSTER_MAX_NAME - 1, "\xc3\xa4", 2); /* not half of it */
	AUTO(roster_free) struct roster *r = load(&row, 1);
	it = find(r, "b@example.net");
	CHECK_INT(strlen(it->name), ROSTER_MAX_NAME - 1);
	CHECK_INT(strlen(it->group[0]), ROSTER_MAX_NAME - 1);
	CHECK_STR(strv_from(it->group[1]), "bus");
}

TEST(roster_store_knows_no_version_that_does_not_fit)
{
	static char text[ROSTER_MAX_VERSION + 1];
	struct store_call call = { .server = STRV("example.com"),
				   .username = STRV("juliet"),
				   .text = strv_make(text, sizeof(text)) };

	memset(text, 'v', sizeof(text));
	for (size_t n = ROSTER_MAX_VERSION; n <= sizeof(text); n++) {
		AUTO(roster_free) struct roster *r = NULL;
		call.text.n = n;
		CHECK_INT(roster_from_store(memory(), &call, &r), 0);
		CHECK_INT(roster_version(r).n, n == ROSTER_MAX_VERSION ? n : 0);
	}
}

TEST(roster_store_passes_on_that_there_is_no_account)
{
	struct store_call call = { .err = -ENOENT };
	struct roster *r;

	CHECK_INT(roster_from_store(memory(), &call, &r), -ENOENT);
}
