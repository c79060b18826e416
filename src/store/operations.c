/* The operations, but for accounts and rosters: what each call does in SQL. */
#include "store/store_priv.h"
#include "base/base64.h"
#include "base/rand.h"

enum { MESSAGES_AT_ONCE = 200 };

struct store_call *call_new(struct jid who,
			    int (*run)(struct store *, struct store_call *), bool writes)
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

int store_read_number(struct db_stmt *st, int64_t *ret)
{
	int r = db_one(st);

	if (r < 0)
		return r;
	*ret = db_int(st, 0);
	db_finish(st);
	return 0;
}

/* --- one text for each account, or each account and key --- */

static int read_text(struct store_call *c, struct db_stmt *st)
{
	int r = db_one(st);

	if (r < 0)
		return r;
	c->text = db_text(c->arena, st, 0);
	db_finish(st);
	return 0;
}

static int private_get(struct store *s, struct store_call *c)
{
	return read_text(c, db_query("SELECT data FROM private_storage WHERE {server} AND"
				     " {username} AND {namespace}",
				     "sss", c->server, c->username, c->key));
}

struct store_call *store_private_get(struct jid who, struct strv ns)
{
	struct store_call *c = call_new(who, private_get, false);

	c->key = arena_strv(c->arena, ns);
	return c;
}

static int private_count(struct store_call *c, int64_t *ret)
{
	struct db_stmt *st = db_query(
		"SELECT count(*) FROM private_storage WHERE {server} AND {username}",
		"ss", c->server, c->username);
	int r = db_one(st);

	if (r < 0)
		return r;
	*ret = db_int(st, 0);
	db_finish(st);
	return 0;
}

static int private_is_there(struct store_call *c)
{
	struct db_stmt *st =
		db_query("SELECT 1 FROM private_storage WHERE {server} AND {username}"
			 " AND namespace = ?",
			 "sss", c->server, c->username, c->key);
	int r = db_one(st);

	db_finish(st);
	return r;
}

static int private_set(struct store *s, struct store_call *c)
{
	int64_t n = 0;
	int r = account_known(c);

	if (r < 0)
		return r;
	r = private_is_there(c);
	if (r == -ENOENT)
		r = private_count(c, &n);
	if (r < 0)
		return r;
	if (n >= c->number)
		return -ENOSPC;
	return db_put("UPDATE private_storage SET data = ? WHERE {server} AND"
		      " {username} AND {namespace}",
		      "INSERT INTO private_storage (data, server, username, namespace)"
		      " VALUES (?, ?, ?, ?)",
		      "ssss", c->text, c->server, c->username, c->key);
}

struct store_call *store_private_set(struct jid who, struct strv ns, struct strv xml,
				     int64_t max)
{
	struct store_call *c = call_new(who, private_set, true);

	c->number = max;
	c->key = arena_strv(c->arena, ns);
	c->text = arena_strv(c->arena, xml);
	return c;
}

static int vcard_get(struct store *s, struct store_call *c)
{
	return read_text(c,
			 db_query("SELECT vcard FROM vcard WHERE {server} AND {username}",
				  "ss", c->server, c->username));
}

struct store_call *store_vcard_get(struct jid who)
{
	return call_new(who, vcard_get, false);
}

static int vcard_set(struct store *s, struct store_call *c)
{
	int r = account_known(c);

	if (r < 0)
		return r;
	return db_put("UPDATE vcard SET vcard = ? WHERE {server} AND {username}",
		      "INSERT INTO vcard (vcard, server, username) VALUES (?, ?, ?)",
		      "sss", c->text, c->server, c->username);
}

struct store_call *store_vcard_set(struct jid who, struct strv xml)
{
	struct store_call *c = call_new(who, vcard_set, true);

	c->text = arena_strv(c->arena, xml);
	return c;
}

static int last_get(struct store *s, struct store_call *c)
{
	struct db_stmt *st = db_query("SELECT seconds, state FROM last WHERE {server} AND"
				      " {username}",
				      "ss", c->server, c->username);
	int r = db_one(st);

	if (r < 0)
		return r;
	c->number = db_int(st, 0);
	c->text = db_text(c->arena, st, 1);
	db_finish(st);
	return 0;
}

struct store_call *store_last_get(struct jid who)
{
	struct store_call *c = call_new(who, last_get, false);

	c->sees_patient = true;
	return c;
}

static int last_set(struct store *s, struct store_call *c)
{
	/* The row goes with the account: where there is one, the other need not be looked for. */
	int r = db_exec(
		"UPDATE last SET seconds = ?, state = ? WHERE {server} AND {username}",
		"isss", c->number, c->text, c->server, c->username);

	if (r < 0 || db_changes() > 0)
		return r;
	r = account_known(c);
	return r ? r
		 : db_exec("INSERT INTO last (seconds, state, server, username)"
			   " VALUES (?, ?, ?, ?)",
			   "isss", c->number, c->text, c->server, c->username);
}

struct store_call *store_last_set(struct jid who, int64_t seconds, struct strv status)
{
	struct store_call *c = call_new(who, last_set, true);

	c->number = seconds;
	c->text = arena_strv(c->arena, status);
	return c;
}

/* --- messages for those who are offline --- */

static int offline_count(struct store_call *c, int64_t *ret)
{
	return store_read_number(
		db_query("SELECT count(*) FROM offline_message WHERE {server}"
			 " AND {username}",
			 "ss", c->server, c->username),
		ret);
}

/* 0, or -ENOSPC: no more may wait. What has expired makes room. */
static int offline_room(struct store_call *c)
{
	int64_t n;
	int r = offline_count(c, &n);

	if (r < 0 || n < c->number)
		return r;
	r = db_exec("DELETE FROM offline_message WHERE {server} AND {username}"
		    " AND expire <= ?",
		    "ssi", c->server, c->username, c->at);
	r = r ? r : offline_count(c, &n);
	return r ? r : n < c->number ? 0 : -ENOSPC;
}

static int offline_add(struct store *s, struct store_call *c)
{
	int r = account_known(c);

	if (r == 0 && c->number != INT64_MAX)
		r = offline_room(c);
	if (r < 0)
		return r;
	return db_exec("INSERT INTO offline_message (timestamp, expire, server, username,"
		       " from_jid, packet) VALUES (?, NULLIF(?, 0), ?, ?, ?, ?)",
		       "iissss", c->at, c->expires, c->server, c->username, c->key,
		       c->text);
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
	struct db_stmt *st =
		db_query("SELECT id, timestamp, from_jid, packet, COALESCE(expire, 0)"
			 " FROM offline_message"
			 " WHERE {server} AND {username} AND id > ?"
			 " ORDER BY id LIMIT ?",
			 "ssii", c->server, c->username, c->number,
			 (int64_t)MESSAGES_AT_ONCE);
	struct store_message *m =
		ARENA_ARRAY(c->arena, struct store_message, MESSAGES_AT_ONCE);
	size_t bytes = 0;
	int r = 1;

	while (bytes < STORE_LOAD_BYTES && (r = db_step(st)) > 0) {
		ASSERT(c->n_messages < MESSAGES_AT_ONCE);
		m[c->n_messages] = (struct store_message){
			.id = db_int(st, 0),
			.at = db_int(st, 1),
			.from = db_text(c->arena, st, 2),
			.packet = db_text(c->arena, st, 3),
			.expires = db_int(st, 4),
		};
		bytes += m[c->n_messages++].packet.n;
	}
	db_finish(st);
	c->messages = m;
	return r < 0 ? r : 0;
}

struct store_call *store_offline_load(struct jid who, int64_t after)
{
	struct store_call *c = call_new(who, offline_load, false);

	c->number = after;
	return c;
}

static int offline_remove(struct store *s, struct store_call *c)
{
	return db_exec(
		"DELETE FROM offline_message WHERE {server} AND {username} AND id <= ?",
		"ssi", c->server, c->username, c->number);
}

struct store_call *store_offline_remove(struct jid who, int64_t up_to_id)
{
	struct store_call *c = call_new(who, offline_remove, true);

	c->number = up_to_id;
	return c;
}

/* --- secrets of the server --- */

static int secret_get(struct store_call *c)
{
	return read_text(c, db_query("SELECT value FROM meerkat_secrets WHERE {name}",
				     "s", c->key));
}

static int secret(struct store *s, struct store_call *c)
{
	int r = secret_get(c);

	if (r != -ENOENT)
		return r;
	r = db_exec("INSERT INTO meerkat_secrets (name, value) VALUES (?, ?)", "ss",
		    c->key, c->text2);
	if (r == 0)
		c->text = c->text2;
	return r;
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
