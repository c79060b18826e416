/* SCRAM (RFC 5802, 7677), both sides, as values: no socket, no database, no clock. SHA-1, -224,
 * -256, -384, -512, with and without channel binding (RFC 5056, 5929, 9266). */
#pragma once

#include "base/arena.h"
#include "base/digest.h"

enum {
	SCRAM_SALT_LEN = 16, /* of the salts that we make */
	SCRAM_SALT_MAX = 64,
	SCRAM_NONCE_LEN = 24,
	SCRAM_MESSAGE_MAX = 4096,
	SCRAM_ITERATIONS_MAX =
		10000000, /* seconds of work: more is a mistake or an attack */
};

/* What a server stores of a password, for one hash. */
struct scram_keys {
	enum digest_alg alg;
	uint32_t iterations;
	uint8_t n_salt;
	unsigned char salt[SCRAM_SALT_MAX];
	unsigned char stored_key[DIGEST_MAX_LEN];
	unsigned char server_key[DIGEST_MAX_LEN];
};

/* Derives keys; costs a PBKDF2. The password has been prepared: password_for_keys(). */
void scram_derive(enum digest_alg alg, struct strv password, struct strv salt,
		  uint32_t iterations, struct scram_keys *ret);

/* Is it this password? Costs a PBKDF2; compares in constant time. */
nodiscard bool scram_check_password(const struct scram_keys *k, struct strv password);

/* Keys for a user that does not exist: the same name gets the same salt each time
 * (HMAC(secret, name)), and no proof ever fits. `secret`: 32 bytes, kept over restarts. */
void scram_fake_keys(enum digest_alg alg, struct strv secret, struct strv user,
		     uint32_t iterations, struct scram_keys *ret);

enum scram_cb {			 /* the flag of the GS2 header */
		SCRAM_CB_NONE,	 /* "n": the client does not do channel binding */
		SCRAM_CB_UNUSED, /* "y": the client thinks that the server does not */
		SCRAM_CB_USED,	 /* "p=name" */
};

enum scram_result {
	SCRAM_OK,
	SCRAM_BAD_ENCODING, /* syntax: SASL failure malformed-request */
	SCRAM_BAD_AUTHZID,
	SCRAM_BAD_CB, /* channel binding missing, downgraded, of the wrong type or value */
	SCRAM_BAD_PROOF, /* not-authorized */
};

/* What the server keeps between its two messages; `a` of server_first owns the bytes. */
struct scram_server {
	enum scram_cb cb;
	struct strv cb_name; /* "tls-exporter", ... */
	struct strv authzid; /* as sent, unescaped; may be empty */
	struct strv user;    /* as sent, unescaped; not prepared */
	struct strv gs2_header, client_first_bare, client_nonce;
	struct strv server_first; /* what scram_server_challenge built */
	struct strv nonce;	  /* client's and server's */
};

/* Reads client-first-message. */
nodiscard enum scram_result scram_server_first(struct arena *a, struct strv client_first,
					       struct scram_server *ret);

/* Builds server-first-message from the user's keys. `nonce`: the server's part, printable
 * ASCII without commas. */
struct strv scram_server_challenge(struct arena *a, struct scram_server *s,
				   const struct scram_keys *k, struct strv nonce);

/* Reads client-final-message, checks nonce, channel binding (`cb_data`: the binding's bytes
 * for s->cb_name; ignored unless used) and proof; on SCRAM_OK *ret is server-final-message. */
nodiscard enum scram_result scram_server_final(struct arena *a,
					       const struct scram_server *s,
					       const struct scram_keys *k,
					       struct strv client_final,
					       struct strv cb_data, struct strv *ret);

/* --- the client's side, for tests and the load generator --- */

struct scram_client {
	enum digest_alg alg;
	struct strv user, password; /* prepared */
	struct strv gs2_header, client_first_bare, nonce;
	struct strv auth_message;
	unsigned char salted[DIGEST_MAX_LEN];
};

struct strv scram_client_first(struct arena *a, struct scram_client *c,
			       struct strv gs2_header, struct strv nonce);
/* -EINVAL: the server's message is not one; *ret: client-final-message. */
nodiscard int scram_client_final(struct arena *a, struct scram_client *c,
				 struct strv server_first, struct strv cb_data,
				 struct strv *ret);
nodiscard bool scram_client_verify(const struct scram_client *c,
				   struct strv server_final);
