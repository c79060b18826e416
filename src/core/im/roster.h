/* The roster of a loaded account (RFC 6121 section 2). In memory is what presence needs, of
 * each contact the address and the state of the subscription: packed, as it is most of what an
 * online account costs. Names, groups and the requests that wait are in the database, and are
 * read when a client is to see them. */
#pragma once

#include "base/list.h"
#include "base/slab.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/subscription.h"

struct session;
struct store_call;
struct store_roster_item;
struct user;

/* Tested before something grows: a change that passes one is refused. What somebody else has
 * written into the database may pass them: see roster_from_store(). */
enum {
	ROSTER_MAX_ITEMS = 5000,    /* contacts: what clients see */
	ROSTER_MAX_BYTES = 1 << 20, /* of their addresses, names and groups */

	ROSTER_MAX_REQUESTS = 1000, /* others: who waits for an answer */
	/* ... of their addresses, and of all requests that wait: others make these grow. */
	ROSTER_MAX_REQUEST_BYTES = 256 << 10,

	ROSTER_MAX_GROUPS = 50,	   /* of one item */
	ROSTER_MAX_NAME = 1023,	   /* bytes, of a name or a group */
	ROSTER_MAX_REQUEST = 2048, /* ... of a request that waits */
	ROSTER_MAX_VERSION = 255,
};

/* What is in memory of an item, as a value. One that has nothing (state none, not listed, nothing
 * approved) is not there. */
struct roster_item {
	struct jid jid; /* bare (a contact may be a full JID where a client insists) */
	struct sub sub;
	bool listed; /* false: only a subscription request that waits (not shown to clients) */
	uint16_t n_text;    /* bytes of its name and groups in the database ... */
	uint16_t n_request; /* ... and of its request that waits */
};

struct roster {
	struct roster_block *block; /* see roster.c; NULL: empty */
	struct slabs *slabs;	    /* where it is */
	struct list *
		saving; /* changes that the database has not answered yet, in order; NULL: none */
	char *version; /* see roster_version() */
};

_Static_assert(sizeof(struct roster) <= 32, "every session's roster has grown");

struct roster *roster_new(struct slabs *s);
void roster_free(struct roster **r);

/* Opaque; "" before the first change. */
struct strv roster_version(const struct roster *r);
void roster_set_version(struct roster *r, struct strv version);

/* The contact's item; its address points to the caller's. */
struct roster_item roster_get(const struct roster *r, struct jid contact);
bool roster_item_is_empty(const struct roster_item *it);

/* The item of its address is this from now on, whether there is room or not. */
void roster_set(struct roster *r, const struct roster_item *it);

/* Whether the roster may have the item like this: it keeps to its bounds, or does not grow. */
bool roster_has_room(const struct roster *r, const struct roster_item *it);

/* When many have been set: gives back what was to be for more of them. */
void roster_fit(struct roster *r);

/* Each item, in the order of their addresses' bytes. fn may change or remove any. */
void roster_each(struct roster *r, void (*fn)(const struct roster_item *, void *),
		 void *arg);

/* For tests and decisions: how many items, those that are listed, those with a request that waits,
 * and bytes against each of the two bounds. */
struct roster_sums {
	uint32_t n, n_listed, n_waiting;
	uint32_t bytes, request_bytes;
};
struct roster_sums roster_sums(const struct roster *r);

/* --- roster_save.c: changes --- */

struct roster_saved {
	int err; /* 0: committed; else the item is again what it was before */
	struct strv version;
	const struct store_roster_item *row; /* NULL: there is none any more */
};

struct roster_change {
	struct roster_item item; /* from now on */
	bool has_text;		 /* a new name and new groups; false: they stay */
	struct strv name;	 /* p == NULL: none */
	const struct strv *groups;
	uint32_t n_groups;
	struct strv request; /* p != NULL: of an item that has one now; else it stays */

	/* Runs on this worker after the commit or the failure; the account is pinned until then. */
	void (*done)(struct user *u, const struct roster_saved *saved, void *arg);
	void *arg;
	size_t arg_bytes; /* that wait with it */
};

/* Writes the item to the database, or removes its row when nothing is left of it. Gives the roster
 * a new version. There is room for it. */
void roster_save(struct user *u, const struct roster_change *c);

/* Presence of a contact whose item is being stored: it comes once more when that has been done, behind
 * what tells of the change. False: it need not, or cannot, wait. */
nodiscard bool roster_defer(struct user *u, const struct stanza *st);

/* What a name and groups count for the item. */
uint16_t roster_text_bytes(struct strv name, const struct strv *groups, size_t n_groups);

/* --- roster_store.c: what the database has --- */

/* The call that asks for an account's roster, and what its answer becomes. The answer itself is
 * kept, if there is anything in it, until a client has asked for it (roster_forget_rows()). -ENOENT:
 * there is no such account; another -errno: the database failed.
 *
 * What somebody else has written beyond the bounds is left as it is in the database. Contacts beyond
 * ROSTER_MAX_ITEMS or _REQUESTS, in the order of addresses, are not there; of what is too
 * long, or beyond ROSTER_MAX_BYTES, clients see no names and groups. The log says so. The account
 * can add nothing before it has removed enough. */
struct store_call *roster_load_call(struct jid account);
nodiscard int roster_from_store(struct slabs *s, struct store_call *call,
				struct roster **ret);

/* The answer, while it is still here: nothing has changed since. */
struct store_call *roster_rows(const struct roster *r);
void roster_keep_rows(struct roster *r, struct store_call *call);
void roster_forget_rows(struct roster *r);

/* The version that an answer has; "" for one that no client could have got. */
struct strv roster_rows_version(const struct store_call *call);

/* The <item/>s for clients, and the <presence type='subscribe'/>s of those who wait. */
void roster_write_rows(struct xml_out *o, const struct store_call *call);
void roster_each_request(const struct store_call *call,
			 void (*fn)(struct jid from, struct strv request, void *arg),
			 void *arg);

/* One <item/>. */
void roster_write_row(struct xml_out *o, const struct store_roster_item *row);

/* --- roster_push.c: what clients are told --- */

/* Tells the interested sessions of the account what has become of the item (RFC 6121 2.1.6). */
void roster_push(struct user *u, struct jid contact, const struct roster_saved *saved);

/* Delivers to the interested sessions: what concerns a subscription (RFC 6121 3.1.6). A request
 * (`subscribe`) goes to the available ones (3.1.3). */
void roster_deliver(struct user *u, const struct stanza *s);

/* Delivers the requests that wait (RFC 6121 3.1.3) to a session that has become available. */
void roster_send_requests(struct session *s);
