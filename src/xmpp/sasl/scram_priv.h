/* What the two sides of SCRAM share: the grammar of RFC 5802 section 7, and the arithmetic of
 * section 3. */
#pragma once

#include "xmpp/sasl/scram.h"

/* A whole message: UTF-8 without NUL, not longer than we read. */
nodiscard bool scram_message_is_sane(struct strv message);

/* Takes the attribute at the front of *rest, which must be `name`, and its value, which is not
 * empty. After the last one rest->p is NULL. */
nodiscard bool scram_attr_take(struct strv *rest, char name, struct strv *ret);

/* Takes one attribute that this version of SCRAM does not define; "m" is refused. */
nodiscard bool scram_extension_take(struct strv *rest);
nodiscard bool
scram_extensions_take(struct strv *rest); /* all that is left, maybe nothing */

nodiscard bool
scram_is_printable(struct strv nonce); /* and neither empty nor with a comma */

/* Escapes: "," is "=2C", "=" is "=3D". Decoding refuses all else that begins with "=". */
struct strv scram_name_encode(struct arena *a, struct strv name);
nodiscard bool scram_name_decode(struct arena *a, struct strv text, struct strv *ret);

struct strv scram_base64(struct arena *a, const void *p, size_t n);

/* Between 1 and `max` bytes (max <= 64) from base 64. */
nodiscard bool scram_base64_decode(struct strv text, size_t max, unsigned char *to,
				   size_t *ret_n);

/* The value of "c=". `cb_data` is part of it where the header says "p=". */
struct strv scram_cb_input(struct arena *a, struct strv gs2_header, struct strv cb_data);

struct strv scram_auth_message(struct arena *a, struct strv client_first_bare,
			       struct strv server_first, struct strv final_without_proof);

/* From SaltedPassword to the three keys. `client_key` is the secret one: wipe it. */
void scram_keys_expand(enum digest_alg alg, const unsigned char *salted,
		       unsigned char *client_key, unsigned char *stored_key,
		       unsigned char *server_key);
