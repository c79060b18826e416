/* What an unauthenticated peer, or a row of the database, can hand to the SASL code.
 *
 * Needs: clang -fsanitize=fuzzer,address,undefined, the layer base, src/xmpp/sasl, libcrypto.
 * The first byte of the input says what the rest is: 'p' a PLAIN message; 'a' one of ANONYMOUS; 'c' pass_details; 'e' the
 * addresses of a certificate, its common name and an EXTERNAL message, with '\n' between them;
 * 's' and '0' to '4' (the hash) a SCRAM client's two messages with '\n' between them. With 's'
 * the second one is taken as it is, and must never pass; with a digit the proof that fits is put
 * behind it, and it passes exactly when a plainer reader of the grammar agrees.
 * Run it with the seeds: fuzz_sasl corpus/ */
#include "base/base64.h"
#include "base/utf8.h"
#include "xmpp/sasl/anonymous.h"
#include "xmpp/sasl/external.h"
#include "xmpp/sasl/password.h"
#include "xmpp/sasl/sasl.h"
#include "xmpp/sasl/scram_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct strv binding = STRV("0123456789abcdef0123456789abcdef");

static void fuzz_plain(struct strv in)
{
	struct sasl_plain p;

	if (sasl_plain_parse(in, &p) < 0)
		return;
	ASSERT(p.authzid.n + p.authcid.n + p.passwd.n + 2 == in.n);
	ASSERT(p.authcid.n > 0 && p.passwd.n > 0 && utf8_is_valid(in));
	ASSERT(strv_find(p.authzid, '\0') < 0 && strv_find(p.authcid, '\0') < 0 &&
	       strv_find(p.passwd, '\0') < 0);
}

static void fuzz_trace(struct strv in)
{
	if (sasl_anonymous_check(in) < 0)
		return;
	ASSERT(utf8_is_valid(in) && in.n <= 4 * SASL_TRACE_MAX);
	for (size_t i = 0; i < in.n; i++)
		ASSERT((unsigned char)in.p[i] >= ' ' && in.p[i] != 0x7f);
}

static void fuzz_credentials(struct arena *a, struct strv in)
{
	struct credentials c, again;
	struct strv text;

	if (credentials_parse(a, STRV("plain"), in, &c) < 0)
		return;
	ASSERT(c.has_plain == (in.n == 0) && c.n_keys <= DIGEST_MAX);
	if (c.has_plain)
		return;
	text = credentials_details(a, &c);
	if (credentials_parse(a, STRV(""), text, &again) < 0)
		UNREACHABLE();
	ASSERT(again.n_keys == c.n_keys);
	ASSERT(strv_eq(text, credentials_details(a, &again)));
	credentials_wipe(&c);
}

static struct strv take_line(struct strv *in)
{
	ptrdiff_t end = strv_find(*in, '\n');
	struct strv line = *in;

	if (end >= 0)
		line.n = (size_t)end;
	*in = strv_from_pos(*in, MIN(line.n + 1, in->n));
	return line;
}

/* Whoever it comes to is at the domain, and somebody whom certificate or client has named. */
static void fuzz_external(struct arena *a, struct strv in)
{
	static const int64_t rules[] = { EXTERNAL_STANDARD, EXTERNAL_COMMON_NAME,
					 EXTERNAL_AUTH_ID };
	struct strv lines[2] = { take_line(&in), take_line(&in) };
	struct external_claim c = { .addresses = lines, .n_addresses = 2 };
	struct jid jid, again;

	c.n_addresses = (lines[0].n > 0) + (lines[0].n && lines[1].n);
	c.common_name = take_line(&in);
	c.authzid = in;
	if (!utf8_is_valid(c.common_name) || strv_find(c.common_name, '\0') >= 0)
		c.common_name = STRV_NULL;
	for (size_t n = 0; n <= ARRAY_LEN(rules); n++) {
		struct external_conf conf = { .rules = rules,
					      .n_rules = n,
					      .prefix = STRV(""),
					      .suffix = STRV("") };
		if (external_resolve(a, &conf, &c, STRV("example.net"), &jid))
			continue;
		ASSERT(n > 0 && jid.n_local > 0 && jid_is_bare(jid));
		ASSERT(strv_is(jid_domain(jid), "example.net"));
		ASSERT(jid_parse(a, jid_text(jid), &again) == 0 && jid_eq(jid, again));
		ASSERT(c.n_addresses || c.common_name.p || n == 3);
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "c=...,r=..." and nothing behind it but extensions that may be ignored. */
static bool is_right_final(struct arena *a, const struct scram_server *s, struct strv in)
{
	struct strv cb = scram_cb_input(a, s->gs2_header, binding);
	struct strv head = strv_from(arena_printf(a, "c=" STRV_FMT ",r=" STRV_FMT,
						  STRV_ARG(cb), STRV_ARG(s->nonce)));
	size_t start;

	if (!strv_starts(in, head) || !utf8_is_valid(in) || strv_find(in, '\0') >= 0)
		return false;
	start = head.n;
	while (start < in.n) {
		size_t end = start + 1;
		while (end < in.n && in.p[end] != ',')
			end++;
		if (in.p[start] != ',' || end - start < 4 || in.p[start + 2] != '=' ||
		    !is_letter(in.p[start + 1]) || strchr("aceimnprsv", in.p[start + 1]))
			return false;
		start = end;
	}
	return true;
}

static struct strv add_proof(struct arena *a, enum digest_alg alg,
			     const unsigned char *salted, const struct scram_server *s,
			     struct strv without_proof)
{
	unsigned char client[DIGEST_MAX_LEN], stored[DIGEST_MAX_LEN],
		server[DIGEST_MAX_LEN], sign[DIGEST_MAX_LEN];
	size_t n = digest_len(alg), at = without_proof.n;
	char *to = arena_alloc(a, at + 3 + base64_encoded_len(n));
	struct strv parts[] = { s->client_first_bare, s->server_first, without_proof };
	struct buf auth = BUF_INIT((size_t)1 << 24);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_put(&auth, parts[i]);
		if (i < 2)
			buf_putc(&auth, ',');
	}
	scram_keys_expand(alg, salted, client, stored, server);
	digest_hmac(alg, strv_make((char *)stored, n), buf_strv(&auth), sign);
	for (size_t i = 0; i < n; i++)
		sign[i] ^= client[i];
	if (at)
		memcpy(to, without_proof.p, at);
	memcpy(to + at, ",p=", 3);
	base64_encode(sign, n, to + at + 3);
	buf_free(&auth);
	return strv_make(to, at + 3 + base64_encoded_len(n));
}

static void check_first(struct arena *a, const struct scram_server *s, struct strv in)
{
	struct strv user = scram_name_encode(a, s->user), bare = s->client_first_bare;

	ASSERT(s->gs2_header.n + bare.n == in.n && in.n <= SCRAM_MESSAGE_MAX);
	ASSERT(memcmp(s->gs2_header.p, in.p, s->gs2_header.n) == 0);
	ASSERT(strv_starts(bare, STRV("n=")) && user.n > 0);
	ASSERT(strv_starts(strv_from_pos(bare, 2), user)); /* one name, one spelling */
	ASSERT(scram_is_printable(s->client_nonce) && s->authzid.p && s->cb_name.p);
	ASSERT((s->cb == SCRAM_CB_USED) == (s->cb_name.n > 0));
}

static void fuzz_scram(struct arena *a, char how, struct strv in)
{
	static const unsigned char salted[DIGEST_MAX_LEN] = "salted password";
	unsigned char client[DIGEST_MAX_LEN];
	struct scram_keys k = { .iterations = 4096, .n_salt = 4, .salt = "salt" };
	ptrdiff_t line = strv_find(in, '\n');
	struct strv first = in, final = STRV(""), out = STRV_NULL;
	struct scram_server s;
	enum scram_result r;

	if (line >= 0) {
		first.n = (size_t)line;
		final = strv_from_pos(in, first.n + 1);
	}
	k.alg = how == 's' ? DIGEST_SHA1 : (enum digest_alg)(how - '0');
	scram_keys_expand(k.alg, salted, client, k.stored_key, k.server_key);
	if (scram_server_first(a, first, &s) != SCRAM_OK)
		return;
	check_first(a, &s, first);
	(void)scram_server_challenge(a, &s, &k, STRV("server"));
	if (how == 's') {
		r = scram_server_final(a, &s, &k, final, binding, &out);
		ASSERT(r != SCRAM_OK && out.p == NULL);
		return;
	}
	out = add_proof(a, k.alg, salted, &s, final);
	if (out.n > SCRAM_MESSAGE_MAX)
		return;
	r = scram_server_final(a, &s, &k, out, binding, &out);
	ASSERT((r == SCRAM_OK) == is_right_final(a, &s, final));
	ASSERT(r != SCRAM_OK || strv_starts(out, STRV("v=")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena *a = NULL;
	struct strv in;

	if (size == 0)
		return 0;
	a = arena_new(4096);
	in = strv_make((const char *)data + 1, size - 1);
	if (data[0] == 'p')
		fuzz_plain(in);
	else if (data[0] == 'a')
		fuzz_trace(in);
	else if (data[0] == 'e')
		fuzz_external(a, in);
	else if (data[0] == 'c')
		fuzz_credentials(a, in);
	else if (data[0] == 's' || (data[0] >= '0' && data[0] <= '4'))
		fuzz_scram(a, (char)data[0], in);
	return 0;
}
