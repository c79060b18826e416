/* The record layer of an established connection of the server's: TLS 1.3 (RFC 8446 5), and TLS 1.2
 * with AEADs (RFC 5246 6, 5288, 7905). It begins where the handshake ends, with the keys that the
 * handshake has agreed on, and holds nothing else: about 200 bytes, and of a record that has come in
 * part the part. docs/tls.md says where each demand of the standards is met. */
#pragma once

#include "base/buf.h"
#include "io/tls_aead.h"
#include "io/tls_failure.h"
#include "io/tls_keys.h"

struct tls_record;

enum {
	TLS_RECORD_HEADER = 5,
	TLS_RECORD_MAX = 1 << 14, /* of what a record carries */
	/* A record's length at most; what TLS 1.2 allows is more than any AEAD needs. */
	TLS_RECORD_MAX_V12 = TLS_RECORD_MAX + 2048,
	TLS_RECORD_MAX_V13 = TLS_RECORD_MAX + 256,
	/* After so many records of TLS 1.3 a key is replaced: before 2^24.5, which is safe for
	 * AES-GCM (RFC 8446 5.5). */
	TLS_REKEY_AFTER = 1 << 24,
	/* TLS 1.2 cannot replace one: with AES-GCM, no more is sent then. */
	TLS_V12_GCM_MAX = 23726566,
	TLS_MAX_EMPTY = 32, /* records without content, one after the other */
	TLS_MAX_WARNINGS =
		4, /* alerts and wishes to renegotiate in TLS 1.2, of a connection */
	/* KeyUpdates of the peer's: so many at once, and one a second in the long run. */
	TLS_MAX_KEY_UPDATES = 32,
};

/* One direction. */
struct tls_side {
	unsigned char secret[DIGEST_MAX_LEN]; /* TLS 1.3: of this much all else is made */
	unsigned char key[TLS_KEY_MAX];	      /* TLS 1.2 */
	unsigned char iv[TLS_NONCE_LEN]; /* ... for AES-GCM 4 bytes, and then, of what is
					       * sent, the explicit nonce of record 0 */
	uint64_t seq; /* records that the handshake has sent with this key */
};

struct tls_start {
	bool v13;
	enum tls_aead aead;
	enum digest_alg hash;
	struct tls_side in, out;
};

struct tls_record *tls_record_new(const struct tls_start *start);
void tls_record_free(struct tls_record **r);

/* As those of io/tls.h. */
nodiscard int tls_record_feed(struct tls_record *r, struct strv cipher, struct buf *plain,
			      struct buf *wire);
nodiscard int tls_record_seal(struct tls_record *r, struct strv plain, struct buf *wire);
bool tls_record_takes_whole(const struct tls_record *r, size_t n);
nodiscard int tls_record_seal_in_place(struct tls_record *r, struct buf *b,
				       size_t *ret_from);
/* TLS 1.3: `message` is a NewSessionTicket. */
nodiscard int tls_record_put_ticket(struct tls_record *r, struct strv message,
				    struct buf *wire);
void tls_record_close_notify(struct tls_record *r, struct buf *wire);
const char *tls_record_error(const struct tls_record *r); /* "": none */

/* For a handshake of our own, before anything of the above is used: gives the connection up, and says
 * so to the peer: -EPROTO. What an alert of the peer's means: 0: nothing; -EPROTO; -EPIPE. */
int tls_record_fail(struct tls_record *r, enum tls_failure why, struct buf *wire);
nodiscard int tls_record_take_alert(struct tls_record *r, const unsigned char *p,
				    size_t n, struct buf *wire);

/* Test only: from here on a key of TLS 1.3 is replaced after so many records, which are never more
 * than TLS_REKEY_AFTER; with that, all is as it was. */
void tls_record_rekey_early(uint32_t after);

/* The thread gives the connection away: it keeps nothing of the keys. */
void tls_record_leave(const struct tls_record *r);
