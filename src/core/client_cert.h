/* A client's TLS certificate, as the server above the connection looks at it. */
#pragma once

struct c2s;

/* Writes down why the one that has come does not pass. The log's context is set. */
void client_cert_log(struct c2s *c);
