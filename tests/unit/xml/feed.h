/* Feeds a reader in pieces and writes down what comes out, one line a thing:
 *
 *     open {stream}stream to='a'
 *     element {client}message{{client}body"hi"{client}x}
 *     close | more | fail 2
 *
 * Known namespaces are shown by their short names below. */
#pragma once

#include "base/buf.h"
#include "xml/xml.h"

#define HEADER_ATTRS \
	"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
#define HEADER "<stream:stream " HEADER_ATTRS ">"
#define OPEN   "open {stream}stream\n"

struct feed {
	struct xml_reader *r;
	struct xml_stream s;
	struct buf in, out; /* what was not used yet; what came out */
	bool ended;	    /* failed or closed */
};

void feed_init(struct feed *f, uint32_t max_bytes);
void feed_fini(struct feed *f);

/* Adds the bytes and takes all that is complete. Each call gets its bytes in a block of
 * their own, so that reading beyond them is found. */
void feed_add(struct feed *f, struct strv bytes);

/* What comes out of `in`; checked to be the same whole, byte by byte, and cut anywhere.
 * Ends in "more" unless the stream failed or was closed. */
const char *feed_all_ways(struct strv in, uint32_t max_bytes);

void dump_el(struct buf *b, const struct xml_el *e);

/* Fails the test when `in` does not give `want`. */
void check_feed(const char *file, int line, struct strv in, const char *want);
#define CHECK_FEED(in, want) check_feed(__FILE__, __LINE__, strv_from(in), want)
