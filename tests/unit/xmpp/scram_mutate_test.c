/* Whatever an attacker changes in one of SCRAM's four messages, the side that gets it, or the
 * one after it, finds out. */
#include "xmpp/sasl/scram.h"
#include "test.h"

enum stage { CLIENT_FIRST, SERVER_FIRST, CLIENT_FINAL, SERVER_FINAL, STAGES };
enum how { REPLACE, DELETE, DOUBLE, CUT, HOWS };

struct mutation {
	enum stage stage;
	enum how how;
	size_t pos;
	unsigned char byte; /* for REPLACE */
};

struct setup {
	struct arena *a;
	enum digest_alg alg;
	const char *gs2;
	struct scram_keys keys;
	size_t len[STAGES]; /* of the messages, unchanged */
};

/* The message as it arrives. */
static struct strv pass(struct setup *t, enum stage stage, struct strv text,
			const struct mutation *m)
{
	size_t keep, skip = 0;
	char *p;

	t->len[stage] = m ? t->len[stage] : text.n;
	if (m == NULL || m->stage != stage)
		return text;
	ASSERT(m->pos < text.n);
	p = arena_alloc(t->a, text.n + 1);
	keep = m->how == DOUBLE ? m->pos + 1 : m->pos;
	memcpy(p, text.p, keep);
	if (m->how == REPLACE)
		p[keep++] = (char)m->byte;
	skip = m->how == DOUBLE ? m->pos : m->how == CUT ? text.n : m->pos + 1;
	memcpy(p + keep, text.p + skip, text.n - skip);
	return strv_make(p, keep + text.n - skip);
}

/* Did both sides get to the end, satisfied? */
static bool exchange(struct setup *t, const struct mutation *m)
{
	struct scram_client c = { .alg = t->alg,
				  .user = STRV("us=er"),
				  .password = STRV("pw") };
	const struct strv cb = STRV("binding");
	struct scram_server s;
	struct strv text;

	arena_reset(t->a);
	text = scram_client_first(t->a, &c, strv_from(t->gs2), STRV("Client0nonce"));
	if (scram_server_first(t->a, pass(t, CLIENT_FIRST, text, m), &s) != SCRAM_OK)
		return false;
	text = scram_server_challenge(t->a, &s, &t->keys, STRV("Server0nonce"));
	if (scram_client_final(t->a, &c, pass(t, SERVER_FIRST, text, m), cb, &text) < 0)
		return false;
	text = pass(t, CLIENT_FINAL, text, m);
	if (scram_server_final(t->a, &s, &t->keys, text, cb, &text) != SCRAM_OK)
		return false;
	if (m && m->stage < SERVER_FINAL)
		return true; /* the server is fooled: whether the client is too does not matter */
	return scram_client_verify(&c, pass(t, SERVER_FINAL, text, m));
}

static void check(struct setup *t, struct mutation m)
{
	if (exchange(t, &m))
		test_fail(__FILE__, __LINE__,
			  "alg %d, message %d, how %d, byte %zu -> %u went by",
			  (int)t->alg, (int)m.stage, (int)m.how, m.pos, m.byte);
}

/* Replaced by the same byte is no change: exchange() would rightly succeed, so a replacement is
 * made by what is XORed, and by the characters that the grammar knows. */
static void check_replacements(struct setup *t, struct strv was, struct mutation m)
{
	static const char chars[] = ",=mnpyrcsva2CD0A/+\0\xff";

	for (unsigned bit = 1; bit < 256; bit <<= 1) {
		m.byte = (unsigned char)was.p[m.pos] ^ (unsigned char)bit;
		check(t, m);
	}
	for (size_t i = 0; i < sizeof(chars) - 1; i++) {
		m.byte = (unsigned char)chars[i];
		if (m.byte != (unsigned char)was.p[m.pos])
			check(t, m);
	}
}

/* What stage `stage` sends when nothing is changed; a copy that arena_reset leaves alone. */
static char *original(struct setup *t, enum stage stage)
{
	struct scram_client c = { .alg = t->alg,
				  .user = STRV("us=er"),
				  .password = STRV("pw") };
	const struct strv cb = STRV("binding");
	struct strv text[STAGES];
	struct scram_server s;

	arena_reset(t->a);
	text[0] = scram_client_first(t->a, &c, strv_from(t->gs2), STRV("Client0nonce"));
	CHECK_INT(scram_server_first(t->a, text[0], &s), SCRAM_OK);
	text[1] = scram_server_challenge(t->a, &s, &t->keys, STRV("Server0nonce"));
	CHECK_INT(scram_client_final(t->a, &c, text[1], cb, &text[2]), 0);
	CHECK_INT(scram_server_final(t->a, &s, &t->keys, text[2], cb, &text[3]),
		  SCRAM_OK);
	return strv_dup(text[stage]);
}

static void check_all(enum digest_alg alg, const char *gs2)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct setup t = { .a = a, .alg = alg, .gs2 = gs2 };

	scram_derive(alg, STRV("pw"), STRV("saltsalt"), 2, &t.keys);
	CHECK(exchange(&t, NULL));
	for (struct mutation m = { 0 }; m.stage < STAGES; m.stage++) {
		AUTO(mem_freep) char *was = original(&t, m.stage);
		for (m.pos = 0; m.pos < t.len[m.stage]; m.pos++) {
			check_replacements(&t, strv_from(was), m);
			for (enum how how = DELETE; how < HOWS; how++)
				check(&t, (struct mutation){ m.stage, how, m.pos, 0 });
		}
	}
}

TEST(scram_mutated_sha1)
{
	check_all(DIGEST_SHA1, "n,,");
	check_all(DIGEST_SHA1, "y,a=us=3Der,");
}

TEST(scram_mutated_sha224_plus)
{
	check_all(DIGEST_SHA224, "p=tls-exporter,,");
}

TEST(scram_mutated_sha256_plus)
{
	check_all(DIGEST_SHA256, "p=tls-unique,a=us=3Der,");
}

TEST(scram_mutated_sha384)
{
	check_all(DIGEST_SHA384, "n,,");
}

TEST(scram_mutated_sha512_plus)
{
	check_all(DIGEST_SHA512, "p=tls-server-end-point,,");
}
