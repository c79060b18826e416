/* What a roster in memory keeps of a contact whose account has been removed: nothing that the next
 * owner of its name could have. */
#include "core/im/contact_gone.h"
#include "im/romeo.h"
#include "test.h"

#include <sched.h>

static struct romeo_world fix;

static void check_nothing_left(void)
{
	struct roster_item it = roster_get(fix.romeo->roster, juliet);
	struct store_call *c = store_roster_load(romeo);

	CHECK(it.sub.state == SUB_NONE && !it.sub.approved);
	while (fix.romeo->roster->saving)
		loop_turn(fix.worker->loop, -1);
	CHECK_INT(store_wait(fix.server.store, c), 0);
	CHECK(c->n_items == 0 ||
	      (c->items[0].subscription == 'N' && c->items[0].ask == 'N' &&
	       !c->items[0].approved && c->items[0].listed));
	store_call_free(&c);
}

static void check_after_removal(struct store_roster_item row)
{
	romeo_set_up(&fix, &row);
	romeo_ask(&fix);
	romeo_await(&fix);
	contact_gone(fix.worker, juliet);
	check_nothing_left();
	romeo_tear_down(&fix);
}

TEST(contact_gone_ends_what_was_granted)
{
	check_after_removal((struct store_roster_item){
		.subscription = 'N', .ask = 'N', .approved = true, .listed = true });
	check_after_removal((struct store_roster_item){
		.subscription = 'T', .ask = 'N', .approved = true, .listed = true });
	check_after_removal((struct store_roster_item){
		.subscription = 'B', .ask = 'N', .listed = true });
	check_after_removal(
		(struct store_roster_item){ .subscription = 'N', .ask = 'I' });
}

/* Memory is what the removal has left in the database, and not what is written after it. */
TEST(contact_gone_whether_or_not_it_can_be_stored)
{
	struct roster_item it;

	romeo_set_up(&fix, &(struct store_roster_item){
				   .subscription = 'F', .ask = 'N', .listed = true });
	romeo_ask(&fix);
	romeo_await(&fix);
	store_fail_write(fix.server.store, 1);
	contact_gone(fix.worker, juliet);
	while (fix.romeo->roster->saving)
		loop_turn(fix.worker->loop, -1);
	it = roster_get(fix.romeo->roster, juliet);
	CHECK(it.listed && it.sub.state == SUB_NONE);
	romeo_tear_down(&fix);
}

/* The answer of the database is there, and has not been looked at: it is older than the removal. */
TEST(contact_gone_while_the_roster_is_loaded)
{
	romeo_set_up(&fix, &(struct store_roster_item){ .subscription = 'T',
							.ask = 'N',
							.approved = true,
							.listed = true });
	romeo_ask(&fix);
	while (inbox_is_empty(loop_inbox(fix.worker->loop)))
		sched_yield();
	contact_gone(fix.worker, juliet);
	romeo_await(&fix);
	loop_turn(fix.worker->loop, 0);
	check_nothing_left();
	romeo_tear_down(&fix);
}

static void on_stanza(struct worker *w, struct user *u, int err, void *arg)
{
	romeo_on_loaded(w, u, err, arg);
	user_unpin(u); /* romeo_ask()'s is the one that stays */
}

/* The first stanza for an account may be longer than what else may wait for it. */
TEST(contact_gone_while_more_waits_than_may)
{
	romeo_set_up(&fix, &(struct store_roster_item){
				   .subscription = 'B', .ask = 'N', .listed = true });
	CHECK_INT(user_with(fix.worker, romeo, 2 << 20, on_stanza, &fix), 0);
	CHECK_INT(user_with(fix.worker, romeo, 1, on_stanza, &fix), -ENOBUFS);
	romeo_ask(&fix);
	contact_gone(fix.worker, juliet);
	romeo_await(&fix);
	loop_turn(fix.worker->loop, 0);
	check_nothing_left();
	romeo_tear_down(&fix);
}
