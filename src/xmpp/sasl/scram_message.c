/* SCRAM's grammar (RFC 5802 section 7). */
#include "xmpp/sasl/scram_priv.h"
#include "base/base64.h"
#include "base/utf8.h"

bool scram_message_is_sane(struct strv message)
{
	return message.n <= SCRAM_MESSAGE_MAX && strv_find(message, '\0') < 0 &&
	       utf8_is_valid(message);
}

static bool take(struct strv *rest, char *ret_name, struct strv *ret)
{
	ptrdiff_t comma = strv_find(*rest, ',');
	size_t n = comma < 0 ? rest->n : (size_t)comma;
	const char *p = rest->p;

	if (n < 3 || p[1] != '=')
		return false;
	*ret_name = p[0];
	*ret = strv_make(p + 2, n - 2);
	*rest = comma < 0 ? STRV_NULL : strv_from_pos(*rest, n + 1);
	return true;
}

bool scram_attr_take(struct strv *rest, char name, struct strv *ret)
{
	char got;

	return take(rest, &got, ret) && got == name;
}

bool scram_extension_take(struct strv *rest)
{
	struct strv value;
	char name;

	if (!take(rest, &name, &value))
		return false;
	if (!((name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z')))
		return false;
	/* RFC 5802 5.1: the order of these is fixed, so here they are in the wrong place; and
	 * "m" demands what we do not know. */
	return strchr("anmrcsipve", name) == NULL;
}

bool scram_extensions_take(struct strv *rest)
{
	while (rest->p)
		if (!scram_extension_take(rest))
			return false;
	return true;
}

bool scram_is_printable(struct strv nonce)
{
	for (size_t i = 0; i < nonce.n; i++)
		if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e || nonce.p[i] == ',')
			return false;
	return nonce.n > 0;
}

struct strv scram_name_encode(struct arena *a, struct strv name)
{
	char *to = arena_alloc(a, 3 * name.n + 1), *p = to;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c != ',' && c != '=') {
			*p++ = c;
			continue;
		}
		memcpy(p, c == ',' ? "=2C" : "=3D", 3);
		p += 3;
	}
	return strv_make(to, (size_t)(p - to));
}

bool scram_name_decode(struct arena *a, struct strv text, struct strv *ret)
{
	char *to = arena_alloc(a, text.n + 1), *p = to;

	for (size_t i = 0; i < text.n; i++) {
		struct strv rest = strv_from_pos(text, i);
		if (rest.p[0] != '=') {
			*p++ = rest.p[0];
			continue;
		}
		if (strv_starts(rest, STRV("=2C")))
			*p++ = ',';
		else if (strv_starts(rest, STRV("=3D")))
			*p++ = '=';
		else
			return false;
		i += 2;
	}
	*ret = strv_make(to, (size_t)(p - to));
	return text.n > 0;
}

struct strv scram_base64(struct arena *a, const void *p, size_t n)
{
	size_t len = base64_encoded_len(n);
	char *to = arena_alloc(a, len);

	base64_encode(p, n, to);
	return strv_make(to, len);
}

bool scram_base64_decode(struct strv text, size_t max, unsigned char *to, size_t *ret_n)
{
	unsigned char bytes[DIGEST_MAX_LEN + 2]; /* rounded up to whole groups of three */
	size_t n;
	bool ok;

	ASSERT(max <= DIGEST_MAX_LEN);
	if (text.n > base64_encoded_len(max) || base64_decode(text, bytes, &n) < 0)
		return false;
	ok = n > 0 && n <= max;
	if (ok) {
		memcpy(to, bytes, n);
		*ret_n = n;
	}
	mem_wipe(bytes, sizeof(bytes));
	return ok;
}

struct strv scram_cb_input(struct arena *a, struct strv gs2_header, struct strv cb_data)
{
	size_t n = strv_starts(gs2_header, STRV("p=")) ? cb_data.n : 0;
	char *input = arena_alloc(a, gs2_header.n + n + 1);

	memcpy(input, gs2_header.p, gs2_header.n);
	if (n)
		memcpy(input + gs2_header.n, cb_data.p, n);
	return scram_base64(a, input, gs2_header.n + n);
}

struct strv scram_auth_message(struct arena *a, struct strv client_first_bare,
			       struct strv server_first, struct strv final_without_proof)
{
	return ARENA_JOIN(a, client_first_bare, STRV(","), server_first, STRV(","),
			  final_without_proof);
}
