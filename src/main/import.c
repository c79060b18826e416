/* `meerkat user import`. Passwords are hashed on all cores and go into the database in
 * the order of their lines, so that of two lines for one account the first counts; many
 * share a commit. */
#include "main/user.h"
#include "auth/pool.h"
#include "core/account/account.h"
#include "main/command.h"
#include "main/input.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { WINDOW = 1024, MAX_LINE = 8192, PROGRESS = 1000 };
_Static_assert(WINDOW <= (int)AUTH_POOL_MAX_JOBS, "a place has a job");

enum place_state { FREE, HASHING, HASHED, STORING, DONE };

struct import;

/* One line on its way. */
struct place {
	struct auth_job job;
	struct import *import;
	enum place_state state; /* under the lock */
	unsigned line;
	struct arena *arena; /* owns the JID and the password */
	struct jid jid;
	struct strv password;
	struct store_call *call;
	int err;
};

/* A ring: [first, to_store) are on their way into the database, [to_store, next) are
 * hashed. */
struct import {
	struct user_cmd *user;
	struct auth_pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned first, to_store, next;
	unsigned made, failed;
	struct place place[WINDOW];
};

static struct place *place_at(struct import *in, unsigned i)
{
	return &in->place[i % WINDOW];
}

static void move(struct place *p, enum place_state to)
{
	struct import *in = p->import;

	pthread_mutex_lock(&in->lock);
	p->state = to;
	pthread_cond_signal(&in->moved);
	pthread_mutex_unlock(&in->lock);
}

/* --- on the pool's threads --- */

static void hash(struct auth_job *j, void *state)
{
	struct place *p = container_of(j, struct place, job);

	p->err = account_put_call(conf_auth_of(p->import->user->conf, jid_domain(p->jid)),
				  p->jid, p->password, true, &p->call);
	mem_wipe((char *)p->password.p, p->password.n);
}

static void on_hashed(struct auth_job *j)
{
	move(container_of(j, struct place, job), HASHED);
}

/* --- on the database's threads --- */

static void on_stored(struct store_call *c)
{
	struct place *p = c->owner;

	p->err = c->err;
	move(p, DONE);
}

/* --- on the main thread --- */

static void fail(struct import *in, unsigned line, struct strv who, const char *why)
{
	fprintf(stderr, "meerkat: line %u: " STRV_FMT "%s%s\n", line, STRV_ARG(who),
		who.n ? ": " : "", why);
	in->failed++;
}

static void count_made(struct import *in)
{
	if (++in->made % PROGRESS == 0)
		fprintf(stderr, "meerkat: %u accounts made\n", in->made);
}

static void store_next(struct import *in)
{
	struct place *p = place_at(in, in->to_store++);

	p->state = p->call ? STORING : DONE;
	if (p->call == NULL)
		return;
	p->call->deliver = on_stored;
	p->call->owner = p;
	pthread_mutex_unlock(&in->lock); /* no lock is held while another is taken */
	if (store_submit(in->user->store, p->call) < 0) {
		p->err = -EAGAIN;
		move(p, DONE);
	}
	pthread_mutex_lock(&in->lock);
}

static void end_first(struct import *in)
{
	struct place *p = place_at(in, in->first++);

	if (p->err)
		fail(in, p->line, jid_text(p->jid), user_error(p->err));
	else
		count_made(in);
	store_call_free(&p->call);
	arena_free(&p->arena);
	p->state = FREE;
}

/* Moves on what can move, and waits until no more than `max` lines are on their way. */
static void settle(struct import *in, unsigned max)
{
	pthread_mutex_lock(&in->lock);
	for (;;) {
		if (in->to_store != in->next &&
		    place_at(in, in->to_store)->state == HASHED)
			store_next(in);
		else if (in->first != in->to_store &&
			 place_at(in, in->first)->state == DONE)
			end_first(in);
		else if (in->next - in->first <= max)
			break;
		else
			pthread_cond_wait(&in->moved, &in->lock);
	}
	pthread_mutex_unlock(&in->lock);
}

static void start(struct import *in, unsigned line, struct jid jid, struct strv password)
{
	struct place *p = place_at(in, in->next);
	int r;

	ASSERT(p->state == FREE);
	p->state = HASHING;
	p->import = in;
	p->line = line;
	p->arena = arena_new(512);
	p->jid = jid_dup(p->arena, jid);
	p->password = arena_strv(p->arena, password);
	p->call = NULL;
	p->job.work = hash;
	p->job.done = on_hashed;
	p->job.account_key = p->job.address_key = in->next % WINDOW;
	in->next++;
	r = auth_pool_submit(in->pool, &p->job);
	ASSERT(r == 0); /* the window is smaller than any of its bounds */
}

/* An account that somebody else has to make, or might have. */
static void make_now(struct import *in, unsigned line, struct jid jid,
		     struct strv password)
{
	struct user_cmd *u = in->user;
	const char *why;

	settle(in, 0);
	if (user_change(u, u->arena, ACCOUNT_ADD, jid, password, &why))
		count_made(in);
	else
		fail(in, line, jid_text(jid), why);
}

static void read_one(struct import *in, unsigned number, struct strv line)
{
	struct user_cmd *u = in->user;
	ptrdiff_t space = strv_find(line, ' ');
	struct strv who;
	struct jid jid;
	const char *why;

	if (space < 0) {
		fail(in, number, STRV(""), "not \"JID password\"");
		return;
	}
	who = strv_make(line.p, (size_t)space);
	why = user_read_jid(u, u->arena, who, &jid);
	if (why == NULL && !account_is_ours_alone(conf_auth_of(u->conf, jid_domain(jid))))
		make_now(in, number, jid, strv_from_pos(line, (size_t)space + 1));
	else if (why)
		fail(in, number, who, why);
	else
		start(in, number, jid, strv_from_pos(line, (size_t)space + 1));
	arena_reset(u->arena);
}

static void read_all(struct import *in)
{
	char line[MAX_LINE];
	unsigned number = 0;
	ssize_t n;

	while ((n = input_line(line, sizeof(line))) != LINE_END) {
		number++;
		if (n > 0)
			read_one(in, number, strv_make(line, (size_t)n));
		else if (n < 0)
			fail(in, number, STRV(""),
			     n == LINE_TOO_LONG ? "too long" : "has a NUL character");
		settle(in, WINDOW - 1);
	}
	mem_wipe(line, sizeof(line));
	if (ferror(stdin))
		fail(in, number + 1, STRV(""), "standard input cannot be read");
	settle(in, 0);
}

int user_import(struct user_cmd *u)
{
	struct import *in = MEM_NEW(struct import);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned failed;

	in->user = u;
	in->pool = auth_pool_new(AUTH_POOL_PLAIN((unsigned)MAX(1, MIN(cores, 256))), NULL,
				 NULL);
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->moved, NULL);
	read_all(in);
	auth_pool_free(&in->pool);
	fprintf(stderr, "meerkat: %u accounts made, %u lines failed\n", in->made,
		in->failed);
	failed = in->failed;
	pthread_cond_destroy(&in->moved);
	pthread_mutex_destroy(&in->lock);
	mem_free(in);
	return failed ? EXIT_FAILED : EXIT_OK;
}
