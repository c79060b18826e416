/* A client's TLS certificate, as the server above the connection looks at it. */
#pragma once

#include "core/stream/stream.h"

struct c2s;

/* Writes down why the one that has come does not pass, where the end of the connection does not
 * say so: when the handshake is over, or has failed. The log's context is set. */
void client_cert_log(struct c2s *c);

/* stream_env.certificate */
bool client_cert_names(struct stream *st, struct arena *a, struct cert_names *ret);

/* That certificate, in DER and in `a`; p == NULL: there is none. */
struct strv client_cert_der(struct c2s *c, struct arena *a);
