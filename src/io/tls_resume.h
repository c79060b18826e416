/* Resumed handshakes of TLS 1.3 (RFC 8446 2.2, with (EC)DHE over X25519), which need no certificate,
 * no signature and no negotiation worth the name: two messages to read and three to write. All other
 * ClientHellos are OpenSSL's, and so is what is wrong or strange in one. docs/tls.md says where each
 * demand of the standard is met. For the files of TLS only. */
#pragma once

#include "io/tls_priv.h"
#include "io/tls_record.h"
#include "io/tls_ssl.h"

struct tls_resume; /* from the ClientHello to the client's Finished */

/* Whether a client of this context may come back in this way. */
bool tls_resume_may(const struct tls_ctx *ctx);

/* What the bytes of a connection begin with. 0: more are needed; -EPROTO: nothing for us; otherwise so
 * many are a record that can have a ClientHello in it. */
int tls_resume_measure(struct strv in);

/* Such a record. Puts the server's flight into `wire`: *ret. 0: it is nothing for us. 1; -EPROTO,
 * -EMSGSIZE: it has failed, *ret says why. *ret: the caller frees it; in all cases but 0. */
nodiscard int tls_resume_begin(struct tls_ctx *ctx, struct strv record, struct buf *wire,
			       struct tls_resume **ret);
void tls_resume_free(struct tls_resume **r);

/* Takes the client's flight off `in`. 0: more is needed; 1: the handshake is over, and `in` is what
 * stands behind it; -EPROTO; -EPIPE: the client has said close_notify. */
nodiscard int tls_resume_finish(struct tls_resume *r, struct strv *in, struct buf *wire);

/* What it has led to. The caller takes both over. */
struct tls_resumed {
	struct tls_record *record;
	struct tls_login *login;
	const char *cipher; /* a constant */
};
struct tls_resumed tls_resume_take(struct tls_resume *r);

const char *tls_resume_error(const struct tls_resume *r);
void tls_resume_leave(const struct tls_resume *r); /* as tls_leave_thread() */
