/* The roster of a loaded account (RFC 6121 section 2), in memory and in the database. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/slab.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/subscription.h"

struct user;
struct worker;
struct store_call;

enum {
	ROSTER_MAX_ITEMS = 5000,    /* contacts: what clients see */
	ROSTER_MAX_REQUESTS = 1000, /* others: who waits for an answer */
	ROSTER_MAX_GROUPS = 50,	    /* of one item */
	ROSTER_MAX_NAME = 1023,	    /* bytes, of a name or a group */
	/* ... of a request that waits: with all of them a client that comes online still gets no
	 * more than its connection may hold. */
	ROSTER_MAX_REQUEST = 2048,
	ROSTER_MAX_VERSION = 255,
};

struct roster_item {
	struct hnode node;
	struct jid
		jid; /* bare (a contact may be a full JID where a client insists); owned */
	char *name;  /* NULL: none */
	char **group;
	uint32_t n_group;
	struct sub sub;
	bool listed; /* false: only a subscription request that waits (not shown to clients) */
	char *request; /* the waiting <presence type='subscribe'/>, whole; NULL: none */
};

struct roster {
	struct hash items;
	uint32_t n_listed;   /* of them */
	struct slabs *slabs; /* where it and its items are */
	struct list *
		saving; /* changes that the database has not answered yet, in order; NULL: none */
	char *version; /* see roster_version() */
};

/* Opaque; "" before the first change. */
struct strv roster_version(const struct roster *r);
void roster_set_version(struct roster *r, struct strv version);

struct roster_item *roster_find(struct roster *r, struct jid contact);

/* The item, made with state "none" when it is not there, and listed or not from now on. NULL: the
 * roster is full of such items; nothing has changed. */
struct roster_item *roster_get(struct roster *r, struct jid contact, bool listed);
void roster_unlist(struct roster *r, struct roster_item *it);

/* The same for a change, which roster_save() ends: `before` is what the item was, for the case
 * that the change cannot be stored. */
struct roster_item *roster_edit(struct roster *r, struct jid contact, bool listed,
				struct roster_item **before);

/* A copy that is in no roster; NULL when there is no such item. */
struct roster_item *roster_copy(struct roster *r, struct jid contact);
void roster_copy_free(struct roster_item **copy);

/* The item is what the copy is from now on (NULL: not there). */
void roster_put_back(struct roster *r, struct jid contact,
		     const struct roster_item *copy);
void roster_item_set(struct roster_item *it, struct strv name, const struct strv *groups,
		     uint32_t n_groups);
void roster_item_set_request(struct roster_item *it,
			     struct strv bytes); /* p == NULL: none */

/* Each item; fn may remove that very item. */
void roster_each(struct roster *r, void (*fn)(struct roster_item *, void *), void *arg);

/* Writes the item to the database, or removes its row and the item itself when nothing is left
 * of it (state none, not listed, no request). `done` is run on this worker after the commit
 * (err == 0) or the failure, when the item is again what it was `before` (taken over); the
 * account is pinned until then. Gives the roster a new version. */
void roster_save(struct user *u, struct roster_item *it, struct roster_item *before,
		 void (*done)(struct user *u, int err, void *arg), void *arg);

/* Forgets an item of which nothing is left (state none, not listed, nothing approved). */
bool roster_item_is_empty(const struct roster_item *it);
void roster_drop_if_empty(struct roster *r, struct roster_item *it);

/* Tells the interested sessions of the account what has become of the item (RFC 6121 2.1.6);
 * one that is not there any more is pushed as removed. */
void roster_push(struct user *u, struct jid contact);

/* Delivers to the interested sessions: what concerns a subscription (RFC 6121 3.1.6). A request
 * (`subscribe`) goes to the available ones (3.1.3). */
void roster_deliver(struct user *u, const struct stanza *s);

/* <item .../> as clients see it. */
void roster_write_item(struct xml_out *o, const struct roster_item *it);

/* Loading: the call that asks for an account's roster, and what its answer says. -ENOENT: there
 * is no such account; another -errno: the database failed. */
struct store_call *roster_load_call(struct jid account);
nodiscard int roster_from_store(struct slabs *s, struct store_call *call,
				struct roster **ret);

struct roster *roster_new(struct slabs *s);
void roster_free(struct roster **r);
