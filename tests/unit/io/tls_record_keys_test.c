/* The record layer's keys: when they are replaced, how long they last, and what a handshake may still
 * say. */
#include "rig.h"
#include "base/clock.h"

#include <openssl/ssl.h>

/* --- KeyUpdate --- */

static const struct strv update = STRV_INIT("\x18\0\0\1\0"),
			 update_both = STRV_INIT("\x18\0\0\1\1");

static void peer_updates(struct rig *g, struct strv message)
{
	forge_seal(&g->client, 22, message, &g->in);
	forge_update(&g->client);
}

static void check_update(struct rig *g, bool asks)
{
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);

	CHECK_INT(rig_sent(g, &content), 22);
	CHECK_INT(content.n, 5);
	CHECK(memcmp(content.p, asks ? update_both.p : update.p, 5) == 0);
	forge_update(&g->server);
}

TEST(tls_record_takes_new_keys)
{
	for (int a = 0; a < TLS_AEAD_MAX; a++) {
		for (size_t piece = 1; piece < 60; piece += 7) {
			struct tls_start start;
			struct rig g;

			forge_start(&start, true, (enum tls_aead)a, 7);
			rig_open(&g, &start);
			forge_seal(&g.client, 23, STRV("one "), &g.in);
			peer_updates(&g, update);
			forge_seal(&g.client, 23, STRV("two "), &g.in);
			peer_updates(&g, update);
			peer_updates(&g, update);
			forge_seal(&g.client, 23, STRV("three"), &g.in);
			CHECK_INT(rig_feed_by(&g, piece), 0);
			CHECK_STR(buf_strv(&g.plain), "one two three");
			CHECK_INT(g.wire.n, 0); /* nobody has asked for ours */
			rig_close(&g);
		}
	}
}

TEST(tls_record_gives_new_keys_when_asked)
{
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);
	struct tls_start start;
	struct rig g;

	start_v13(&start);
	rig_open(&g, &start);
	peer_updates(&g, update_both);
	peer_updates(&g, update_both);
	forge_seal(&g.client, 23, STRV("x"), &g.in);
	CHECK_INT(rig_feed(&g), 0);
	check_update(&g, false); /* one answer to both */
	CHECK_INT(g.wire.n, 0);
	CHECK_INT(tls_record_seal(g.r, STRV("new"), &g.wire), 0);
	CHECK_INT(rig_sent(&g, &content), 23);
	CHECK_STR(buf_strv(&content), "new");
	peer_updates(&g, update_both);
	forge_seal(&g.client, 21, STRV("\1\0"), &g.in);
	CHECK_INT(rig_feed(&g), -EPIPE);
	check_update(&g, false); /* we may have more to say */
	tls_record_close_notify(g.r, &g.wire);
	rig_check_alert(&g, 1, SSL_AD_CLOSE_NOTIFY);
	rig_close(&g);
}

TEST(tls_record_refuses_the_old_key_behind_an_update)
{
	struct tls_start start;
	struct rig g;

	start_v13(&start);
	rig_open(&g, &start);
	forge_seal(&g.client, 22, update, &g.in);
	forge_seal(&g.client, 23, STRV("truncated"), &g.in);
	CHECK_INT(rig_feed(&g), -EPROTO);
	rig_check_failed(&g, SSL_AD_BAD_RECORD_MAC);
	rig_close(&g);
	rig_open(&g, &start); /* and the new one before it */
	forge_update(&g.client);
	forge_seal(&g.client, 23, STRV("early"), &g.in);
	CHECK_INT(rig_feed(&g), -EPROTO);
	rig_check_failed(&g, SSL_AD_BAD_RECORD_MAC);
	rig_close(&g);
}

TEST(tls_record_takes_an_update_in_pieces)
{
	struct tls_start start;

	start_v13(&start);
	for (size_t cut = 1; cut < 5; cut++) {
		struct rig g;

		rig_open(&g, &start);
		forge_seal(&g.client, 22, strv_make(update.p, cut), &g.in);
		peer_updates(&g, strv_from_pos(update, cut));
		forge_seal(&g.client, 23, STRV("x"), &g.in);
		CHECK_INT(rig_feed(&g), 0);
		CHECK_STR(buf_strv(&g.plain), "x");
		rig_close(&g);
		/* Nothing may come between. */
		rig_open(&g, &start);
		forge_seal(&g.client, 22, strv_make(update.p, cut), &g.in);
		forge_seal(&g.client, 23, STRV(""), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
		rig_open(&g, &start);
		forge_seal(&g.client, 22, strv_make(update.p, cut), &g.in);
		forge_seal(&g.client, 21, STRV("\1\0"), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

TEST(tls_record_refuses_all_other_messages_of_a_handshake)
{
	static const struct {
		struct strv message;
		int alert;
	} cases[] = {
		{ STRV_INIT(""), SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\4\0\0\1x"), SSL_AD_UNEXPECTED_MESSAGE }, /* a ticket */
		{ STRV_INIT("\1\0\0\1x"), SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\15\0\0\1x"), SSL_AD_UNEXPECTED_MESSAGE }, /* a request */
		{ STRV_INIT("\13\0\0\1x"),
		  SSL_AD_UNEXPECTED_MESSAGE }, /* a certificate */
		{ STRV_INIT("\24\0\0\1x"), SSL_AD_UNEXPECTED_MESSAGE }, /* Finished */
		{ STRV_INIT("\0"), SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\x18\0\0\0"), SSL_AD_DECODE_ERROR },
		{ STRV_INIT("\x18\0\0\2\0\0"), SSL_AD_DECODE_ERROR },
		{ STRV_INIT("\x18\1"), SSL_AD_DECODE_ERROR },
		{ STRV_INIT("\x18\0\0\1\2"), SSL_AD_ILLEGAL_PARAMETER },
		{ STRV_INIT("\x18\0\0\1\xff"), SSL_AD_ILLEGAL_PARAMETER },
		/* The key changes within a record. */
		{ STRV_INIT("\x18\0\0\1\0\0"), SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\x18\0\0\1\0\x18\0\0\1\0"), SSL_AD_UNEXPECTED_MESSAGE },
	};
	struct tls_start start;

	start_v13(&start);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig g;

		rig_open(&g, &start);
		forge_seal(&g.client, 22, cases[i].message, &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, cases[i].alert);
		rig_close(&g);
	}
}

TEST(tls_record_bounds_the_rate_of_updates)
{
	struct tls_start start;
	struct rig g;

	start_v13(&start);
	clock_fake_set(1000000, 0);
	rig_open(&g, &start);
	for (int i = 0; i < TLS_MAX_KEY_UPDATES; i++)
		peer_updates(&g, update_both);
	CHECK_INT(rig_feed(&g), 0);
	check_update(&g, false);
	for (int i = 0; i < 100; i++) { /* one a second may go on for ever */
		clock_fake_advance(1000);
		peer_updates(&g, update);
		CHECK_INT(rig_feed(&g), 0);
	}
	peer_updates(&g, update);
	CHECK_INT(rig_feed(&g), -EPROTO);
	rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
	rig_close(&g);
	clock_fake_off();
}

/* --- how long a key is used --- */

TEST(tls_record_replaces_its_key_in_time)
{
	for (int a = 0; a < TLS_AEAD_MAX; a++) {
		AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);
		struct tls_start start;
		struct rig g;

		forge_start(&start, true, (enum tls_aead)a, 3);
		start.out.seq = TLS_REKEY_AFTER - 1;
		rig_open(&g, &start);
		CHECK_INT(tls_record_seal(g.r, STRV("last"), &g.wire), 0);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_INT(g.wire.n, 0);
		CHECK_INT(tls_record_seal(g.r, STRV("first"), &g.wire), 0);
		check_update(&g, false);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_STR(buf_strv(&content), "first");
		rig_close(&g);
	}
}

TEST(tls_record_asks_once_for_a_new_key_of_the_peers)
{
	struct tls_start start;
	struct rig g;

	start_v13(&start);
	start.in.seq = TLS_REKEY_AFTER - 1;
	rig_open(&g, &start);
	for (int i = 0; i < 3; i++) {
		forge_seal(&g.client, 23, STRV("x"), &g.in);
		CHECK_INT(rig_feed(&g), 0);
		if (i == 0)
			check_update(&g, true);
		CHECK_INT(g.wire.n, 0);
	}
	peer_updates(&g, update);
	CHECK_INT(rig_feed(&g), 0);
	CHECK_INT(g.wire.n, 0);
	rig_close(&g);
}

TEST(tls_record_of_tls_1_2_stops_before_its_key_is_used_up)
{
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);
	struct tls_start start;
	struct rig g;

	start_v12(&start);
	start.out.seq = TLS_V12_GCM_MAX - 1;
	rig_open(&g, &start);
	CHECK_INT(tls_record_seal(g.r, STRV("last"), &g.wire), 0);
	CHECK_INT(rig_sent(&g, &content), 23);
	CHECK_INT(tls_record_seal(g.r, STRV("one more"), &g.wire), -EPROTO);
	rig_check_failed(&g, SSL_AD_INTERNAL_ERROR);
	rig_close(&g);
	/* ChaCha20-Poly1305 has no such limit, but numbers have. */
	forge_start(&start, false, TLS_CHACHA20_POLY1305, 5);
	start.out.seq = UINT64_MAX - 9;
	start.in.seq = UINT64_MAX - 1;
	rig_open(&g, &start);
	CHECK_INT(tls_record_seal(g.r, STRV("last"), &g.wire), 0);
	CHECK_INT(rig_sent(&g, &content), 23);
	CHECK_INT(tls_record_seal(g.r, STRV("one more"), &g.wire), -EPROTO);
	rig_check_failed(&g, SSL_AD_INTERNAL_ERROR);
	rig_close(&g);
	rig_open(&g, &start);
	forge_seal(&g.client, 23, STRV("x"), &g.in);
	CHECK_INT(rig_feed(&g), 0);
	forge_seal(&g.client, 23, STRV("y"), &g.in);
	CHECK_INT(rig_feed(&g), -EPROTO);
	CHECK_STR(buf_strv(&g.plain), "x");
	rig_check_failed(&g, SSL_AD_INTERNAL_ERROR);
	rig_close(&g);
}

TEST(tls_record_never_uses_an_explicit_nonce_twice)
{
	struct tls_start start;
	struct rig g;

	start_v12(&start);
	memcpy(start.out.iv, "salt\xff\xff\xff\xff\xff\xff\xff\xfe", TLS_NONCE_LEN);
	rig_open(&g, &start);
	for (int i = 1; i < 4; i++) { /* 0xff...fe was the handshake's */
		CHECK_INT(tls_record_seal(g.r, STRV("x"), &g.wire), 0);
		CHECK(memcmp(g.wire.p + 5,
			     i == 1   ? "\xff\xff\xff\xff\xff\xff\xff\xff"
			     : i == 2 ? "\0\0\0\0\0\0\0\0"
				      : "\0\0\0\0\0\0\0\1",
			     8) == 0);
		buf_clear(&g.wire);
	}
	rig_close(&g);
}

/* --- renegotiation --- */

TEST(tls_record_of_tls_1_2_does_not_renegotiate)
{
	for (int a = 0; a < TLS_AEAD_MAX; a++) {
		struct tls_start start;
		struct rig g;

		forge_start(&start, false, (enum tls_aead)a, 3);
		rig_open(&g, &start);
		for (int i = 0; i < TLS_MAX_WARNINGS; i++) {
			forge_seal(&g.client, 22, STRV("\1\0\0\5hello"), &g.in);
			forge_seal(&g.client, 23, STRV("x"), &g.in);
			CHECK_INT(rig_feed(&g), 0);
			rig_check_alert(&g, 1, SSL_AD_NO_RENEGOTIATION);
		}
		CHECK_STR(buf_strv(&g.plain), "xxxx");
		forge_seal(&g.client, 22, STRV("\1\0\0\5hello"), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

TEST(tls_record_of_tls_1_2_refuses_all_other_messages_of_a_handshake)
{
	static const struct strv messages[] = {
		STRV_INIT(""),
		STRV_INIT("\1\0\0"),
		STRV_INIT("\1\0\0\6hello"),
		STRV_INIT("\1\0\0\4hello"),
		STRV_INIT("\0\0\0\0"),
		STRV_INIT("\x18\0\0\1\0"),
	};
	struct tls_start start;

	start_v12(&start);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct rig g;

		rig_open(&g, &start);
		forge_seal(&g.client, 22, messages[i], &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

/* --- contexts --- */

/* More connections than there are contexts, each with its own keys, in any order; some are busy, and
 * get contexts of their own, which others then want. */
TEST(tls_aead_contexts_are_many_connections)
{
	enum { N = 300 };
	static struct rig g[N];
	AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);

	for (int i = 0; i < N; i++) {
		struct tls_start start;

		rig_suite(&start, (unsigned)i % (2 * TLS_AEAD_MAX));
		memset(start.in.secret, i, 2);
		memset(start.out.key, i, 2);
		rig_open(&g[i], &start);
	}
	for (int i = 0; i < 30 * N; i++) {
		struct rig *one = &g[i % 4 ? i / 4 % 40 : i * 7 % N];

		forge_seal(&one->client, 23, STRV("ask"), &one->in);
		CHECK_INT(rig_feed(one), 0);
		CHECK_STR(buf_strv(&one->plain), "ask");
		buf_clear(&one->plain);
		CHECK_INT(tls_record_seal(one->r, STRV("answer"), &one->wire), 0);
		if (i % 300 == 0)
			tls_record_leave(one->r);
		CHECK_INT(rig_sent(one, &content), 23);
		CHECK_STR(buf_strv(&content), "answer");
	}
	for (int i = 0; i < N; i++)
		rig_close(&g[i]);
}
