#include "base/slab.h"

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define EACH_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_ALONE 1
#endif
#endif
#ifndef EACH_ALONE
#define EACH_ALONE 0
#endif

struct free_piece {
	struct free_piece *next;
};

struct block {
	_Alignas(16) struct list link; /* in `room`; alone: it is full */
	struct slabs *owner;
	struct free_piece *free; /* those that have been in use before */
	uint16_t size;
	uint16_t n_used;
	uint16_t
		n_fresh; /* behind them: never touched, so that the system need not give it */
};

enum { BYTES = SLAB_BLOCK - (int)sizeof(struct block) };

_Static_assert(sizeof(struct block) % 16 == 0, "pieces are aligned as malloc()'s");

void slabs_init(struct slabs *s)
{
	*s = (struct slabs){ 0 };
	for (size_t i = 0; i < SLAB_CLASSES; i++)
		list_init(&s->room[i]);
}

static char *map(size_t n)
{
	void *p =
		mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (unlikely(p == MAP_FAILED))
		assert_fail("out of memory", __FILE__, __LINE__, __func__);
	return p;
}

static void unmap(void *p, size_t n)
{
	int r = n ? munmap(p, n) : 0;

	ASSERT(r == 0);
}

/* The system puts one beside the other: after the first, the next is aligned, too. */
static void *map_block(void)
{
	char *p = map(SLAB_BLOCK);
	size_t before;

	if ((uintptr_t)p % SLAB_BLOCK == 0)
		return p;
	unmap(p, SLAB_BLOCK);
	p = map((size_t)2 * SLAB_BLOCK);
	before = -(uintptr_t)p % SLAB_BLOCK;
	unmap(p, before);
	unmap(p + before + SLAB_BLOCK, SLAB_BLOCK - before);
	return p + before;
}

static void block_free(struct block *b)
{
	list_remove(&b->link);
	b->owner->n_blocks--;
	unmap(b, SLAB_BLOCK);
}

void slabs_fini(struct slabs *s)
{
	ASSERT(s->n_pieces == 0);
	for (size_t i = 0; i < SLAB_CLASSES; i++)
		while (!list_empty(&s->room[i]))
			block_free(container_of(s->room[i].next, struct block, link));
	ASSERT(s->n_blocks == 0);
}

static struct block *block_new(struct slabs *s, size_t size)
{
	struct block *b = map_block();

	*b = (struct block){ .owner = s,
			     .size = (uint16_t)size,
			     .n_fresh = (uint16_t)(BYTES / size) };
	list_init(&b->link);
	s->n_blocks++;
	return b;
}

static struct block *block_of(void *piece)
{
	return (struct block *)((uintptr_t)piece & ~(uintptr_t)(SLAB_BLOCK - 1));
}

static size_t round_up(size_t n)
{
	return (MAX(n, (size_t)1) + SLAB_GRAIN - 1) / SLAB_GRAIN * SLAB_GRAIN;
}

static struct list *room_for(struct slabs *s, size_t size)
{
	return &s->room[size / SLAB_GRAIN];
}

static bool is_full(const struct block *b)
{
	return b->free == NULL && b->n_fresh == 0;
}

static void *take(struct block *b)
{
	struct free_piece *p = b->free;

	b->n_used++;
	if (p) {
		b->free = p->next;
		return p;
	}
	b->n_fresh--;
	return (char *)(b + 1) + (size_t)(BYTES / b->size - 1 - b->n_fresh) * b->size;
}

void *slab_alloc(struct slabs *s, size_t n)
{
	size_t size = round_up(n);
	struct list *room;
	struct block *b;
	void *p;

	s->n_pieces++;
	s->n_bytes += size;
	if (EACH_ALONE || size > SLAB_MAX)
		return mem_alloc(n);
	room = room_for(s, size);
	if (list_empty(room)) {
		b = block_new(s, size);
		list_push(room, &b->link);
	}
	b = container_of(room->next, struct block, link);
	p = take(b);
	if (is_full(b))
		list_remove(&b->link);
	return p;
}

void *slab_zalloc(struct slabs *s, size_t n)
{
	return memset(slab_alloc(s, n), 0, n);
}

/* One that is empty stays where it is the only one with room: else a piece that comes and goes
 * would make and free a block each time. */
static void give_back(struct slabs *s, struct block *b)
{
	struct list *room = room_for(s, b->size);

	if (room->next != room->prev)
		block_free(b);
}

void slab_free(struct slabs *s, void *p, size_t n)
{
	struct free_piece *piece = p;
	size_t size = round_up(n);
	struct block *b;

	if (p == NULL)
		return;
	ASSERT(s->n_pieces > 0 && s->n_bytes >= size);
	s->n_pieces--;
	s->n_bytes -= size;
	if (EACH_ALONE || size > SLAB_MAX) {
		mem_free(p);
		return;
	}
	b = block_of(p);
	ASSERT(b->owner == s && b->n_used > 0 && b->size == size);
	if (is_full(b))
		list_push(room_for(s, size), &b->link);
	piece->next = b->free;
	b->free = piece;
	if (--b->n_used == 0)
		give_back(s, b);
}
