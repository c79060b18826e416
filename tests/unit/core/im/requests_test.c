/* Requests that wait, for a session that comes: how often the database is asked for them. */
#include "im/romeo.h"
#include "test.h"

static struct romeo_world fix;
/* Available, and of no connection: what they get is not looked at. */
static struct session sessions[2];

static void come(struct session *s)
{
	static struct presence *const some = (struct presence *)&fix;

	s->presence = some;
	roster_send_requests(s);
}

static void go(struct session *s)
{
	s->presence = NULL;
}

static void add_session(struct session *s)
{
	s->user = fix.romeo;
	list_push(&fix.romeo->sessions, &s->in_user);
}

/* Romeo, whom Juliet has asked. */
static void set_up(void)
{
	romeo_set_up(&fix,
		     &(struct store_roster_item){ .subscription = 'N', .ask = 'I' });
	romeo_ask(&fix);
	romeo_await(&fix);
	roster_forget_rows(fix.romeo->roster);
	memset(sessions, 0, sizeof(sessions));
	for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
		add_session(&sessions[i]);
}

static void tear_down(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
		list_remove(&sessions[i].in_user);
	romeo_tear_down(&fix);
}

/* The first reading has ended. */
static void await_answer(void)
{
	while (sessions[0].gets_requests)
		loop_turn(fix.worker->loop, 1);
}

TEST(requests_are_read_once_at_a_time)
{
	struct session *s = sessions;

	set_up();
	for (int i = 0; i < 10; i++) {
		come(&s[0]);
		go(&s[0]);
	}
	CHECK_INT(fix.worker->n_calls, 1);
	await_answer();
	CHECK_INT(fix.worker->n_calls, 0); /* nobody is there any more */
	CHECK(!fix.romeo->reads_requests);
	tear_down();
}

/* What has come since the first one asked may not be among what it gets. */
TEST(requests_are_read_again_for_who_comes_meanwhile)
{
	struct session *s = sessions;

	set_up();
	come(&s[0]);
	CHECK(s[0].gets_requests);
	go(&s[0]);
	come(&s[1]);
	CHECK(s[1].awaits_requests && !s[1].gets_requests);
	CHECK_INT(fix.worker->n_calls, 1);
	await_answer();
	CHECK_INT(fix.worker->n_calls, 1);
	CHECK(s[1].gets_requests);
	go(&s[1]);
	while (fix.worker->n_calls)
		loop_turn(fix.worker->loop, 1);
	CHECK(!fix.romeo->reads_requests);
	tear_down();
}

/* Whatever else waits for the account. */
TEST(requests_are_read_for_an_account_that_is_busy)
{
	enum { PINS = 200 };

	set_up();
	for (int i = 0; i < PINS; i++)
		user_pin(fix.romeo);
	come(&sessions[0]);
	CHECK_INT(fix.worker->n_calls, 1);
	go(&sessions[0]);
	while (fix.worker->n_calls)
		loop_turn(fix.worker->loop, 1);
	for (int i = 0; i < PINS; i++)
		user_unpin(fix.romeo);
	tear_down();
}
