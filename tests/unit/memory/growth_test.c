/* What a session says of itself is kept while it is there: so many bytes, and no more. */
#include "ledger.h"
#include "core/im/session.h"
#include "test.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	LONG = 60000, /* bytes that a stanza may have */
	SLACK = 1024, /* of the allocator, and of whatever else */
};

#define PING "<iq type='get' id='p%d' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>"

/* Until the server has done all that it has been told. */
static void sync_with(struct client *c)
{
	static int n;
	char ping[128], id[32];

	snprintf(ping, sizeof(ping), PING, ++n);
	snprintf(id, sizeof(id), "id='p%d'", n);
	world_tell(c, ping);
	world_await(c, id);
	world_settle();
}

static char *say(const char *before, size_t n, const char *behind)
{
	size_t n_before = strlen(before);
	char *text = mem_alloc(n_before + n + strlen(behind) + 1);

	strcpy(text, before);
	memset(text + n_before, 's', n);
	strcpy(text + n_before + n, behind);
	return text;
}

/* By how many bytes more the server has, once it has been told so. */
static size_t growth(struct client *c, const char *before, size_t n, const char *behind)
{
	AUTO(mem_freep) char *text = say(before, n, behind);
	size_t was = world_bytes();

	world_tell(c, text);
	sync_with(c);
	return world_bytes() > was ? world_bytes() - was : 0;
}

static void log_in(struct client *c)
{
	world_start();
	world_log_in_all(c, 0, 1, false);
	growth(c, "<presence><status>", LONG, "</status></presence>"); /* once for all */
	growth(c, "<presence type='unavailable'><status>", 1, "</status></presence>");
}

static void log_out(struct client *c)
{
	close(c->fd);
	world_settle();
	world_stop();
}

/* The database has it. */
TEST(status_of_who_has_gone_is_not_kept)
{
	struct client c;
	size_t was, is;

	log_in(&c);
	was = world_bytes();
	growth(&c, "<presence><status>", 1, "</status></presence>");
	growth(&c, "<presence type='unavailable'><status>", LONG, "</status></presence>");
	is = world_bytes();
	log_out(&c);
	CHECK(is <= was + SLACK);
}

/* It counts twice: slabs have such long pieces from malloc(). */
TEST(presence_is_bounded)
{
	struct client c;
	size_t n[2];

	log_in(&c);
	n[0] = growth(&c, "<presence><status>", LONG, "</status></presence>") / 2;
	n[1] = growth(&c, "<presence><status>", PRESENCE_MAX_BYTES,
		      "</status></presence>");
	printf("%zu bytes for a presence, and %zu for one that is too big\n", n[0], n[1]);
	log_out(&c);
	CHECK(n[0] >= LONG - 4 * SLACK && n[0] <= PRESENCE_MAX_BYTES + SLACK);
	CHECK(n[1] <= 8 * SLACK);
}

/* Of `n` addresses that have seen its presence, each of so many bytes. */
static size_t directed_bytes(struct client *c, unsigned n, int bytes)
{
	size_t was = world_bytes();
	char to[2048];

	for (unsigned i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "<presence to='nobody@example.com/%0*u'/>",
			 bytes - (int)strlen("nobody@example.com/"), i);
		world_tell(c, to);
		if (i % 50 == 0)
			sync_with(c);
	}
	sync_with(c);
	return world_bytes() - was;
}

TEST(addresses_of_directed_presence_are_bounded)
{
	struct client c[2];
	size_t n[2];

	log_in(&c[0]);
	world_log_in_all(c, 1, 2, false);
	n[0] = directed_bytes(&c[0], SESSION_MAX_DIRECTED + 500, 32);
	n[1] = directed_bytes(&c[1], 2 * SESSION_MAX_DIRECTED_BYTES / 1000, 1000);
	printf("%zu and %zu bytes for directed presence\n", n[0], n[1]);
	close(c[1].fd);
	log_out(&c[0]);
	CHECK(n[0] > 50 * SESSION_MAX_DIRECTED && n[0] < 70 * SESSION_MAX_DIRECTED);
	CHECK(n[1] > SESSION_MAX_DIRECTED_BYTES / 2 &&
	      n[1] < SESSION_MAX_DIRECTED_BYTES + 16 * SLACK);
}
