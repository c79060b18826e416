/* A connection that a proxy relays: before anything else comes the PROXY header, which says whose
 * it is. */
#pragma once

#include "base/strv.h"

struct c2s;

/* The connection is new and its listener wants the header. It may be refused at once: the peer is
 * none of those who may send one. */
void c2s_proxy_begin(struct c2s *c);

/* While c->proxy: takes bytes, at most up to the header's end; then the connection has its
 * client's address, TLS begins if it is Direct TLS, and c->proxy is NULL. */
size_t c2s_proxy_feed(struct c2s *c, struct strv in);

/* While c->proxy: the header has not come in time; the peer has ended; the server ends. Closed
 * without a word. */
void c2s_proxy_timeout(struct c2s *c);
void c2s_proxy_eof(struct c2s *c);
void c2s_proxy_end(struct c2s *c);
