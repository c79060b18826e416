/* The operations: what each call does in SQL. */
#include "store/store_priv.h"
#include "base/base64.h"
#include "base/rand.h"

enum { ACCOUNTS_AT_ONCE = 1000, MESSAGES_AT_ONCE = 200 };

static struct store_call *call_new(struct jid who, int (*run)(struct store *, struct store_call *),
				   bool writes)
{
	struct arena *a = arena_new(1024);
	struct store_call *c = ARENA_NEW(a, struct store_call);

	c->arena = a;
	c->run = run;
	c->writes = writes;
	list_init(&c->link);
	if (!jid_is_none(who)) {
		c->server = arena_strv(a, jid_domain(who));
		c->username = arena_strv(a, jid_local(who));
	}
	return c;
}

/* 0 when the query has a row, -ENOENT when it has none; the row is the current one. */
static int one_row(sqlite3_stmt *st)
{
	int r = db_step(st);
	return r > 0 ? 0 : r == 0 ? -ENOENT : r;
}

/* Ends a query of which only the first row was wanted. */
static void finish(sqlite3_stmt *st)
{
	sqlite3_reset(st);
}

/* --- accounts --- */

static int account_get(struct store *s, struct store_call *c)
{
	sqlite3_stmt *st = db_query("SELECT password, pass_details FROM users"
				    " WHERE server = ? AND username = ?",
				    "ss", c->server, c->username);
	int r = one_row(st);

	if (r < 0)
		return r;
	c->text = db_text(c->arena, st, 0);
	c->text2 = db_text(c->arena, st, 1);
	finish(st);
	return 0;
}

struct store_call *store_account_get(struct jid who)
{
	return call_new(who, account_get, false);
}

static int account_count(struct strv server, int64_t *ret)
{
	sqlite3_stmt *st = db_query("SELECT count(*) FROM users WHERE server = ?", "s", server);
	int r = one_row(st);

	if (r < 0)
		return r;
	*ret = sqlite3_column_int64(st, 0);
	finish(st);
	return 0;
}

static int account_add(struct store *s, struct store_call *c)
{
	int64_t n;
	int r = c->number == INT64_MAX ? 0 : account_count(c->server, &n);

	if (r < 0)
		return r;
	if (c->number != INT64_MAX && n >= c->number)
		return -ENOSPC;
	return db_exec("INSERT INTO users (server, username, password, pass_details)"
		       " VALUES (?, ?, ?, ?)",
		       "ssss", c->server, c->username, c->text, c->text2);
}

struct store_call *store_account_add(struct jid who, struct strv password,
				     struct strv pass_details, int64_t max)
{
	struct store_call *c = call_new(who, account_add, true);

	c->text = arena_strv(c->arena, password);
	c->text2 = arena_strv(c->arena, pass_details);
	c->number = max;
	return c;
}

static int account_set(struct store *s, struct store_call *c)
{
	int r = db_exec("UPDATE users SET password = ?, pass_details = ?"
			" WHERE server = ? AND username = ?",
			"ssss", c->text, c->text2, c->server, c->username);

	if (r < 0)
		return r;
	return sqlite3_changes(store_db->db) ? 0 : -ENOENT;
}

struct store_call *store_account_set(struct jid who, struct strv password,
				     struct strv pass_details)
{
	struct store_call *c = call_new(who, account_set, true);

	c->text = arena_strv(c->arena, password);
	c->text2 = arena_strv(c->arena, pass_details);
	return c;
}

static int account_remove(struct store *s, struct store_call *c)
{
	static const char *const rows[] = {
		"DELETE FROM last WHERE server = ? AND username = ?",
		"DELETE FROM rosterusers WHERE server = ? AND username = ?",
		"DELETE FROM rostergroups WHERE server = ? AND username = ?",
		"DELETE FROM roster_version WHERE server = ? AND username = ?",
		"DELETE FROM vcard WHERE server = ? AND username = ?",
		"DELETE FROM private_storage WHERE server = ? AND username = ?",
		"DELETE FROM offline_message WHERE server = ? AND username = ?",
	};
	int r = db_exec("DELETE FROM users WHERE server = ? AND username = ?", "ss", c->server,
			c->username);

	if (r == 0 && sqlite3_changes(store_db->db) == 0)
		return -ENOENT;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
		r = db_exec(rows[i], "ss", c->server, c->username);
	return r;
}

struct store_call *store_account_remove(struct jid who)
{
	return call_new(who, account_remove, true);
}

static int account_list(struct store *s, struct store_call *c)
{
	sqlite3_stmt *st = db_query("SELECT username FROM users WHERE server = ? AND username > ?"
				    " ORDER BY username LIMIT ?",
				    "ssi", c->server, c->key, (int64_t)ACCOUNTS_AT_ONCE);
	struct jid *list = ARENA_ARRAY(c->arena, struct jid, ACCOUNTS_AT_ONCE);
	int r;

	while ((r = db_step(st)) > 0 && c->n_accounts < ACCOUNTS_AT_ONCE)
		list[c->n_accounts++] =
			jid_make(c->arena, db_text(c->arena, st, 0), c->server, STRV(""));
	finish(st);
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

/* --- rosters --- */

struct group_row {
	struct strv jid, group;
};

/* All groups of the account, in the order of contacts: one query for the whole roster. */
static int load_groups(struct store_call *c, struct group_row **ret, size_t *ret_n)
{
	sqlite3_stmt *st = db_query("SELECT jid, grp FROM rostergroups WHERE server = ? AND"
				    " username = ? ORDER BY jid, rowid",
				    "ss", c->server, c->username);
	struct group_row *row = NULL;
	size_t n = 0, cap = 0;
	int r;

	while ((r = db_step(st)) > 0) {
		if (n == cap) {
			struct group_row *more = ARENA_ARRAY(c->arena, struct group_row, cap * 2 + 16);
			if (n)
				memcpy(more, row, n * sizeof(*row));
			row = more;
			cap = cap * 2 + 16;
		}
		row[n].jid = db_text(c->arena, st, 0);
		row[n++].group = db_text(c->arena, st, 1);
	}
	*ret = row;
	*ret_n = n;
	return r;
}

static char letter(sqlite3_stmt *st, int column)
{
	const char *p = (const char *)sqlite3_column_text(st, column);
	return p && *p ? *p : 'N';
}

static void read_item(struct store_call *c, sqlite3_stmt *st, struct store_roster_item *it)
{
	*it = (struct store_roster_item){
		.jid = db_text(c->arena, st, 0),
		.name = db_text(c->arena, st, 1),
		.subscription = letter(st, 2),
		.ask = letter(st, 3),
		.request = db_text(c->arena, st, 4),
		.approved = sqlite3_column_int(st, 5) != 0,
		.listed = sqlite3_column_int(st, 6) != 0,
	};
}

static int load_items(struct store_call *c, struct store_roster_item **ret)
{
	sqlite3_stmt *st = db_query("SELECT jid, nick, subscription, ask, askmessage, approved,"
				    " listed FROM rosterusers WHERE server = ? AND username = ?"
				    " ORDER BY jid", "ss", c->server, c->username);
	size_t cap = 0;
	int r;

	while ((r = db_step(st)) > 0) {
		if (c->n_items == cap) {
			size_t n = cap * 2 + 16;
			struct store_roster_item *more =
				ARENA_ARRAY(c->arena, struct store_roster_item, n);
			if (cap)
				memcpy(more, *ret, cap * sizeof(*more));
			*ret = more;
			cap = n;
		}
		read_item(c, st, &(*ret)[c->n_items++]);
	}
	return r;
}

/* Both are in the order of contacts: one pass puts them together. */
static void join_groups(struct store_call *c, struct store_roster_item *items,
			struct group_row *row, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < c->n_items; i++) {
		size_t first, k = 0;
		struct strv *groups;

		while (at < n && strv_cmp(row[at].jid, items[i].jid) < 0)
			at++;
		first = at;
		while (at < n && strv_eq(row[at].jid, items[i].jid))
			at++;
		groups = ARENA_ARRAY(c->arena, struct strv, at - first + 1);
		for (size_t g = first; g < at; g++)
			groups[k++] = row[g].group;
		items[i].groups = groups;
		items[i].n_groups = k;
	}
}

static int roster_load(struct store *s, struct store_call *c)
{
	struct store_roster_item *items = NULL;
	struct group_row *groups;
	sqlite3_stmt *st;
	size_t n;
	int r = account_get(s, c);

	if (r < 0)
		return r;
	c->text = c->text2 = STRV_NULL; /* the credentials are nobody's business here */
	r = load_items(c, &items);
	r = r ? r : load_groups(c, &groups, &n);
	if (r < 0)
		return r;
	join_groups(c, items, groups, n);
	c->items = items;
	st = db_query("SELECT version FROM roster_version WHERE server = ? AND username = ?", "ss",
		      c->server, c->username);
	r = db_step(st);
	if (r > 0) {
		c->text = db_text(c->arena, st, 0);
		finish(st);
	}
	return r < 0 ? r : 0;
}

struct store_call *store_roster_load(struct jid who)
{
	return call_new(who, roster_load, false);
}

static int put_version(struct store_call *c)
{
	return db_exec("INSERT INTO roster_version (server, username, version) VALUES (?, ?, ?)"
		       " ON CONFLICT (server, username) DO UPDATE SET version = excluded.version",
		       "sss", c->server, c->username, c->text);
}

static int drop_groups(struct store_call *c)
{
	return db_exec("DELETE FROM rostergroups WHERE server = ? AND username = ? AND jid = ?",
		       "sss", c->server, c->username, c->key);
}

static int roster_put(struct store *s, struct store_call *c)
{
	const struct store_roster_item *it = c->items;
	int r = db_exec("INSERT INTO rosterusers (server, username, jid, nick, subscription, ask,"
			" askmessage, approved, listed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
			" ON CONFLICT (server, username, jid) DO UPDATE SET nick = excluded.nick,"
			" subscription = excluded.subscription, ask = excluded.ask,"
			" askmessage = excluded.askmessage, approved = excluded.approved,"
			" listed = excluded.listed",
			"sssssssii", c->server, c->username, c->key, it->name,
			strv_make(&it->subscription, 1), strv_make(&it->ask, 1), it->request,
			(int64_t)it->approved, (int64_t)it->listed);

	r = r ? r : drop_groups(c);
	for (size_t i = 0; r == 0 && i < it->n_groups; i++)
		r = db_exec("INSERT INTO rostergroups (server, username, jid, grp)"
			    " VALUES (?, ?, ?, ?)",
			    "ssss", c->server, c->username, c->key, it->groups[i]);
	return r ? r : put_version(c);
}

struct store_call *store_roster_put(struct jid who, const struct store_roster_item *item,
				    struct strv version)
{
	struct store_call *c = call_new(who, roster_put, true);
	struct store_roster_item *copy = ARENA_NEW(c->arena, struct store_roster_item);
	struct strv *groups = ARENA_ARRAY(c->arena, struct strv, item->n_groups + 1);

	*copy = *item;
	c->key = arena_strv(c->arena, item->jid);
	copy->name = item->name.p ? arena_strv(c->arena, item->name) : STRV("");
	copy->request = item->request.p ? arena_strv(c->arena, item->request) : STRV("");
	for (size_t i = 0; i < item->n_groups; i++)
		groups[i] = arena_strv(c->arena, item->groups[i]);
	copy->groups = groups;
	c->items = copy;
	c->text = arena_strv(c->arena, version);
	return c;
}

static int roster_remove(struct store *s, struct store_call *c)
{
	int r = db_exec("DELETE FROM rosterusers WHERE server = ? AND username = ? AND jid = ?",
			"sss", c->server, c->username, c->key);

	r = r ? r : drop_groups(c);
	return r ? r : put_version(c);
}

struct store_call *store_roster_remove(struct jid who, struct jid contact, struct strv version)
{
	struct store_call *c = call_new(who, roster_remove, true);

	c->key = arena_strv(c->arena, jid_text(contact));
	c->text = arena_strv(c->arena, version);
	return c;
}

/* --- one text for each account, or each account and key --- */

static int read_text(struct store_call *c, sqlite3_stmt *st)
{
	int r = one_row(st);

	if (r < 0)
		return r;
	c->text = db_text(c->arena, st, 0);
	finish(st);
	return 0;
}

static int private_get(struct store *s, struct store_call *c)
{
	return read_text(c, db_query("SELECT data FROM private_storage WHERE server = ? AND"
				     " username = ? AND namespace = ?",
				     "sss", c->server, c->username, c->key));
}

struct store_call *store_private_get(struct jid who, struct strv ns)
{
	struct store_call *c = call_new(who, private_get, false);

	c->key = arena_strv(c->arena, ns);
	return c;
}

static int private_set(struct store *s, struct store_call *c)
{
	return db_exec("INSERT INTO private_storage (server, username, namespace, data)"
		       " VALUES (?, ?, ?, ?) ON CONFLICT (server, username, namespace)"
		       " DO UPDATE SET data = excluded.data",
		       "ssss", c->server, c->username, c->key, c->text);
}

struct store_call *store_private_set(struct jid who, struct strv ns, struct strv xml)
{
	struct store_call *c = call_new(who, private_set, true);

	c->key = arena_strv(c->arena, ns);
	c->text = arena_strv(c->arena, xml);
	return c;
}

static int vcard_get(struct store *s, struct store_call *c)
{
	return read_text(c, db_query("SELECT vcard FROM vcard WHERE server = ? AND username = ?",
				     "ss", c->server, c->username));
}

struct store_call *store_vcard_get(struct jid who)
{
	return call_new(who, vcard_get, false);
}

static int vcard_set(struct store *s, struct store_call *c)
{
	return db_exec("INSERT INTO vcard (server, username, vcard) VALUES (?, ?, ?)"
		       " ON CONFLICT (server, username) DO UPDATE SET vcard = excluded.vcard",
		       "sss", c->server, c->username, c->text);
}

struct store_call *store_vcard_set(struct jid who, struct strv xml)
{
	struct store_call *c = call_new(who, vcard_set, true);

	c->text = arena_strv(c->arena, xml);
	return c;
}

static int last_get(struct store *s, struct store_call *c)
{
	sqlite3_stmt *st = db_query("SELECT seconds, state FROM last WHERE server = ? AND"
				    " username = ?", "ss", c->server, c->username);
	int r = one_row(st);

	if (r < 0)
		return r;
	c->number = sqlite3_column_int64(st, 0);
	c->text = db_text(c->arena, st, 1);
	finish(st);
	return 0;
}

struct store_call *store_last_get(struct jid who)
{
	return call_new(who, last_get, false);
}

static int last_set(struct store *s, struct store_call *c)
{
	return db_exec("INSERT INTO last (server, username, seconds, state) VALUES (?, ?, ?, ?)"
		       " ON CONFLICT (server, username) DO UPDATE SET seconds = excluded.seconds,"
		       " state = excluded.state",
		       "ssis", c->server, c->username, c->number, c->text);
}

struct store_call *store_last_set(struct jid who, int64_t seconds, struct strv status)
{
	struct store_call *c = call_new(who, last_set, true);

	c->number = seconds;
	c->text = arena_strv(c->arena, status);
	return c;
}

/* --- messages for those who are offline --- */

static int offline_add(struct store *s, struct store_call *c)
{
	sqlite3_stmt *st = db_query("SELECT count(*) FROM offline_message WHERE server = ? AND"
				    " username = ?", "ss", c->server, c->username);
	int r = one_row(st);
	int64_t n;

	if (r < 0)
		return r;
	n = sqlite3_column_int64(st, 0);
	finish(st);
	if (n >= c->number)
		return -ENOSPC;
	return db_exec("INSERT INTO offline_message (timestamp, server, username, from_jid, packet)"
		       " VALUES (?, ?, ?, ?, ?)",
		       "issss", c->at, c->server, c->username, c->key, c->text);
}

struct store_call *store_offline_add(struct jid who, wallus_t at, struct strv from,
				     struct strv packet, int64_t max)
{
	struct store_call *c = call_new(who, offline_add, true);

	c->at = at;
	c->key = arena_strv(c->arena, from);
	c->text = arena_strv(c->arena, packet);
	c->number = max;
	return c;
}

static int offline_load(struct store *s, struct store_call *c)
{
	sqlite3_stmt *st = db_query("SELECT id, timestamp, from_jid, packet FROM offline_message"
				    " WHERE server = ? AND username = ? AND id > ?"
				    " ORDER BY id LIMIT ?",
				    "ssii", c->server, c->username, c->number,
				    (int64_t)MESSAGES_AT_ONCE);
	struct store_message *m = ARENA_ARRAY(c->arena, struct store_message, MESSAGES_AT_ONCE);
	int r;

	while ((r = db_step(st)) > 0) {
		ASSERT(c->n_messages < MESSAGES_AT_ONCE);
		m[c->n_messages++] = (struct store_message){
			.id = sqlite3_column_int64(st, 0),
			.at = sqlite3_column_int64(st, 1),
			.from = db_text(c->arena, st, 2),
			.packet = db_text(c->arena, st, 3),
		};
	}
	c->messages = m;
	return r;
}

struct store_call *store_offline_load(struct jid who, int64_t after)
{
	struct store_call *c = call_new(who, offline_load, false);

	c->number = after;
	return c;
}

static int offline_remove(struct store *s, struct store_call *c)
{
	return db_exec("DELETE FROM offline_message WHERE server = ? AND username = ? AND id <= ?",
		       "ssi", c->server, c->username, c->number);
}

struct store_call *store_offline_remove(struct jid who, int64_t up_to_id)
{
	struct store_call *c = call_new(who, offline_remove, true);

	c->number = up_to_id;
	return c;
}

/* --- secrets of the server --- */

static int secret(struct store *s, struct store_call *c)
{
	int r = db_exec("INSERT INTO meerkat_secrets (name, value) VALUES (?, ?)"
			" ON CONFLICT (name) DO NOTHING", "ss", c->key, c->text2);

	return r ? r : read_text(c, db_query("SELECT value FROM meerkat_secrets WHERE name = ?",
					     "s", c->key));
}

struct store_call *store_secret(const char *name, size_t n)
{
	struct store_call *c = call_new((struct jid){ 0 }, secret, true);
	unsigned char raw[64];
	char *text = arena_alloc(c->arena, 2 * n);

	ASSERT(n <= sizeof(raw));
	rand_bytes(raw, n);
	hex_encode(raw, n, text);
	c->username = STRV("");
	c->key = arena_strv(c->arena, strv_from(name));
	c->text2 = strv_make(text, 2 * n);
	mem_wipe(raw, sizeof(raw));
	return c;
}
