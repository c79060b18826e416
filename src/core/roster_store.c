/* The roster's rows in the database. */
#include "core/roster.h"
#include "base/log.h"
#include "base/utf8.h"
#include "store/store.h"

/* --- loading --- */

struct store_call *roster_load_call(struct jid account)
{
	return store_roster_load(account);
}

/* MongooseIM's letters hold no `approved`: it has a column of its own. */
static int read_state(const struct store_roster_item *row, struct sub *ret)
{
	enum sub_state state;

	if (sub_from_row(row->subscription, row->ask, &state) < 0)
		return -EINVAL;
	*ret = (struct sub){ .state = state, .approved = row->approved };
	return 0;
}

static bool is_presence(struct arena *a, struct strv xml)
{
	struct xml_el *el;

	return xml_parse(a, xml, NS_CLIENT, &el) == 0 &&
	       xml_is(el, NS_CLIENT, "presence");
}

static bool is_xml_char(uint32_t cp)
{
	return cp >= 0x20 ? cp != 0xfffe && cp != 0xffff
			  : cp == '\t' || cp == '\n' || cp == '\r';
}

/* Others may write these tables, too. What no client could have set is cut to what one could:
 * what is too long, is no UTF-8, or what XML cannot hold. */
static struct strv presentable(struct arena *a, struct strv s, size_t max, bool *cut)
{
	char *to = arena_alloc(a, MIN(s.n, max) + 1);
	size_t n = 0;

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

static void read_texts(struct roster_item *it, struct arena *a,
		       const struct store_roster_item *row, struct strv account)
{
	size_t n = MIN(row->n_groups, (size_t)ROSTER_MAX_GROUPS);
	struct strv *groups = ARENA_ARRAY(a, struct strv, n + 1);
	bool cut = n < row->n_groups;
	struct strv name = presentable(a, row->name, ROSTER_MAX_NAME, &cut);

	for (size_t i = 0; i < n; i++)
		groups[i] = presentable(a, row->groups[i], ROSTER_MAX_NAME, &cut);
	if (cut)
		log_error("roster.row",
			  STRV_FMT ": the name or the groups of " STRV_FMT
				   " are too long or hold what XML cannot, and are cut",
			  STRV_ARG(account), STRV_ARG(jid_text(it->jid)));
	roster_item_set(it, name.n ? name : STRV_NULL, groups, (uint32_t)n);
}

/* A request that waits is stored as it came. MongooseIM keeps only the text of its status. */
static void read_request(struct roster_item *it, struct arena *a, struct strv stored,
			 struct strv account)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 10);
	struct xml_out o = xml_out(&b);

	if (!sub_is_pending_in(it->sub.state))
		return;
	if (stored.n <= ROSTER_MAX_REQUEST && is_presence(a, stored)) {
		roster_item_set_request(it, stored);
		return;
	}
	xo_start(&o, "presence", NS_NONE);
	xo_attr(&o, "from", jid_text(it->jid));
	xo_attr(&o, "to", account);
	xo_attr(&o, "type", STRV("subscribe"));
	if (stored.n)
		xo_leaf(&o, "status", NS_NONE, stored);
	xo_end(&o);
	if (stored.n == 0 ||
	    (o.err == 0 && b.n <= ROSTER_MAX_REQUEST && is_presence(a, buf_strv(&b))))
		roster_item_set_request(it, buf_strv(&b));
	else /* too long, or what XML cannot hold */
		read_request(it, a, STRV(""), account);
}

static int add_row(struct roster *r, struct arena *a, const struct store_roster_item *row,
		   struct strv account)
{
	struct roster_item *it;
	struct jid contact;
	struct sub sub;

	if (jid_parse(a, row->jid, &contact) < 0 || read_state(row, &sub) < 0)
		return -EINVAL;
	it = roster_get(r, contact, row->listed);
	if (it == NULL)
		return -ENOSPC;
	it->sub = sub;
	read_texts(it, a, row, account);
	read_request(it, a, row->request.n ? row->request : STRV(""), account);
	return 0;
}

int roster_from_store(struct slabs *s, struct store_call *call, struct roster **ret)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv version;
	struct jid account;
	struct roster *r;
	bool cut = false;

	if (call->err < 0)
		return call->err;
	account = jid_make(a, call->username, call->server, STRV(""));
	r = roster_new(s);
	for (size_t i = 0; i < call->n_items; i++)
		if (add_row(r, a, &call->items[i], jid_text(account)) <
		    0) /* the rest of the roster is still good */
			log_error("roster.row",
				  STRV_FMT ": the contact \"" STRV_FMT
					   "\" cannot be read and is left out",
				  STRV_ARG(jid_text(account)),
				  STRV_ARG(call->items[i].jid));
	version = presentable(a, call->text, ROSTER_MAX_VERSION, &cut);
	if (!cut) { /* else none: clients ask for the whole roster */
		roster_set_version(r, version);
	}
	*ret = r;
	return 0;
}
