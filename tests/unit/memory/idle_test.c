/* How many bytes the server holds for a session that is bound, available, and idle: a worker with
 * its database, its modules, and real sockets, driven from here, so that what its allocator gives
 * out can be counted. Who adds a field to what every session has meets his bytes here. */
#include "ledger.h"
#include "test.h"
#include "world.h"

#include <stdio.h>
#include <unistd.h>

enum {
	/* Bytes a session, malloc's own included. To be lowered whenever something gets smaller;
	 * to be raised only with a reason for every byte. */
	BUDGET_PLAIN = 609,
	BUDGET_TLS = 819,
	BUDGET_CONTACT = 37, /* of an account that is online; its address has 24 bytes */

	N_WARM = 100, /* these bring what is there once for all */
	N_COUNTED = 1000,
	N_CONTACTS = 50, /* of an account that has any */
};

/* --- counting --- */

static void forget(struct store_call *c)
{
	store_call_free(&c);
}

/* In the database, without waiting for it. */
static void put(struct store_call *c)
{
	c->deliver = forget;
	CHECK_INT(store_submit(world.server->store, c), 0);
}

/* As many have them, at a server that cannot be reached. */
static void put_contacts(struct jid who)
{
	char contact[32], name[32];
	struct strv group = STRV("Friends");
	struct store_roster_item row = { .subscription = 'B',
					 .ask = 'N',
					 .listed = true,
					 .groups = &group,
					 .n_groups = 1 };

	for (unsigned i = 0; i < N_CONTACTS; i++) {
		snprintf(contact, sizeof(contact), "somebody%04u@example.net", i);
		snprintf(name, sizeof(name), "Somebody No. %u", i);
		row.jid = strv_from(contact);
		row.name = strv_from(name);
		put(store_roster_put(who, &row, STRV("v1")));
	}
}

/* Users from to `to` - 1; the last call is waited for, and so are those before it. */
static void put_rosters(unsigned from, unsigned to)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct store_call *c;
	struct jid who;
	char name[32];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "user%05u", i);
		who = jid_make(a, strv_from(name), STRV("example.com"), STRV(""));
		put(store_account_note_up_to(who, INT64_MAX));
		put_contacts(who);
	}
	c = store_account_note_up_to(who, INT64_MAX);
	CHECK_INT(store_wait(world.server->store, c), 0);
	store_call_free(&c);
}
static void count(bool tls, size_t budget)
{
	static struct client all[N_WARM + N_COUNTED];
	size_t before, each;

	world_start();
	world_log_in_all(all, 0, N_WARM, tls);
	before = world_bytes();
	world_log_in_all(all, N_WARM, N_WARM + N_COUNTED, tls);
	each = (world_bytes() - before) / N_COUNTED;
	CHECK_INT(world.worker->n_streams, N_WARM + N_COUNTED);
	printf("%s: %zu bytes a session, of %zu\n", tls ? "TLS" : "plain", each, budget);
	ledger_print(N_WARM + N_COUNTED);
	for (unsigned i = 0; i < N_WARM + N_COUNTED; i++)
		close(all[i].fd);
	world_settle();
	world_stop();
	CHECK(each <= budget);
}

TEST(idle_session_keeps_to_its_budget)
{
	count(false, BUDGET_PLAIN);
}

TEST(idle_session_with_tls_keeps_to_its_budget)
{
	count(true, BUDGET_TLS);
}

static size_t growth(struct client *all, unsigned from, unsigned to)
{
	size_t before = world_bytes();

	world_log_in_all(all, from, to, false);
	return world_bytes() - before;
}

TEST(contact_keeps_to_its_budget)
{
	enum { WARM = 100, N = 200, ALL = WARM + 2 * N };
	static struct client all[ALL];
	size_t without, with, each;

	world_start();
	put_rosters(0, WARM);
	put_rosters(WARM + N, ALL);
	world_log_in_all(all, 0, WARM, false);
	without = growth(all, WARM, WARM + N);
	with = growth(all, WARM + N, ALL);
	each = (with - without) / (N * N_CONTACTS);
	printf("%zu bytes a contact, of %d\n", each, BUDGET_CONTACT);
	ledger_print(N);
	for (unsigned i = 0; i < ALL; i++)
		close(all[i].fd);
	world_settle();
	world_stop();
	CHECK(each <= BUDGET_CONTACT);
}
