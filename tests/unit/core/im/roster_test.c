/* A roster in memory: what is set is got, whatever came in between, and its bounds. */
#include "core/im/roster.h"
#include "test.h"

#include <stdio.h>

static struct slabs *memory(void)
{
	static struct slabs s;

	if (s.room[0].next == NULL)
		slabs_init(&s);
	return &s;
}

static struct roster_item item(const char *jid, enum sub_state state, bool listed)
{
	return (struct roster_item){ .jid = jid_from_text(strv_from(jid)),
				     .sub.state = state,
				     .listed = listed };
}

static void set(struct roster *r, const char *jid, enum sub_state state, bool listed)
{
	struct roster_item it = item(jid, state, listed);

	roster_set(r, &it);
}

static struct roster_item get(const struct roster *r, const char *jid)
{
	return roster_get(r, jid_from_text(strv_from(jid)));
}

static bool has(const struct roster *r, const char *jid)
{
	struct roster_item it = get(r, jid);

	return !roster_item_is_empty(&it);
}

TEST(roster_keeps_all_that_an_item_has)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item it = item("a@x", SUB_TO_IN, true), got;

	it.n_text = 60000;
	it.n_request = 2048;
	roster_set(r, &it);
	set(r, "b@x/r", SUB_NONE, true);
	it = item("c@x", SUB_NONE_OUT, false);
	it.sub.approved = true;
	roster_set(r, &it);
	got = get(r, "a@x");
	CHECK(got.sub.state == SUB_TO_IN && !got.sub.approved && got.listed);
	CHECK(got.n_text == 60000 && got.n_request == 2048);
	got = get(r, "b@x/r");
	CHECK(got.sub.state == SUB_NONE && got.listed && got.n_text == 0);
	CHECK_STR(jid_resource(got.jid), "r");
	got = get(r, "c@x");
	CHECK(got.sub.state == SUB_NONE_OUT && got.sub.approved && !got.listed);
	CHECK(!has(r, "b@x") && !has(r, "a@xx") && !has(r, "z@x"));
}

TEST(roster_counts_nothing_for_what_no_longer_waits)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item it = item("a@x", SUB_NONE_IN, false);

	it.n_request = 100;
	it.n_text = 7; /* of no contact */
	roster_set(r, &it);
	CHECK_INT(roster_sums(r).request_bytes, 103);
	CHECK_INT(roster_sums(r).n_waiting, 1);
	it.sub.state = SUB_FROM;
	it.listed = true;
	roster_set(r, &it);
	CHECK_INT(roster_sums(r).request_bytes, 0);
	CHECK_INT(roster_sums(r).n_waiting, 0);
	CHECK_INT(roster_sums(r).bytes, 10);
	CHECK_INT(get(r, "a@x").n_request, 0);
}

/* --- many changes, against a model --- */

enum { N = 500 };

static struct {
	char jid[32];
	struct roster_item is;
} model[N];

static uint32_t next_number(uint32_t *seed)
{
	return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

static void check_against_model(const struct roster *r)
{
	struct roster_sums want = { 0 }, got = roster_sums(r);

	for (int i = 0; i < N; i++) {
		struct roster_item it = get(r, model[i].jid), *m = &model[i].is;
		bool is_there = !roster_item_is_empty(m);

		CHECK(it.sub.state == m->sub.state && it.listed == m->listed);
		CHECK_INT(it.n_text, m->listed ? m->n_text : 0);
		want.n += is_there;
		want.n_listed += m->listed;
		want.bytes += m->listed ? strlen(model[i].jid) + m->n_text : 0;
		want.request_bytes += is_there && !m->listed ? strlen(model[i].jid) : 0;
	}
	CHECK_INT(got.n, want.n);
	CHECK_INT(got.n_listed, want.n_listed);
	CHECK_INT(got.bytes, want.bytes);
	CHECK_INT(got.request_bytes, want.request_bytes);
}

TEST(roster_is_what_was_set_after_any_number_of_changes)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	uint32_t seed = 1;

	for (int i = 0; i < N; i++)
		snprintf(model[i].jid, sizeof(model[i].jid), "c%0*d@x", i % 9 + 1, i);
	for (int k = 0; k < 20000; k++) {
		uint32_t i = next_number(&seed) % N, gone = next_number(&seed) % 20000;
		struct roster_item *m = &model[i].is;

		*m = item(model[i].jid, SUB_NONE, false);
		if (gone > (unsigned)k) { /* at first it grows, in the end it shrinks */
			m->listed = next_number(&seed) % 2;
			m->sub.state = m->listed ? next_number(&seed) % SUB_MAX : SUB_TO;
			m->n_text = (uint16_t)next_number(&seed);
		}
		roster_set(r, m);
		if (k % 1000 == 0)
			check_against_model(r);
	}
	check_against_model(r);
	for (int i = 0; i < N; i++)
		set(r, model[i].jid, SUB_NONE, false);
	CHECK_INT(roster_sums(r).n, 0);
	CHECK(r->block == NULL);
}

/* --- each --- */

struct visits {
	struct roster *r;
	char seen[64];
	void (*change)(struct roster *r, const struct roster_item *it);
};

static void visit(const struct roster_item *it, void *arg)
{
	struct visits *v = arg;

	if (v->change)
		v->change(v->r, it);
	strncat(v->seen, it->jid.s,
		1); /* is still there, whatever has become of the roster */
}

static void check_visits(const char *want,
			 void (*change)(struct roster *r, const struct roster_item *it))
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct visits v = { .r = r, .change = change };

	for (const char *p = "dbace"; *p; p++)
		set(r, (char[]){ *p, '@', 'x', '\0' }, SUB_BOTH, true);
	roster_each(r, visit, &v);
	CHECK_STR(strv_from(v.seen), want);
}

static void remove_it(struct roster *r, const struct roster_item *it)
{
	struct roster_item none = { .jid = it->jid };

	roster_set(r, &none);
}

static void remove_the_first(struct roster *r, const struct roster_item *it)
{
	set(r, "a@x", SUB_NONE, false);
}

static void remove_the_next(struct roster *r, const struct roster_item *it)
{
	set(r, (char[]){ (char)(it->jid.s[0] + 1), '@', 'x', '\0' }, SUB_NONE, false);
}

static void add_before(struct roster *r, const struct roster_item *it)
{
	for (char c = 'A'; c <= 'Z'; c++)
		set(r, (char[]){ c, '@', 'x', '\0' }, SUB_BOTH, true);
}

static void remove_all(struct roster *r, const struct roster_item *it)
{
	for (char c = 'a'; c <= 'e'; c++)
		set(r, (char[]){ c, '@', 'x', '\0' }, SUB_NONE, false);
}

TEST(roster_each_visits_all_whatever_is_changed_meanwhile)
{
	check_visits("abcde", NULL);
	check_visits("abcde", remove_it);
	check_visits("abcde", remove_the_first);
	check_visits("abcde", add_before);
	check_visits("ace", remove_the_next);
	check_visits("a", remove_all);
}

/* --- bounds --- */

/* Adds as long as there is room; returns how many. */
static int fill(struct roster *r, const char *format, struct roster_item it)
{
	char jid[JID_MAX + 1];

	for (int n = 0;; n++) {
		snprintf(jid, sizeof(jid), format, n);
		it.jid = jid_from_text(strv_from(jid));
		if (!roster_has_room(r, &it))
			return n;
		roster_set(r, &it);
		CHECK(n < 2 * ROSTER_MAX_ITEMS);
	}
}

TEST(roster_has_room_for_so_many)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item one = item("c7@x", SUB_BOTH, true);

	CHECK_INT(fill(r, "c%d@x", item("x", SUB_NONE, true)), ROSTER_MAX_ITEMS);
	CHECK_INT(fill(r, "r%d@x", item("x", SUB_NONE_IN, false)), ROSTER_MAX_REQUESTS);
	CHECK(roster_has_room(r, &one));
	one = item("r7@x", SUB_FROM, true);
	CHECK(!roster_has_room(r, &one));
	set(r, "c0@x", SUB_NONE, false);
	CHECK(roster_has_room(r, &one));
	one = item("new@x", SUB_NONE_IN, false);
	CHECK(!roster_has_room(r, &one));
}

TEST(roster_has_room_for_so_many_bytes_of_contacts)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item it = item("c000@x", SUB_BOTH, true);

	it.n_text = 10 * 1024;
	CHECK_INT(fill(r, "c%03d@x", it), ROSTER_MAX_BYTES / (10 * 1024 + 6));
	CHECK(roster_sums(r).bytes <= ROSTER_MAX_BYTES);
	it.n_text++; /* of one that is there */
	set(r, "tiny@x", SUB_TO, true);
	it.n_text = (uint16_t)(10 * 1024 + ROSTER_MAX_BYTES - roster_sums(r).bytes);
	CHECK(roster_has_room(r, &it));
	it.n_text++;
	CHECK(!roster_has_room(r, &it));
	it.n_text = 0; /* who shrinks may always */
	CHECK(roster_has_room(r, &it));
	it = item("r@x", SUB_NONE_IN,
		  false); /* others' requests have room of their own */
	it.n_request = ROSTER_MAX_REQUEST;
	CHECK(roster_has_room(r, &it));
}

TEST(roster_has_room_for_so_many_bytes_of_requests)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item it = item("r000@x", SUB_NONE_IN, false);
	int n;

	it.n_request = ROSTER_MAX_REQUEST;
	n = fill(r, "r%03d@x", it);
	CHECK_INT(n, ROSTER_MAX_REQUEST_BYTES / (ROSTER_MAX_REQUEST + 6));
	it.n_request = 0;
	CHECK(fill(r, "s%03d@x", it) > 10); /* without their content */
	CHECK(roster_sums(r).request_bytes <= ROSTER_MAX_REQUEST_BYTES);
	/* A contact's request counts, too, but not its address. */
	it = item("contact@x", SUB_NONE, true);
	CHECK(roster_has_room(r, &it));
	it.sub.state = SUB_NONE_IN;
	CHECK(roster_has_room(r, &it));
	it.n_request = ROSTER_MAX_REQUEST;
	CHECK(!roster_has_room(r, &it));
}

TEST(roster_of_the_longest_addresses_is_bounded_by_bytes)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	char format[600];

	snprintf(format, sizeof(format), "%%04d%0500d@example.com", 0);
	CHECK_INT(fill(r, format, item("x", SUB_BOTH, true)),
		  ROSTER_MAX_BYTES / (4 + 500 + 12));
}

TEST(roster_beyond_its_bounds_may_shrink_only)
{
	AUTO(roster_free) struct roster *r = roster_new(memory());
	struct roster_item it = item("a@x", SUB_BOTH, true);
	char jid[16];

	it.n_text = 60000; /* by somebody else's doing */
	for (int i = 0; i < 100; i++) {
		snprintf(jid, sizeof(jid), "c%d@x", i);
		it.jid = jid_from_text(strv_from(jid));
		roster_set(r, &it);
	}
	it = get(r, "c5@x");
	it.sub.state = SUB_TO;
	CHECK(roster_has_room(r, &it));
	it.n_text--;
	CHECK(roster_has_room(r, &it));
	roster_set(r, &it);
	it.n_text++;
	CHECK(!roster_has_room(r, &it));
	it = item("new@x", SUB_NONE, true);
	CHECK(!roster_has_room(r, &it));
}
