/* Rosters: what the calls do in SQL. Others may have written the rows: what is read of them is
 * bounded, so that no account's roster takes all memory. */
#include "store/store_priv.h"

enum { ROW_BYTES = 16 }; /* that an empty text counts, too */

/* `*room`: how many bytes of texts may still be read. */
static struct strv read_text(struct store_call *c, struct db_stmt *st, int column,
			     size_t *room)
{
	size_t max = MIN(*room, (size_t)STORE_ROSTER_TEXT);
	struct strv s = db_text_up_to(c->arena, st, column, max);

	*room -= MIN(*room, s.n + ROW_BYTES);
	return s;
}

struct group_row {
	struct strv jid, group;
};

/* All groups of the account, in the order of contacts: one query for the whole roster. */
static int load_groups(struct store_call *c, size_t room, struct group_row **ret,
		       size_t *ret_n)
{
	struct db_stmt *st =
		db_query("SELECT jid, grp FROM rostergroups WHERE {server} AND"
			 " {username} ORDER BY {#jid}, {#grp}",
			 "ss", c->server, c->username);
	struct group_row *row = NULL;
	size_t n = 0, cap = 0;
	int r;

	while ((r = db_step(st)) > 0 && room > 0) {
		if (n == cap) {
			struct group_row *more =
				ARENA_ARRAY(c->arena, struct group_row, cap * 2 + 16);
			if (n)
				memcpy(more, row, n * sizeof(*row));
			row = more;
			cap = cap * 2 + 16;
		}
		row[n].jid = db_text_up_to(c->arena, st, 0, STORE_ROSTER_TEXT);
		row[n++].group = read_text(c, st, 1, &room);
	}
	db_finish(st);
	*ret = row;
	*ret_n = n;
	return r < 0 ? r : 0;
}

/* Columns of ours are NULL in rows of MongooseIM's, which has no roster item for a contact that has
 * only asked. */
static void read_item(struct store_call *c, struct db_stmt *st, size_t *room,
		      struct store_roster_item *it)
{
	*it = (struct store_roster_item){
		.jid = db_text_up_to(c->arena, st, 0, STORE_ROSTER_TEXT),
		.name = read_text(c, st, 1, room),
		.subscription = db_letter(st, 2, 'N'),
		.ask = db_letter(st, 3, 'N'),
		.request = read_text(c, st, 4, room),
		.approved = db_letter(st, 5, '0') != '0',
	};
	it->listed =
		db_letter(st, 6, it->subscription == 'N' && it->ask == 'I' ? '0' : '1') !=
		'0';
}

static int load_items(struct store_call *c, size_t *room, struct store_roster_item **ret)
{
	struct db_stmt *st =
		db_query("SELECT jid, nick, subscription, ask, askmessage, approved,"
			 " listed FROM rosterusers WHERE {server} AND {username}"
			 " ORDER BY {#jid} LIMIT ?",
			 "ssi", c->server, c->username, (int64_t)STORE_ROSTER_ITEMS);
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
		read_item(c, st, room, &(*ret)[c->n_items++]);
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

static int load_version(struct store_call *c)
{
	struct db_stmt *st =
		db_query("SELECT version FROM roster_version WHERE {server} AND"
			 " {username}",
			 "ss", c->server, c->username);
	int r = db_step(st);

	if (r > 0)
		c->text = db_text(c->arena, st, 0);
	db_finish(st);
	return r < 0 ? r : 0;
}

static int load_all(struct store_call *c)
{
	struct store_roster_item *items = NULL;
	struct group_row *groups = NULL;
	size_t n = 0, room = STORE_ROSTER_BYTES;
	int r = account_known(c);

	r = r ? r : load_items(c, &room, &items);
	if (r == 0 && c->n_items)
		r = load_groups(c, room, &groups, &n);
	r = r ? r : load_version(c);
	if (r < 0)
		return r;
	join_groups(c, items, groups, n);
	c->items = items;
	return 0;
}

static int roster_load(struct store *s, struct store_call *c)
{
	/* One moment in all of its queries: an item with the version of a later one would never be
	 * sent again. */
	int r = db_begin_read(), end;

	if (r < 0)
		return r;
	r = load_all(c);
	end = db_end_read();
	return r ? r : end;
}

struct store_call *store_roster_load(struct jid who)
{
	return call_new(who, roster_load, false);
}

static int put_version(struct store_call *c)
{
	return db_put(
		"UPDATE roster_version SET version = ? WHERE {server} AND {username}",
		"INSERT INTO roster_version (version, server, username) VALUES (?, ?, ?)",
		"sss", c->text, c->server, c->username);
}

static int drop_groups(struct store_call *c)
{
	return db_exec("DELETE FROM rostergroups WHERE {server} AND {username} AND {jid}",
		       "sss", c->server, c->username, c->key);
}

/* NULL in the place of a text means that it stays. */
static int put_item(struct store_call *c)
{
	const struct store_roster_item *it = c->items;

	return db_put(
		"UPDATE rosterusers SET nick = COALESCE(?, nick), subscription = ?, ask = ?,"
		" askmessage = COALESCE(?, askmessage), approved = ?, listed = ?"
		" WHERE {server} AND {username} AND {jid}",
		"INSERT INTO rosterusers (nick, subscription, ask, askmessage, approved,"
		" listed, server, username, jid)"
		" VALUES (COALESCE(?, ''), ?, ?, COALESCE(?, ''), ?, ?, ?, ?, ?)",
		"ssssiisss", it->keeps_text ? STRV_NULL : it->name,
		strv_make(&it->subscription, 1), strv_make(&it->ask, 1),
		it->keeps_request ? STRV_NULL : it->request, (int64_t)it->approved,
		(int64_t)it->listed, c->server, c->username, c->key);
}

static bool is_named_before(const struct store_roster_item *it, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strv_eq(it->groups[i], it->groups[at]))
			return true;
	return false;
}

static int put_groups(struct store_call *c)
{
	const struct store_roster_item *it = c->items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < it->n_groups; i++)
		if (!is_named_before(it, i))
			r = db_exec(
				"INSERT INTO rostergroups (server, username, jid, grp)"
				" VALUES (?, ?, ?, ?)",
				"ssss", c->server, c->username, c->key, it->groups[i]);
	return r;
}

static int read_name(struct store_call *c, size_t *room, struct store_roster_item *it)
{
	struct db_stmt *st =
		db_query("SELECT nick FROM rosterusers WHERE {server} AND {username}"
			 " AND {jid}",
			 "sss", c->server, c->username, c->key);
	int r = db_one(st);

	if (r == 0)
		it->name = read_text(c, st, 0, room);
	db_finish(st);
	return r;
}

static int read_groups(struct store_call *c, size_t *room, struct store_roster_item *it)
{
	struct db_stmt *st =
		db_query("SELECT grp FROM rostergroups WHERE {server} AND {username}"
			 " AND {jid} ORDER BY {#grp} LIMIT ?",
			 "sssi", c->server, c->username, c->key,
			 (int64_t)STORE_ROSTER_GROUPS);
	struct strv *groups = ARENA_ARRAY(c->arena, struct strv, STORE_ROSTER_GROUPS);
	int r;

	it->groups = groups;
	it->n_groups = 0;
	while ((r = db_step(st)) > 0 && it->n_groups < STORE_ROSTER_GROUPS)
		groups[it->n_groups++] = read_text(c, st, 0, room);
	db_finish(st);
	return r < 0 ? r : 0;
}

/* What stays is told with what has changed: whoever sees the item sees all of it. */
static int read_kept(struct store_call *c)
{
	struct store_roster_item *now = ARENA_NEW(c->arena, struct store_roster_item);
	size_t room = STORE_ROSTER_BYTES;
	int r;

	*now = *c->items;
	if (!now->listed)
		return 0;
	r = read_name(c, &room, now);
	r = r ? r : read_groups(c, &room, now);
	c->items = now; /* still says what it keeps: it may be put once more */
	return r;
}

static int replace_groups(struct store_call *c)
{
	int r = drop_groups(c);

	return r ? r : put_groups(c);
}

static int roster_put(struct store *s, struct store_call *c)
{
	int r = account_known(c);

	r = r ? r : put_item(c);
	r = r ? r : c->items->keeps_text ? read_kept(c) : replace_groups(c);
	return r ? r : put_version(c);
}

struct store_call *store_roster_put(struct jid who, const struct store_roster_item *item,
				    struct strv version)
{
	struct store_call *c = call_new(who, roster_put, true);
	struct store_roster_item *copy = ARENA_NEW(c->arena, struct store_roster_item);
	struct strv *groups = ARENA_ARRAY(c->arena, struct strv, item->n_groups + 1);

	*copy = *item;
	copy->jid = c->key = arena_strv(c->arena, item->jid);
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
	int r = account_known(c);

	r = r ? r
	      : db_exec("DELETE FROM rosterusers WHERE {server} AND {username} AND {jid}",
			"sss", c->server, c->username, c->key);
	r = r ? r : drop_groups(c);
	return r ? r : put_version(c);
}

struct store_call *store_roster_remove(struct jid who, struct jid contact,
				       struct strv version)
{
	struct store_call *c = call_new(who, roster_remove, true);

	c->key = arena_strv(c->arena, jid_text(contact));
	c->text = arena_strv(c->arena, version);
	return c;
}
