/* The operations on accounts. */
#include "store/store_priv.h"

enum { ACCOUNTS_AT_ONCE = 1000 };

static int finds(struct db_stmt *st)
{
	int r = db_one(st);

	db_finish(st);
	return r;
}

int account_known(struct store_call *c)
{
	int r;

	if (!c->writes)
		return finds(db_query("SELECT 1 FROM users WHERE {server} AND {username}"
				      " UNION ALL SELECT 1 FROM meerkat_accounts"
				      " WHERE {server} AND {username} LIMIT 1",
				      "ssss", c->server, c->username, c->server,
				      c->username));
	r = finds(db_query("SELECT 1 FROM users WHERE {server} AND {username}{+}", "ss",
			   c->server, c->username));
	return r == -ENOENT ? finds(db_query("SELECT 1 FROM meerkat_accounts"
					     " WHERE {server} AND {username}{+}",
					     "ss", c->server, c->username))
			    : r;
}

static int account_get(struct store *s, struct store_call *c)
{
	struct db_stmt *st = db_query("SELECT password, pass_details FROM users"
				      " WHERE {server} AND {username}",
				      "ss", c->server, c->username);
	int r = db_one(st);

	if (r < 0)
		return r;
	c->text = db_text(c->arena, st, 0);
	c->text2 = db_text(c->arena, st, 1);
	db_finish(st);
	return 0;
}

struct store_call *store_account_get(struct jid who)
{
	struct store_call *c = call_new(who, account_get, false);

	c->secret = true;
	return c;
}

static int account_exists(struct store *s, struct store_call *c)
{
	return account_known(c);
}

struct store_call *store_account_exists(struct jid who)
{
	return call_new(who, account_exists, false);
}

/* Those in `users`. The database's estimate, which is negative as long as it has none, is one of all
 * domains: it can say that there is room, and no more. */
static int user_count(const struct store_call *c, int64_t *ret)
{
	const char *estimate = c->estimate ? store_db->driver->estimate : NULL;
	int r = estimate ? store_read_number(db_query(estimate, ""), ret) : -ENOENT;

	if (r != -ENOENT && (r < 0 || (*ret >= 0 && *ret < c->number)))
		return r;
	return store_read_number(db_query("SELECT count(*) FROM users WHERE {server}",
					  "s", c->server),
				 ret);
}

static int account_count(const struct store_call *c, int64_t *ret)
{
	int64_t users = 0, others = 0;
	int r = user_count(c, &users);

	r = r ? r
	      : store_read_number(
			db_query("SELECT count(*) FROM meerkat_accounts WHERE {server}",
				 "s", c->server),
			&others);
	*ret = users + others;
	return r;
}

static int account_room(struct store_call *c)
{
	int64_t n = 0;
	int r = c->number == INT64_MAX ? 0 : account_count(c, &n);

	if (r < 0)
		return r;
	return n >= c->number ? -ENOSPC : 0;
}

/* Nobody gets a password for what belongs to somebody whose password is elsewhere. */
static int account_add(struct store *s, struct store_call *c)
{
	int r = account_known(c);

	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = account_room(c);
	if (r < 0)
		return r;
	return db_exec("INSERT INTO users (server, username, password, pass_details)"
		       " VALUES (?, ?, ?, ?)",
		       "ssss", c->server, c->username, c->text, c->text2);
}

struct store_call *store_account_add(struct jid who, struct strv password,
				     struct strv pass_details, int64_t max)
{
	struct store_call *c = call_new(who, account_add, true);

	c->secret = true;
	c->text = arena_strv(c->arena, password);
	c->text2 = arena_strv(c->arena, pass_details);
	c->number = max;
	return c;
}

int account_take_name(struct store *s, struct store_call *c)
{
	int r = account_known(c);

	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = account_room(c);
	if (r < 0)
		return r;
	return db_exec("INSERT INTO meerkat_accounts (server, username) VALUES (?, ?)",
		       "ss", c->server, c->username);
}

/* Whoever has logged in has been made, whatever has become of the answer. */
static int account_login(struct store *s, struct store_call *c)
{
	int r;

	c->number = INT64_MAX;
	r = account_take_name(s, c);
	c->number = r == 0;
	return r == -EEXIST ? account_unmark(c) : r;
}

struct store_call *store_account_login(struct jid who)
{
	return call_new(who, account_login, true);
}

static int account_note(struct store *s, struct store_call *c)
{
	int r = account_take_name(s, c);

	return r == -EEXIST ? account_unmark(c) : r; /* whoever uses it has been made */
}

struct store_call *store_account_note_up_to(struct jid who, int64_t max)
{
	struct store_call *c = call_new(who, account_note, true);

	c->number = max;
	return c;
}

static int account_set(struct store *s, struct store_call *c)
{
	int r = db_exec("UPDATE users SET password = ?, pass_details = ?"
			" WHERE {server} AND {username}",
			"ssss", c->text, c->text2, c->server, c->username);

	if (r < 0)
		return r;
	return db_changes() ? 0 : -ENOENT;
}

struct store_call *store_account_set(struct jid who, struct strv password,
				     struct strv pass_details)
{
	struct store_call *c = call_new(who, account_set, true);

	c->secret = true;
	c->text = arena_strv(c->arena, password);
	c->text2 = arena_strv(c->arena, pass_details);
	return c;
}

/* One statement, so that whoever changes the password at the same time wins, from whichever process. */
static int account_replace(struct store *s, struct store_call *c)
{
	int r = db_exec("UPDATE users SET password = ?, pass_details = ?"
			" WHERE {server} AND {username} AND"
			" {#CASE WHEN COALESCE(pass_details, '') = '' THEN password"
			" ELSE pass_details END} = ?",
			"sssss", c->text, c->text2, c->server, c->username, c->key);

	if (r < 0)
		return r;
	return db_changes() ? 0 : -ENOENT;
}

struct store_call *store_account_replace(struct jid who, struct strv before,
					 struct strv password, struct strv pass_details)
{
	struct store_call *c = call_new(who, account_replace, true);

	c->secret = true;
	c->key = arena_strv(c->arena, before);
	c->text = arena_strv(c->arena, password);
	c->text2 = arena_strv(c->arena, pass_details);
	return c;
}

/* Others' rosters keep the contact, but no subscription: whoever gets the name next must not
 * inherit what was granted to this one. */
static int end_subscriptions(struct store_call *c)
{
	int r = db_exec(
		"UPDATE roster_version SET version = version || '-' WHERE (server, username)"
		" IN (SELECT server, username FROM rosterusers WHERE {jid})",
		"s", c->key);

	r = r ? r
	      : db_exec("DELETE FROM rosterusers WHERE {jid} AND (listed = 0 OR"
			" (listed IS NULL AND subscription = 'N' AND ask = 'I'))",
			"s", c->key);
	return r ? r
		 : db_exec("UPDATE rosterusers SET subscription = 'N', ask = 'N',"
			   " askmessage = '', approved = 0 WHERE {jid}",
			   "s", c->key);
}

int account_drop(struct store *s, struct store_call *c)
{
	static const char *const rows[] = {
		"DELETE FROM users WHERE {server} AND {username}",
		"DELETE FROM meerkat_accounts WHERE {server} AND {username}",
		"DELETE FROM last WHERE {server} AND {username}",
		"DELETE FROM rosterusers WHERE {server} AND {username}",
		"DELETE FROM rostergroups WHERE {server} AND {username}",
		"DELETE FROM roster_version WHERE {server} AND {username}",
		"DELETE FROM vcard WHERE {server} AND {username}",
		"DELETE FROM private_storage WHERE {server} AND {username}",
		"DELETE FROM offline_message WHERE {server} AND {username}",
	};
	int64_t n = 0; /* of an account that is there, one of the first two has a row */
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++) {
		if (i == 2 && n == 0)
			return -ENOENT;
		r = db_exec(rows[i], "ss", c->server, c->username);
		n += r == 0 ? db_changes() : 0;
	}
	r = r ? r : account_unmark(c);
	return r ? r : end_subscriptions(c);
}

struct store_call *store_account_remove(struct jid who)
{
	struct store_call *c = call_new(who, account_drop, true);

	c->key = arena_strv(c->arena, jid_bare_text(who));
	return c;
}

static int account_list(struct store *s, struct store_call *c)
{
	struct db_stmt *st =
		db_query("SELECT username FROM"
			 " (SELECT username FROM users WHERE {server} AND {#username} > ?"
			 " UNION SELECT username FROM meerkat_accounts"
			 " WHERE {server} AND {#username} > ?) AS accounts"
			 " ORDER BY {#username} LIMIT ?",
			 "ssssi", c->server, c->key, c->server, c->key,
			 (int64_t)ACCOUNTS_AT_ONCE);
	struct strv *list = ARENA_ARRAY(c->arena, struct strv, ACCOUNTS_AT_ONCE);
	int r;

	while ((r = db_step(st)) > 0 && c->n_accounts < ACCOUNTS_AT_ONCE)
		list[c->n_accounts++] = db_text(c->arena, st, 0);
	db_finish(st);
	c->accounts = list;
	return r < 0 ? r : 0;
}

struct store_call *store_account_list(struct strv server, struct strv after)
{
	struct store_call *c = call_new((struct jid){ 0 }, account_list, false);

	c->server = arena_strv(c->arena, server);
	c->username = STRV("");
	c->key = arena_strv(c->arena, after);
	return c;
}
