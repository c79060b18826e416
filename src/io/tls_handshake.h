/* Handshakes of our own: TLS 1.3 (RFC 8446) with an exchange over X25519, with a ticket, or with one
 * certificate that is shown and none that is asked for. That is what nearly all clients do; it is two
 * messages to read and a few to write. All other ClientHellos are OpenSSL's, and so is what is wrong or
 * strange in one. docs/tls.md says where each demand of the standard is met. For the files of TLS
 * only. */
#pragma once

#include "io/tls_priv.h"
#include "io/tls_record.h"
#include "io/tls_ssl.h"

struct tls_handshake; /* from the ClientHello to the client's Finished */

/* Whether any client of this context may be ours, and who comes back with a ticket. */
bool tls_handshake_may(const struct tls_ctx *ctx);
bool tls_handshake_may_resume(const struct tls_ctx *ctx);

/* What the bytes of a connection begin with. 0: more are needed; -EPROTO: nothing for us; otherwise so
 * many are a record that can have a ClientHello in it. */
int tls_handshake_measure(struct strv in);

/* Such a record. Puts the server's flight into `wire`: *ret. 0: it is nothing for us. 1; -EPROTO,
 * -EMSGSIZE: it has failed, *ret says why. *ret: the caller frees it; in all cases but 0. */
nodiscard int tls_handshake_begin(struct tls_ctx *ctx, struct strv record,
				  struct buf *wire, struct tls_handshake **ret);
void tls_handshake_free(struct tls_handshake **r);

/* Takes the client's flight off `in`. 0: more is needed; 1: the handshake is over, and `in` is what
 * stands behind it; -EPROTO; -EPIPE: the client has said close_notify. */
nodiscard int tls_handshake_finish(struct tls_handshake *r, struct strv *in,
				   struct buf *wire);

/* What it has led to. The caller takes both over. */
struct tls_handshake_result {
	struct tls_record *record;
	struct tls_login *login;
	const char *cipher; /* a constant */
	bool resumed;
};
struct tls_handshake_result tls_handshake_take(struct tls_handshake *r);

const char *tls_handshake_error(const struct tls_handshake *r);
void tls_handshake_leave(const struct tls_handshake *r); /* as tls_leave_thread() */
