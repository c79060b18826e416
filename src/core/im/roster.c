/* A roster in memory. Its items stand one after the other in one block of memory, without a gap, each
 * a struct record with the bytes of its address behind it; from the block's end downwards stand
 * their offsets, in the order of the addresses, for looking one up. An empty roster has no block. */
#include "core/im/roster.h"
#include "store/store.h"

enum { GRAIN = 4 }; /* a block's size is a multiple of it: offsets are aligned */

struct roster_block {
	struct roster_sums sums;
	uint32_t used, room;	 /* of `bytes`: by records; in all */
	struct store_call *rows; /* see roster_rows() */
	char bytes[];
};

struct record {
	uint16_t n; /* bytes of the address, behind it */
	uint16_t n_text, n_request;
	uint8_t state : 4, approved : 1, listed : 1;
} __attribute__((packed));

_Static_assert(SUB_MAX <= 16 && sizeof(struct record) == 7, "what each contact costs");

struct roster *roster_new(struct slabs *s)
{
	struct roster *r = slab_zalloc(s, sizeof(*r));

	r->slabs = s;
	return r;
}

void roster_free(struct roster **pr)
{
	struct roster *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	roster_forget_rows(r);
	mem_free(r->block);
	mem_free(r->version);
	mem_free(r->saving);
	slab_free(r->slabs, r, sizeof(*r));
}

struct strv roster_version(const struct roster *r)
{
	return r->version ? strv_from(r->version) : STRV("");
}

void roster_set_version(struct roster *r, struct strv version)
{
	mem_free(r->version);
	r->version = version.n ? strv_dup(version) : NULL;
}

struct roster_sums roster_sums(const struct roster *r)
{
	return r->block ? r->block->sums : (struct roster_sums){ 0 };
}

struct store_call *roster_rows(const struct roster *r)
{
	return r->block ? r->block->rows : NULL;
}

void roster_keep_rows(struct roster *r, struct store_call *call)
{
	if (r->block == NULL)
		return;
	ASSERT(r->block->rows == NULL);
	*call->kept = true;
	r->block->rows = call;
}

void roster_forget_rows(struct roster *r)
{
	if (r->block)
		store_call_free(&r->block->rows);
}

/* --- the block --- */

/* The place of the i-th offset. */
static uint32_t *offset_at(const struct roster_block *b, uint32_t i)
{
	return (uint32_t *)(b->bytes + b->room) - 1 - i;
}

static struct strv address_at(const struct roster_block *b, uint32_t i)
{
	const char *p = b->bytes + *offset_at(b, i);
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return strv_make(p + sizeof(struct record), n);
}

/* Of the first item whose address is not below this one. */
static uint32_t lower_bound(const struct roster_block *b, struct strv address)
{
	uint32_t from = 0, to = b->sums.n;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (strv_cmp(address_at(b, mid), address) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool is_at(const struct roster_block *b, uint32_t i, struct strv address)
{
	return i < b->sums.n && strv_eq(address_at(b, i), address);
}

static struct roster_item read_record(const struct roster_block *b, uint32_t i)
{
	struct strv address = address_at(b, i);
	struct record rec;

	memcpy(&rec, b->bytes + *offset_at(b, i), sizeof(rec));
	return (struct roster_item){
		.jid = jid_from_text(address),
		.sub = { .state = (enum sub_state)rec.state, .approved = rec.approved },
		.listed = rec.listed,
		.n_text = rec.n_text,
		.n_request = rec.n_request,
	};
}

static void write_record(struct roster_block *b, uint32_t i, const struct roster_item *it)
{
	struct record rec = {
		.n = (uint16_t)jid_text(it->jid).n,
		.n_text = it->n_text,
		.n_request = it->n_request,
		.state = it->sub.state,
		.approved = it->sub.approved,
		.listed = it->listed,
	};

	memcpy(b->bytes + *offset_at(b, i), &rec, sizeof(rec));
}

static uint32_t bytes_free(const struct roster_block *b)
{
	return b->room - b->used - b->sums.n * (uint32_t)sizeof(uint32_t);
}

/* Moves to a block with so much room. */
static void resize(struct roster *r, uint32_t room)
{
	struct roster_block *old = r->block, *b;
	size_t offsets = old ? old->sums.n * sizeof(uint32_t) : 0;

	room = (room + GRAIN - 1) / GRAIN * GRAIN;
	b = mem_alloc(sizeof(*b) + room);
	memset(b, 0, sizeof(*b));
	if (old) {
		memcpy(b, old, sizeof(*b) + old->used);
		memcpy(b->bytes + room - offsets, old->bytes + old->room - offsets,
		       offsets);
	}
	b->room = room;
	mem_free(old);
	r->block = b;
}

/* A block grows by more than is asked for: who adds one contact adds another. */
static void make_room(struct roster *r, uint32_t n)
{
	struct roster_block *b = r->block;
	uint32_t taken = b ? b->room - bytes_free(b) : 0;

	if (b == NULL || bytes_free(b) < n)
		resize(r, taken + n + taken / 4);
}

static void insert(struct roster *r, uint32_t i, struct strv address)
{
	uint32_t n = (uint32_t)(sizeof(struct record) + address.n), *last;
	struct roster_block *b;

	make_room(r, n + (uint32_t)sizeof(uint32_t));
	b = r->block;
	last = offset_at(b, b->sums.n);
	memmove(last, last + 1, (b->sums.n - i) * sizeof(*last));
	*offset_at(b, i) = b->used;
	memcpy(b->bytes + b->used + sizeof(struct record), address.p, address.n);
	b->used += n;
	b->sums.n++;
}

static void erase(struct roster *r, uint32_t i)
{
	struct roster_block *b = r->block;
	uint32_t at = *offset_at(b, i), *last = offset_at(b, b->sums.n - 1);
	uint32_t n = (uint32_t)(sizeof(struct record) + address_at(b, i).n);

	memmove(b->bytes + at, b->bytes + at + n, b->used - at - n);
	memmove(last + 1, last, (b->sums.n - 1 - i) * sizeof(*last));
	b->used -= n;
	b->sums.n--;
	for (uint32_t k = 0; k < b->sums.n; k++)
		if (*offset_at(b, k) > at)
			*offset_at(b, k) -= n;
	if (b->sums.n == 0) {
		roster_forget_rows(r);
		mem_free(b);
		r->block = NULL;
	} else if (bytes_free(b) > b->room / 2) {
		resize(r, b->room - bytes_free(b));
	}
}

void roster_fit(struct roster *r)
{
	if (r->block)
		resize(r, r->block->room - bytes_free(r->block));
}

/* --- items --- */

bool roster_item_is_empty(const struct roster_item *it)
{
	return it->sub.state == SUB_NONE && !it->sub.approved && !it->listed;
}

/* The sums of a roster that has nothing but this. */
static struct roster_sums sums_of(const struct roster_item *it)
{
	uint32_t n = (uint32_t)jid_text(it->jid).n;

	if (roster_item_is_empty(it))
		return (struct roster_sums){ 0 };
	return (struct roster_sums){
		.n = 1,
		.n_listed = it->listed,
		.n_waiting = sub_is_pending_in(it->sub.state),
		.bytes = it->listed ? n + it->n_text : 0,
		.request_bytes = (it->listed ? 0 : n) + it->n_request,
	};
}

/* All but the number, which the block counts itself. */
static void change_sums(struct roster_block *b, const struct roster_item *was,
			const struct roster_item *is)
{
	struct roster_sums old = sums_of(was), new = sums_of(is);

	b->sums.n_listed += new.n_listed - old.n_listed;
	b->sums.n_waiting += new.n_waiting - old.n_waiting;
	b->sums.bytes += new.bytes - old.bytes;
	b->sums.request_bytes += new.request_bytes - old.request_bytes;
}

/* And the place where it is, or would be. */
static struct roster_item find(const struct roster *r, struct jid contact, uint32_t *at)
{
	struct strv address = jid_text(contact);
	struct roster_item it = { 0 };

	*at = r->block ? lower_bound(r->block, address) : 0;
	if (r->block && is_at(r->block, *at, address))
		it = read_record(r->block, *at);
	it.jid = contact;
	return it;
}

struct roster_item roster_get(const struct roster *r, struct jid contact)
{
	uint32_t at;

	return find(r, contact, &at);
}

static struct roster_item normal(const struct roster_item *it)
{
	struct roster_item n = *it;

	n.n_request = sub_is_pending_in(n.sub.state) ? n.n_request : 0;
	n.n_text = n.listed ? n.n_text : 0;
	return n;
}

void roster_set(struct roster *r, const struct roster_item *it)
{
	uint32_t i;
	struct roster_item is = normal(it), was = find(r, it->jid, &i);
	bool is_there = !roster_item_is_empty(&was);

	if (!is_there && roster_item_is_empty(&is))
		return;
	if (!is_there)
		insert(r, i, jid_text(it->jid));
	change_sums(r->block, &was, &is);
	if (roster_item_is_empty(&is))
		erase(r, i);
	else
		write_record(r->block, i, &is);
}

/* Whether a sum may change so. What is over its bound already, by others' doing, may not grow. */
static bool may_be(uint32_t sum, uint32_t old, uint32_t new, uint32_t max)
{
	return new <= old || (sum <= max && new - old <= max - sum);
}

bool roster_has_room(const struct roster *r, const struct roster_item *it)
{
	struct roster_item next = normal(it), now = roster_get(r, it->jid);
	struct roster_sums old = sums_of(&now), new = sums_of(&next),
			   sum = roster_sums(r);

	return may_be(sum.n_listed, old.n_listed, new.n_listed, ROSTER_MAX_ITEMS) &&
	       may_be(sum.n - sum.n_listed, old.n - old.n_listed, new.n - new.n_listed,
		      ROSTER_MAX_REQUESTS) &&
	       may_be(sum.bytes, old.bytes, new.bytes, ROSTER_MAX_BYTES) &&
	       may_be(sum.request_bytes, old.request_bytes, new.request_bytes,
		      ROSTER_MAX_REQUEST_BYTES);
}

/* fn gets copies, and the way goes on from the address: the block may be another one by then. */
void roster_each(struct roster *r, void (*fn)(const struct roster_item *, void *),
		 void *arg)
{
	char text[JID_MAX];

	for (uint32_t i = 0; r->block && i < r->block->sums.n;) {
		struct roster_item it = read_record(r->block, i);
		struct strv address = jid_text(it.jid);

		it.jid.s = memcpy(text, address.p, address.n);
		address.p = text;
		fn(&it, arg);
		if (r->block && !is_at(r->block, i, address))
			i = lower_bound(r->block, address);
		if (r->block && is_at(r->block, i, address))
			i++;
	}
}
