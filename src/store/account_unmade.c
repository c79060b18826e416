/* Accounts that a service is about to make. The database knows the name before the service is asked, and
 * that it is not made yet: a second row in the table of the names, under a domain that none can have.
 * Whoever finds one at the server's start has been killed in between. */
#include "store/store_priv.h"

enum { UNMADE_AT_ONCE = 1000 };

static struct strv mark_of(struct store_call *c)
{
	char *p = arena_alloc(c->arena, c->server.n + 1);

	p[0] = '!';
	memcpy(p + 1, c->server.p, c->server.n);
	return strv_make(p, c->server.n + 1);
}

int account_unmark(struct store_call *c)
{
	return db_exec("DELETE FROM meerkat_accounts WHERE {server} AND {username}", "ss",
		       mark_of(c), c->username);
}

static int account_begin(struct store *s, struct store_call *c)
{
	int r = account_take_name(s, c);

	return r ? r
		 : db_exec("INSERT INTO meerkat_accounts (server, username)"
			   " VALUES (?, ?)",
			   "ss", mark_of(c), c->username);
}

struct store_call *store_account_begin(struct jid who, int64_t max)
{
	struct store_call *c = call_new(who, account_begin, true);

	c->number = max;
	return c;
}

static int account_made(struct store *s, struct store_call *c)
{
	return account_unmark(c);
}

struct store_call *store_account_made(struct jid who)
{
	return call_new(who, account_made, true);
}

static int find_unmade(struct store_call *c, struct strv *names, size_t *n)
{
	struct db_stmt *st =
		db_query("SELECT username FROM meerkat_accounts WHERE {server} LIMIT ?",
			 "si", mark_of(c), (int64_t)UNMADE_AT_ONCE);
	int r;

	while ((r = db_step(st)) > 0 && *n < UNMADE_AT_ONCE)
		names[(*n)++] = db_text(c->arena, st, 0);
	db_finish(st);
	return r < 0 ? r : 0;
}

/* Of a name that is none here, there is nothing but the mark. */
static int drop_unmade(struct store *s, struct store_call *c)
{
	if (c->username.n > JID_PART_MAX)
		return -ENOENT;
	c->key = jid_bare_text(jid_make(c->arena, c->username, c->server, STRV("")));
	return account_drop(s, c);
}

static int forget_unmade(struct store *s, struct store_call *c)
{
	struct strv *names = ARENA_ARRAY(c->arena, struct strv, UNMADE_AT_ONCE);
	size_t n = 0;
	int r = find_unmade(c, names, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		c->username = names[i];
		r = drop_unmade(s, c);
		r = r == -ENOENT ? account_unmark(c) : r;
	}
	c->number = (int64_t)n;
	return r;
}

struct store_call *store_account_forget_unmade(struct strv server)
{
	struct store_call *c = call_new((struct jid){ 0 }, forget_unmade, true);

	c->server = arena_strv(c->arena, server);
	c->username = STRV("");
	return c;
}
