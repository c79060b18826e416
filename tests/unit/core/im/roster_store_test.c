/* What a roster's rows become in memory: rows of ours, of MongooseIM, and of neither. */
#include "core/im/roster.h"
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

/* An answer of the database. */
static struct store_call *answer(const struct store_roster_item *items, size_t n)
{
	struct arena *a = arena_new(1024);
	struct store_call *call = ARENA_NEW(a, struct store_call);

	call->arena = a;
	call->server = STRV("example.com");
	call->username = STRV("juliet");
	call->items = items;
	call->n_items = n;
	return call;
}

/* The roster owns the answer, unless it is empty. */
static struct roster *load(const struct store_roster_item *items, size_t n)
{
	struct store_call *call = answer(items, n);
	bool kept = false;
	struct roster *r;

	call->kept = &kept;
	CHECK_INT(roster_from_store(memory(), call, &r), 0);
	CHECK_INT(kept, roster_sums(r).n > 0);
	if (!kept)
		store_call_free(&call);
	return r;
}

static struct roster_item find(struct roster *r, const char *jid)
{
	return roster_get(r, jid_from_text(strv_from(jid)));
}

/* What clients get of it. */
static const char *shown(struct roster *r)
{
	static char text[4 << 20];
	AUTO(buf_free) struct buf b = BUF_INIT(sizeof(text) - 1);
	struct xml_out o = xml_out(&b);

	roster_write_rows(&o, roster_rows(r));
	CHECK_INT(o.err, 0);
	snprintf(text, sizeof(text), STRV_FMT, STRV_ARG(buf_strv(&b)));
	return text;
}

static void add_request(struct jid from, struct strv request, void *arg)
{
	struct buf *b = arg;

	buf_put(b, request);
}

static void check_request(const char *stored, const char *want)
{
	struct store_roster_item row = { .jid = STRV("romeo@example.net"),
					 .subscription = 'N',
					 .ask = 'I',
					 .request = strv_from(stored) };
	AUTO(roster_free) struct roster *r = load(&row, 1);
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	CHECK_INT(roster_sums(r).n_waiting, 1);
	CHECK_INT(find(r, "romeo@example.net").n_request,
		  MIN(strlen(stored), (size_t)ROSTER_MAX_REQUEST));
	roster_each_request(roster_rows(r), add_request, &b);
	CHECK_STR(buf_strv(&b), want);
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

	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	CHECK_INT(find(r, "romeo@example.net").n_request, 0);
	roster_each_request(roster_rows(r), add_request, &b);
	CHECK_INT(b.n, 0);
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

	CHECK_INT(roster_sums(r).n, 1);
	CHECK_INT(find(r, "b@example.net").sub.state, SUB_BOTH);
	CHECK_STR(strv_from(shown(r)),
		  "<item jid='b@example.net' name='Bob' subscription='both'/>");
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

TEST(roster_store_shows_no_more_groups_than_an_item_may_have)
{
	struct strv groups[ROSTER_MAX_GROUPS + 1];
	struct store_roster_item row = { .jid = STRV("b@example.net"),
					 .subscription = 'B',
					 .ask = 'N',
					 .listed = true,
					 .groups = groups,
					 .n_groups = ARRAY_LEN(groups) };

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		groups[i] = STRV("group");
	AUTO(roster_free) struct roster *r = load(&row, 1);
	CHECK_INT(find(r, "b@example.net").n_text, 5 * ROSTER_MAX_GROUPS);
	CHECK_INT(count(shown(r), "<group>"), ROSTER_MAX_GROUPS);
}

TEST(roster_store_cuts_texts_that_no_client_could_have_set)
{
	static char longest[ROSTER_MAX_NAME + 3], want[3 * sizeof(longest)];
	struct strv groups[] = { strv_make(longest, ROSTER_MAX_NAME + 1),
				 STRV("b\x01\xffu\xef\xbf\xbfs") };
	struct store_roster_item row = { .jid = STRV("b@example.net"),
					 .name = strv_make(longest, sizeof(longest)),
					 .subscription = 'B',
					 .ask = 'N',
					 .listed = true,
					 .groups = groups,
					 .n_groups = ARRAY_LEN(groups) };

	memset(longest, 'x', sizeof(longest));
	memcpy(longest + ROSTER_MAX_NAME - 1, "\xc3\xa4", 2); /* not half of it */
	AUTO(roster_free) struct roster *r = load(&row, 1);
	snprintf(want, sizeof(want),
		 "<item jid='b@example.net' name='%.*s' subscription='both'>"
		 "<group>%.*s</group><group>bus</group></item>",
		 ROSTER_MAX_NAME - 1, longest, ROSTER_MAX_NAME - 1, longest);
	CHECK_STR(strv_from(shown(r)), want);
}

TEST(roster_store_shows_all_that_a_client_can_have_set)
{
	struct strv groups[] = { STRV("A&B"), STRV("\xc3\x84rzte") };
	struct store_roster_item rows[] = {
		{ .jid = STRV("a@x"), .subscription = 'N', .ask = 'O', .listed = true },
		{ .jid = STRV("b@x"),
		  .subscription = 'T',
		  .ask = 'N',
		  .listed = true,
		  .approved = true,
		  .name = STRV("B"),
		  .groups = groups,
		  .n_groups = 2 },
		{ .jid = STRV("c@x"), .subscription = 'N', .ask = 'I' },
	};
	AUTO(roster_free) struct roster *r = load(rows, ARRAY_LEN(rows));

	CHECK_STR(strv_from(shown(r)),
		  "<item jid='a@x' subscription='none' ask='subscribe'/>"
		  "<item jid='b@x' name='B' subscription='to' approved='true'>"
		  "<group>A&amp;B</group><group>\xc3\x84rzte</group></item>");
}

/* --- more than a roster may have --- */

enum { MANY = ROSTER_MAX_ITEMS + ROSTER_MAX_REQUESTS + 200 };

static struct store_roster_item *many(void)
{
	static struct store_roster_item rows[MANY];
	static char jid[MANY][16];

	for (int i = 0; i < MANY; i++) {
		snprintf(jid[i], sizeof(jid[i]), "c%04d@x", i);
		rows[i] = (struct store_roster_item){ .jid = strv_from(jid[i]),
						      .subscription = 'F',
						      .ask = 'N',
						      .listed = true };
	}
	return rows;
}

TEST(roster_store_leaves_out_contacts_beyond_the_bound)
{
	AUTO(roster_free) struct roster *r = load(many(), MANY);
	struct roster_item one = { .jid = jid_from_text(STRV("a@x")), .listed = true };

	CHECK_INT(roster_sums(r).n, ROSTER_MAX_ITEMS);
	CHECK_INT(find(r, "c4999@x").sub.state, SUB_FROM);
	CHECK_INT(find(r, "c5000@x").sub.state, SUB_NONE);
	CHECK_INT(count(shown(r), "<item"), ROSTER_MAX_ITEMS);
	CHECK(!roster_has_room(r, &one));
}

TEST(roster_store_leaves_out_requests_beyond_the_bound)
{
	struct store_roster_item *rows = many();

	for (int i = 0; i < MANY - 1; i++) {
		rows[i].subscription = 'N';
		rows[i].ask = 'I';
		rows[i].listed = false;
	}
	AUTO(roster_free) struct roster *r = load(rows, MANY);
	CHECK_INT(roster_sums(r).n_waiting, ROSTER_MAX_REQUESTS);
	CHECK_INT(roster_sums(r).n_listed, 1); /* has room of its own */
}

TEST(roster_store_keeps_contacts_whose_texts_are_beyond_the_bound)
{
	enum { N = 1100 };
	static char name[ROSTER_MAX_NAME];
	struct store_roster_item *rows = many();
	unsigned with_name;

	memset(name, 'n', sizeof(name));
	for (int i = 0; i < N; i++)
		rows[i].name = strv_make(name, sizeof(name));
	AUTO(roster_free) struct roster *r = load(rows, N);
	CHECK_INT(roster_sums(r).n, N);
	CHECK_INT(find(r, "c1099@x").sub.state, SUB_FROM);
	CHECK_INT(count(shown(r), "<item"), N);
	with_name = count(shown(r), "name=");
	CHECK_INT(with_name, ROSTER_MAX_BYTES / (ROSTER_MAX_NAME + 7));
}

TEST(roster_store_shows_no_more_content_of_requests_than_may_wait)
{
	static char request[ROSTER_MAX_REQUEST + 1];
	struct store_roster_item *rows = many();
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 20);

	snprintf(request, sizeof(request),
		 "<presence type='subscribe'><status>%1900d"
		 "</status></presence>",
		 0);
	for (int i = 0; i < MANY; i++) {
		rows[i].subscription = 'N';
		rows[i].ask = 'I';
		rows[i].request =
			strv_from(request); /* of contacts: all of them are read */
	}
	AUTO(roster_free) struct roster *r = load(rows, MANY);
	CHECK_INT(roster_sums(r).n_waiting, ROSTER_MAX_ITEMS);
	roster_each_request(roster_rows(r), add_request, &b);
	CHECK_INT(count(buf_cstr(&b), "<status>"),
		  ROSTER_MAX_REQUEST_BYTES / strlen(request));
	CHECK(b.n < 1 << 20);
}

TEST(roster_store_knows_no_version_that_does_not_fit)
{
	static char text[ROSTER_MAX_VERSION + 1];

	memset(text, 'v', sizeof(text));
	for (size_t n = ROSTER_MAX_VERSION; n <= sizeof(text); n++) {
		AUTO(roster_free) struct roster *r = NULL;
		AUTO(store_call_free) struct store_call *call = answer(NULL, 0);
		call->text = strv_make(text, n);
		CHECK_INT(roster_from_store(memory(), call, &r), 0);
		CHECK_INT(roster_version(r).n, n == ROSTER_MAX_VERSION ? n : 0);
	}
}

TEST(roster_store_passes_on_that_there_is_no_account)
{
	struct store_call call = { .err = -ENOENT };
	struct roster *r;

	CHECK_INT(roster_from_store(memory(), &call, &r), -ENOENT);
}
