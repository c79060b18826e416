/* The limits for each address cost memory only while there are connections of it. */
#include "ledger.h"
#include "core/listen/source.h"
#include "test.h"

#include <stdio.h>

enum {
	N = 100000,
	BUDGET_ADDRESS =
		64,  /* bytes, with its share of the table: two of these a connection */
	LEFT = 4096, /* of all tables, when everybody has gone */
};

static struct net address(uint32_t i)
{
	return net_from_raw(false, (uint8_t[16]){ 10, (uint8_t)(i >> 16),
						  (uint8_t)(i >> 8), (uint8_t)i });
}

static void take_all(struct sources *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct net a = address(i);
		CHECK(sources_take(s, &a, 1));
	}
}

static void give_all(struct sources *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct net a = address(i);
		sources_give(s, &a);
	}
}

TEST(addresses_leave_with_their_connections)
{
	struct sources s;
	size_t before, full;

	sources_init(&s);
	before = ledger_bytes();
	ledger_open();
	take_all(&s, N);
	full = ledger_bytes() - before;
	give_all(&s, N);
	take_all(&s, 1000); /* some for each table: they get smaller as somebody comes */
	give_all(&s, 1000);
	ledger_close();
	printf("%zu bytes an address, of %d\n", full / N, BUDGET_ADDRESS);
	CHECK(full / N <= BUDGET_ADDRESS);
	CHECK_INT(ledger_bytes() - before <= 64 * LEFT, true);
	sources_fini(&s);
	CHECK_INT(ledger_bytes(), before);
}

TEST(who_is_refused_leaves_no_entry)
{
	struct net a = address(1);
	struct sources s;
	size_t before;

	sources_init(&s);
	CHECK(sources_take(&s, &a, 1));
	before = ledger_bytes();
	ledger_open();
	for (int i = 0; i < 1000; i++)
		CHECK(!sources_take(&s, &a, 1));
	ledger_close();
	CHECK_INT(ledger_bytes(), before);
	sources_give(&s, &a);
	sources_fini(&s);
}
