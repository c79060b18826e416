/* The roster's rows in the database, as they become items in memory and what clients see. */
#include "core/im/roster.h"
#include "base/log.h"
#include "base/utf8.h"
#include "store/store.h"

struct store_call *roster_load_call(struct jid account)
{
	return store_roster_load(account);
}

/* --- what others may have written --- */

static bool is_xml_char(uint32_t cp)
{
	return cp >= 0x20 ? cp != 0xfffe && cp != 0xffff
			  : cp == '\t' || cp == '\n' || cp == '\r';
}

static bool is_plain(struct strv s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
			return false;
	return true;
}

/* What no client could have set is cut to what one could: what is too long, is no UTF-8, or what
 * XML cannot hold. */
static struct strv presentable(struct arena *a, struct strv s, size_t max, bool *cut)
{
	size_t n = 0;
	char *to;

	if (s.n <= max && is_plain(s))
		return s;
	to = arena_alloc(a, MIN(s.n, max) + 1);
	while (s.n) {
		uint32_t cp;
		int used = utf8_next(s, &cp);

		if (used > 0 && n + (size_t)used > max)
			break;
		if (used > 0 && is_xml_char(cp)) {
			memcpy(to + n, s.p, (size_t)used);
			n += (size_t)used;
		} else {
			*cut = true;
		}
		s = strv_from_pos(s, used > 0 ? (size_t)used : 1);
	}
	*cut = *cut || s.n;
	return strv_make(to, n);
}

struct strv roster_rows_version(const struct store_call *call)
{
	bool cut = false;
	struct strv v = presentable(call->arena, call->text, ROSTER_MAX_VERSION, &cut);

	return cut ? STRV("") : v; /* clients ask for the whole roster then */
}

uint16_t roster_text_bytes(struct strv name, const struct strv *groups, size_t n_groups)
{
	size_t n = MIN(name.n, (size_t)ROSTER_MAX_NAME);

	for (size_t i = 0; i < MIN(n_groups, (size_t)ROSTER_MAX_GROUPS); i++)
		n += MIN(groups[i].n, (size_t)ROSTER_MAX_NAME);
	return (uint16_t)n;
}

_Static_assert(ROSTER_MAX_NAME *(ROSTER_MAX_GROUPS + 1) <= UINT16_MAX, "n_text");

/* All but the address. MongooseIM's letters hold no `approved`: it has a column of its own. */
static int read_state(const struct store_roster_item *row, struct roster_item *ret)
{
	*ret = (struct roster_item){
		.sub.approved = row->approved,
		.listed = row->listed,
		.n_text = roster_text_bytes(row->name, row->groups, row->n_groups),
		.n_request = (uint16_t)MIN(row->request.n, (size_t)ROSTER_MAX_REQUEST),
	};
	return sub_from_row(row->subscription, row->ask, &ret->sub.state);
}

static int read_row(struct arena *a, const struct store_roster_item *row,
		    struct roster_item *ret)
{
	int r = read_state(row, ret);

	return r ? r : jid_parse(a, row->jid, &ret->jid);
}

/* --- loading --- */

struct loading {
	struct roster *roster;
	struct strv account;
	size_t n_bad, n_beyond;
};

static void log_bad_row(struct loading *l, const struct store_roster_item *row)
{
	if (l->n_bad++ < 10)
		log_some_errors("roster.row",
				STRV_FMT ": the contact \"" STRV_FMT
					 "\" cannot be read and is left out",
				STRV_ARG(l->account), STRV_ARG(row->jid));
}

static bool may_have(const struct roster *r, bool listed)
{
	struct roster_sums s = roster_sums(r);

	return listed ? s.n_listed < ROSTER_MAX_ITEMS
		      : s.n - s.n_listed < ROSTER_MAX_REQUESTS;
}

static void add_row(struct loading *l, struct arena *a,
		    const struct store_roster_item *row)
{
	struct roster_item it;

	if (read_row(a, row, &it) < 0) /* the rest of the roster is still good */
		log_bad_row(l, row);
	else if (may_have(l->roster, it.listed))
		roster_set(l->roster, &it);
	else
		l->n_beyond++;
}

static void log_bounds(const struct loading *l)
{
	if (l->n_beyond)
		log_some_errors("roster.rows",
				STRV_FMT
				": %zu contacts or requests more than the %d and %d "
				"that a roster may have are left out",
				STRV_ARG(l->account), l->n_beyond, ROSTER_MAX_ITEMS,
				ROSTER_MAX_REQUESTS);
	if (roster_sums(l->roster).bytes > ROSTER_MAX_BYTES)
		log_some_errors("roster.rows",
				STRV_FMT
				": the roster has more than %d bytes: some contacts "
				"have no names and groups, and none can be added",
				STRV_ARG(l->account), ROSTER_MAX_BYTES);
}

int roster_from_store(struct slabs *s, struct store_call *call, struct roster **ret)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct loading l = { 0 };

	if (call->err < 0)
		return call->err;
	l.account = jid_text(jid_make(a, call->username, call->server, STRV("")));
	l.roster = roster_new(s);
	for (size_t i = 0; i < call->n_items; i++)
		add_row(&l, a, &call->items[i]);
	log_bounds(&l);
	roster_fit(l.roster);
	roster_keep_rows(l.roster, call);
	roster_set_version(l.roster, roster_rows_version(call));
	*ret = l.roster;
	return 0;
}

/* --- what clients see --- */

/* What a readable row is for clients. `has_text`: with its name and groups. */
static void write_item(struct xml_out *o, struct arena *a, const struct roster_item *it,
		       const struct store_roster_item *row, bool has_text, bool *cut)
{
	struct strv name = presentable(a, row->name, ROSTER_MAX_NAME, cut);
	size_t n = has_text ? MIN(row->n_groups, (size_t)ROSTER_MAX_GROUPS) : 0;

	xo_start(o, "item", NS_NONE);
	xo_attr(o, "jid", jid_text(it->jid));
	if (has_text && name.n)
		xo_attr(o, "name", name);
	xo_attr(o, "subscription", strv_from(sub_text(it->sub.state)));
	if (sub_ask(it->sub.state))
		xo_attr(o, "ask", STRV("subscribe"));
	if (it->sub.approved)
		xo_attr(o, "approved", STRV("true"));
	for (size_t i = 0; i < n; i++)
		xo_leaf(o, "group", NS_NONE,
			presentable(a, row->groups[i], ROSTER_MAX_NAME, cut));
	xo_end(o);
	*cut = *cut || n < row->n_groups;
}

void roster_write_row(struct xml_out *o, const struct store_roster_item *row)
{
	AUTO(arena_free) struct arena *a = arena_new(512);
	struct roster_item it;
	bool cut = false;
	int r = read_state(row, &it);

	ASSERT(r == 0); /* we have just written it */
	it.jid = jid_from_text(row->jid);
	write_item(o, a, &it, row, true, &cut);
}

void roster_write_rows(struct xml_out *o, const struct store_call *call)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	size_t n = 0, bytes = 0;
	bool cut = false;

	for (size_t i = 0; i < call->n_items && n < ROSTER_MAX_ITEMS; i++) {
		struct roster_item it;

		if (read_row(a, &call->items[i], &it) < 0 || !it.listed)
			continue;
		n++;
		bytes += jid_text(it.jid).n + it.n_text;
		write_item(o, a, &it, &call->items[i], bytes <= ROSTER_MAX_BYTES, &cut);
	}
	if (cut)
		log_some_errors("roster.row",
				STRV_FMT "@" STRV_FMT
					 ": names or groups are too long or too many "
					 "or hold what XML cannot, and are cut",
				STRV_ARG(call->username), STRV_ARG(call->server));
}

/* --- requests that wait --- */

static bool is_presence(struct arena *a, struct strv xml)
{
	struct xml_el *el;

	return xml_parse(a, xml, NS_CLIENT, &el) == 0 &&
	       xml_is(el, NS_CLIENT, "presence");
}

static void write_request(struct buf *b, struct jid from, const struct store_call *call,
			  struct strv status)
{
	AUTO(arena_free) struct arena *a = arena_new(256);
	struct jid to = jid_make(a, call->username, call->server, STRV(""));
	struct xml_out o = xml_out(b);

	buf_clear(b);
	xo_start(&o, "presence", NS_NONE);
	xo_attr(&o, "from", jid_text(from));
	xo_attr(&o, "to", jid_text(to));
	xo_attr(&o, "type", STRV("subscribe"));
	if (status.n)
		xo_leaf(&o, "status", NS_NONE, status);
	xo_end(&o);
	ASSERT(o.err == 0); /* all of it is bounded */
}

/* One that waits is stored as it came, and empty when there was no room for its content.
 * MongooseIM keeps only the text of its status. What is too long, or what XML cannot hold, is not
 * shown. */
static struct strv read_request(struct buf *b, struct arena *a, struct jid from,
				const struct store_call *call, struct strv stored)
{
	if (stored.n > ROSTER_MAX_REQUEST)
		stored = STRV("");
	if (stored.n && is_presence(a, stored))
		return stored;
	write_request(b, from, call, stored);
	if (stored.n && (b->n > ROSTER_MAX_REQUEST || !is_presence(a, buf_strv(b))))
		write_request(b, from, call, STRV(""));
	return buf_strv(b);
}

void roster_each_request(const struct store_call *call,
			 void (*fn)(struct jid from, struct strv request, void *arg),
			 void *arg)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 10);
	size_t bytes = 0;

	for (size_t i = 0; i < call->n_items; i++) {
		const struct store_roster_item *row = &call->items[i];
		struct roster_item it;

		arena_reset(a);
		if (read_row(a, row, &it) < 0 || !sub_is_pending_in(it.sub.state))
			continue;
		bytes += row->request.n;
		fn(it.jid,
		   read_request(&b, a, it.jid, call,
				bytes <= ROSTER_MAX_REQUEST_BYTES ? row->request
								  : STRV("")),
		   arg);
	}
}
