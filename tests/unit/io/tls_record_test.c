/* The record layer by itself: the examples of RFC 8448 3, and whatever a peer that has the keys can
 * do. tls_handover_test.c has OpenSSL at the other end. */
#include "rig.h"
#include "io/tls.h"

#include <openssl/ssl.h>
#include <stdlib.h>

/* --- RFC 8448 3, "Simple 1-RTT Handshake" --- */

static size_t unhex(const char *hex, unsigned char *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char byte[] = { hex[2 * i], hex[2 * i + 1], '\0' };
		to[i] = (unsigned char)strtoul(byte, NULL, 16);
	}
	return n;
}

static bool is_hex(const void *p, size_t n, const char *hex)
{
	unsigned char want[512];

	return unhex(hex, want) == n && memcmp(p, want, n) == 0;
}

static const char client_secret[] =
	"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
	"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
static const char client_data[] =
	"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd5"
	"4a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char server_data[] =
	"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc60"
	"2dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char client_bye[] = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_bye[] = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

TEST(tls_keys_are_those_of_rfc_8448)
{
	static const struct {
		const char *secret, *key, *iv;
	} rows[] = {
		{ server_secret, "9f02283b6c9c07efc26bb9f2ac92e356",
		  "cf782b88dd83549aadf1e984" },
		{ client_secret, "17422dda596ed5d9acd890e3c63f5051",
		  "5b78923dee08579033e523d9" },
		{ "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
		  "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned char secret[32], to[32];

		unhex(rows[i].secret, secret);
		tls_expand_label(DIGEST_SHA256, secret, "key", to, 16);
		CHECK(is_hex(to, 16, rows[i].key));
		tls_expand_label(DIGEST_SHA256, secret, "iv", to, 12);
		CHECK(is_hex(to, 12, rows[i].iv));
	}
}

TEST(tls_records_are_those_of_rfc_8448)
{
	struct tls_start start = { .v13 = true, .hash = DIGEST_SHA256 };
	AUTO(buf_free) struct buf plain = BUF_INIT(1 << 16), wire = BUF_INIT(1 << 16);
	struct tls_record *r;
	unsigned char record[512];
	size_t n;

	unhex(client_secret, start.in.secret);
	unhex(server_secret, start.out.secret);
	start.out.seq = 1; /* behind the ticket */
	r = tls_record_new(&start);
	n = unhex(client_data, record);
	CHECK_INT(tls_record_feed(r, strv_make((char *)record, n), &plain, &wire), 0);
	CHECK_INT(plain.n, 50);
	for (int i = 0; i < 50; i++)
		CHECK_INT(plain.p[i], i);
	CHECK_INT(wire.n, 0);
	CHECK_INT(tls_record_seal(r, buf_strv(&plain), &wire), 0);
	CHECK(is_hex(wire.p, wire.n, server_data));
	buf_clear(&wire);
	n = unhex(client_bye, record);
	CHECK_INT(tls_record_feed(r, strv_make((char *)record, n), &plain, &wire),
		  -EPIPE);
	tls_record_close_notify(r, &wire);
	CHECK(is_hex(wire.p, wire.n, server_bye));
	tls_record_free(&r);
}

TEST(tls_record_carries_bytes_both_ways)
{
	EACH_SUITE(start)
	{
		AUTO(buf_free) struct buf content = BUF_INIT(1 << 15);
		struct rig g;

		rig_open(&g, start);
		forge_seal(&g.client, 23, STRV("one"), &g.in);
		forge_seal(&g.client, 23, STRV("two"), &g.in);
		CHECK_INT(rig_feed(&g), 0);
		CHECK_STR(buf_strv(&g.plain), "onetwo");
		CHECK_INT(tls_record_seal(g.r, STRV("answer"), &g.wire), 0);
		CHECK_INT(tls_record_seal(g.r, STRV("and more"), &g.wire), 0);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_STR(buf_strv(&content), "answer");
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_STR(buf_strv(&content), "and more");
		CHECK_STR(strv_from(tls_record_error(g.r)), "");
		rig_close(&g);
	}
}

/* The same bytes as with a copy, whatever the length; the room in front is not looked at. */
TEST(tls_record_is_sealed_in_its_place)
{
	static const size_t lengths[] = { 1,
					  2,
					  15,
					  16,
					  17,
					  31,
					  32,
					  33,
					  255,
					  4000,
					  4096,
					  TLS_RECORD_MAX - 1,
					  TLS_RECORD_MAX };

	EACH_SUITE(start)
	{
		struct rig g, copy;

		rig_open(&g, start);
		rig_open(&copy, start);
		for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
			AUTO(buf_free) struct buf b = BUF_INIT(1 << 15);
			size_t n = lengths[i], from;
			char text[TLS_RECORD_MAX];

			for (size_t at = 0; at < n; at++)
				text[at] = (char)(at * 7 + i);
			buf_put(&b, STRV("0123456789abc"));
			CHECK_INT(b.n, TLS_ROOM);
			buf_put(&b, strv_make(text, n));
			CHECK(tls_record_takes_whole(g.r, n));
			CHECK_INT(tls_record_seal_in_place(g.r, &b, &from), 0);
			CHECK_INT(tls_record_seal(copy.r, strv_make(text, n), &copy.wire),
				  0);
			CHECK(strv_eq(strv_from_pos(buf_strv(&b), from),
				      buf_strv(&copy.wire)));
			buf_clear(&copy.wire);
		}
		rig_close(&g);
		rig_close(&copy);
	}
}

TEST(tls_record_takes_whole_what_fits)
{
	EACH_SUITE(start)
	{
		AUTO(buf_free) struct buf b = BUF_INIT(TLS_ROOM + 12);
		struct rig g;
		size_t from;

		rig_open(&g, start);
		CHECK(!tls_record_takes_whole(g.r, 0));
		CHECK(tls_record_takes_whole(g.r, TLS_RECORD_MAX));
		CHECK(!tls_record_takes_whole(g.r, TLS_RECORD_MAX + 1));
		buf_put(&b, STRV("0123456789abc"));
		buf_put(&b, STRV("no tag here"));
		CHECK_INT(tls_record_seal_in_place(g.r, &b, &from), -EMSGSIZE);
		tls_record_close_notify(g.r, &g.wire);
		CHECK(!tls_record_takes_whole(g.r, 1));
		rig_close(&g);
	}
}

TEST(tls_record_is_cut_and_joined_anywhere)
{
	EACH_SUITE(start)
	{
		for (size_t piece = 1; piece < 90; piece++) {
			struct rig g;

			rig_open(&g, start);
			forge_seal(&g.client, 23, STRV("one"), &g.in);
			forge_seal(&g.client, 23, STRV(""), &g.in);
			forge_seal(&g.client, 23, STRV("two and three"), &g.in);
			CHECK_INT(rig_feed_by(&g, piece), 0);
			CHECK_STR(buf_strv(&g.plain), "onetwo and three");
			rig_close(&g);
		}
	}
}

/* Type and length of the header stand in clear; all else is bound by the tag. */
TEST(tls_record_is_refused_when_any_byte_is_changed)
{
	EACH_SUITE(start)
	{
		for (size_t at = 0;; at++) {
			struct rig g;
			size_t n;

			rig_open(&g, start);
			forge_seal(&g.client, 23, STRV("pay 10 ducats"), &g.in);
			n = g.in.n;
			if (at == n) {
				rig_close(&g);
				break;
			}
			g.in.p[at] ^= 1;
			if (at ==
			    3) { /* 256 bytes longer: nothing is wrong until they come */
				while (g.in.n < n + 256)
					buf_putc(&g.in, 'x');
			} else if (at == 4 && (g.in.p[4] & 1)) {
				buf_putc(&g.in, 'x');
			}
			CHECK_INT(rig_feed(&g), -EPROTO);
			CHECK_INT(g.plain.n, 0);
			/* Type 23 ^ 1 is handshake. */
			rig_check_failed(&g, at == 0 && start->v13
						     ? SSL_AD_UNEXPECTED_MESSAGE
						     : SSL_AD_BAD_RECORD_MAC);
			rig_close(&g);
		}
	}
}

TEST(tls_record_is_refused_out_of_order_twice_and_with_another_key)
{
	EACH_SUITE(start)
	{
		for (int which = 0; which < 3; which++) {
			struct rig g;

			rig_open(&g, start);
			if (which == 0)
				g.client.side.seq++;
			if (which == 1) {
				forge_seal(&g.client, 23, STRV(""), &g.in);
				g.client.side.seq--;
			}
			if (which == 2)
				g.client.side.key[0] ^= 1;
			forge_seal(&g.client, 23, STRV("pay 10 ducats"), &g.in);
			CHECK_INT(rig_feed(&g), -EPROTO);
			CHECK_INT(g.plain.n, 0);
			rig_check_failed(&g, SSL_AD_BAD_RECORD_MAC);
			rig_close(&g);
		}
	}
}

TEST(tls_record_without_room_for_a_tag_is_refused)
{
	EACH_SUITE(start)
	{
		for (int n = 0; n < 16; n++) {
			struct rig g;
			char b[] = { 23, 3, 3, 0, (char)n };

			rig_open(&g, start);
			buf_put(&g.in, strv_make(b, sizeof(b)));
			CHECK_INT(rig_feed(&g), -EPROTO);
			rig_check_failed(&g, SSL_AD_BAD_RECORD_MAC);
			rig_close(&g);
		}
	}
}

static struct strv zeros(size_t n)
{
	static const char all[1 << 16];

	return strv_make(all, n);
}

TEST(tls_record_has_a_greatest_length)
{
	EACH_SUITE(start)
	{
		for (size_t more = 0; more < 2; more++) {
			struct rig g;

			rig_open(&g, start);
			forge_seal(&g.client, 23, zeros(TLS_RECORD_MAX + more), &g.in);
			CHECK_INT(rig_feed(&g), more ? -EPROTO : 0);
			CHECK_INT(g.plain.n, more ? 0 : TLS_RECORD_MAX);
			if (more)
				rig_check_failed(&g, SSL_AD_RECORD_OVERFLOW);
			rig_close(&g);
		}
	}
}

/* By the header alone: its body is not awaited. */
TEST(tls_record_of_a_length_that_none_can_have_is_refused_at_once)
{
	EACH_SUITE(start)
	{
		size_t most = start->v13 ? (1 << 14) + 256 : (1 << 14) + 2048;

		for (size_t more = 0; more < 2; more++) {
			struct rig g;
			char b[] = { 23, 3, 3, (char)((most + more) >> 8),
				     (char)(most + more) };

			rig_open(&g, start);
			buf_put(&g.in, strv_make(b, sizeof(b)));
			CHECK_INT(rig_feed(&g), more ? -EPROTO : 0);
			if (more)
				rig_check_failed(&g, SSL_AD_RECORD_OVERFLOW);
			rig_close(&g);
		}
	}
}

TEST(tls_record_splits_what_is_long)
{
	EACH_SUITE(start)
	{
		AUTO(buf_free) struct buf content = BUF_INIT(1 << 16);
		struct rig g;

		rig_open(&g, start);
		CHECK_INT(tls_record_seal(g.r, zeros(2 * TLS_RECORD_MAX + 1), &g.wire),
			  0);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_INT(content.n, TLS_RECORD_MAX);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_INT(content.n, TLS_RECORD_MAX);
		CHECK_INT(rig_sent(&g, &content), 23);
		CHECK_INT(content.n, 1);
		CHECK_INT(g.wire.n, 0);
		rig_close(&g);
	}
}

TEST(tls_record_seals_only_where_there_is_room)
{
	EACH_SUITE(start)
	{
		struct rig g;

		rig_open(&g, start);
		g.wire.max = 20;
		CHECK_INT(tls_record_seal(g.r, STRV("x"), &g.wire), -EMSGSIZE);
		CHECK_INT(g.wire.n, 0);
		g.plain.max = 3;
		forge_seal(&g.client, 23, STRV("four"), &g.in);
		CHECK_INT(rig_feed(&g), -EMSGSIZE);
		CHECK_INT(g.plain.n, 0);
		rig_close(&g);
	}
}

TEST(tls_record_types_that_have_no_place_are_refused)
{
	EACH_SUITE(start)
	{
		for (int type = 0; type < 256; type++) {
			struct rig g;

			if (type >= 21 && type <= 23)
				continue;
			rig_open(&g, start);
			/* A change_cipher_spec in its protected form is among them. */
			forge_seal(&g.client, (unsigned char)type, STRV("\1"), &g.in);
			CHECK_INT(rig_feed(&g), -EPROTO);
			rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
			rig_close(&g);
		}
	}
}

TEST(tls_record_in_clear_is_refused)
{
	static const char *const records[] = { "\x14\3\3\0\1\1", "\x15\3\3\0\2\1\0",
					       "\x16\3\3\0\5\x18\0\0\1\0" };

	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		for (int v13 = 0; v13 < 2; v13++) {
			struct tls_start start;
			struct rig g;

			forge_start(&start, v13, TLS_AES_128_GCM, 1);
			rig_open(&g, &start);
			buf_put(&g.in, strv_make(records[i], 5 + (size_t)records[i][4]));
			CHECK_INT(rig_feed(&g), -EPROTO);
			rig_check_failed(&g, v13 || i == 0 ? SSL_AD_UNEXPECTED_MESSAGE
							   : SSL_AD_BAD_RECORD_MAC);
			rig_close(&g);
		}
	}
}

TEST(tls_record_padding_is_taken_off)
{
	static const size_t pads[] = { 0, 1, 7, 255, TLS_RECORD_MAX - 13 };
	struct tls_start start;
	struct rig g;

	start_v13(&start);
	for (size_t i = 0; i < ARRAY_LEN(pads); i++) {
		rig_open(&g, &start);
		forge_put(&g.client, 23, 23, STRV("some content\0"), pads[i], &g.in);
		CHECK_INT(rig_feed(&g), 0);
		CHECK_INT(g.plain.n, sizeof("some content\0") - 1);
		rig_close(&g);
	}
	/* It counts for the length. */
	rig_open(&g, &start);
	forge_put(&g.client, 23, 23, STRV("x"), TLS_RECORD_MAX, &g.in);
	CHECK_INT(rig_feed(&g), -EPROTO);
	rig_check_failed(&g, SSL_AD_RECORD_OVERFLOW);
	rig_close(&g);
}

TEST(tls_record_of_zeros_alone_has_no_type)
{
	struct tls_start start;

	start_v13(&start);
	for (size_t pad = 0; pad < 3; pad++) {
		struct rig g;

		rig_open(&g, &start);
		forge_put(&g.client, 23, 0, STRV(""), pad, &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

TEST(tls_record_may_be_empty_but_not_for_ever)
{
	EACH_SUITE(start)
	{
		struct rig g;

		rig_open(&g, start);
		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < TLS_MAX_EMPTY; i++)
				forge_seal(&g.client, 23, STRV(""), &g.in);
			forge_seal(&g.client, 23, STRV("x"), &g.in);
		}
		CHECK_INT(rig_feed(&g), 0);
		CHECK_STR(buf_strv(&g.plain), "xxx");
		for (int i = 0; i < TLS_MAX_EMPTY + 1; i++)
			forge_seal(&g.client, 23, STRV(""), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

/* --- alerts --- */

TEST(tls_record_hears_goodbye_and_nothing_behind_it)
{
	EACH_SUITE(start)
	{
		struct rig g;

		rig_open(&g, start);
		forge_seal(&g.client, 23, STRV("bye"), &g.in);
		forge_seal(&g.client, 21, STRV("\1\0"), &g.in);
		forge_seal(&g.client, 23, STRV("too late"), &g.in);
		buf_put(&g.in, STRV("and this is no record"));
		CHECK_INT(rig_feed(&g), -EPIPE);
		buf_put(&g.in, STRV("and this"));
		CHECK_INT(rig_feed(&g), -EPIPE);
		CHECK_STR(buf_strv(&g.plain), "bye");
		CHECK_INT(g.wire.n, 0);
		CHECK_INT(tls_record_seal(g.r, STRV("x"), &g.wire), 0); /* we may go on */
		rig_close(&g);
	}
}

TEST(tls_record_says_goodbye_once_and_then_nothing)
{
	EACH_SUITE(start)
	{
		struct rig g;

		rig_open(&g, start);
		tls_record_close_notify(g.r, &g.wire);
		rig_check_alert(&g, 1, SSL_AD_CLOSE_NOTIFY);
		tls_record_close_notify(g.r, &g.wire);
		CHECK_INT(tls_record_seal(g.r, STRV("x"), &g.wire), -EPROTO);
		forge_seal(&g.client, 23, STRV("still here"), &g.in);
		CHECK_INT(rig_feed(&g), 0);
		CHECK_STR(buf_strv(&g.plain), "still here");
		forge_seal(&g.client, 20, STRV("\1"), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		CHECK_INT(g.wire.n, 0);
		rig_close(&g);
	}
}

TEST(tls_record_fails_with_the_peers_alert)
{
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	EACH_SUITE(start)
	{
		for (int what = 1; what < 256; what++) {
			char alert[] = { 2, (char)what };
			struct rig g;

			if (what == SSL_AD_USER_CANCELLED && start->v13)
				continue;
			rig_open(&g, start);
			/* In TLS 1.3, the level says nothing. */
			alert[0] = (char)(start->v13 && what % 2 ? what : 2);
			forge_seal(&g.client, 21, strv_make(alert, 2), &g.in);
			CHECK_INT(rig_feed(&g), -EPROTO);
			CHECK_INT(g.wire.n, 0); /* no answer */
			CHECK(tls_record_error(g.r)[0] != '\0');
			if (what == SSL_AD_UNKNOWN_CA)
				CHECK_STR(strv_from(tls_record_error(g.r)),
					  "tlsv1 alert unknown ca");
			CHECK_INT(tls_record_seal(g.r, STRV("x"), &g.wire), -EPROTO);
			rig_close(&g);
		}
	}
}

TEST(tls_record_bears_some_warnings)
{
	EACH_SUITE(start)
	{
		struct rig g;

		rig_open(&g, start);
		for (int i = 0; i < TLS_MAX_WARNINGS; i++)
			forge_seal(&g.client, 21, STRV("\1\x5a"),
				   &g.in); /* user_canceled */
		forge_seal(&g.client, 23, STRV("x"), &g.in);
		CHECK_INT(rig_feed(&g), 0);
		CHECK_STR(buf_strv(&g.plain), "x");
		forge_seal(&g.client, 21, STRV("\1\x5a"), &g.in);
		CHECK_INT(rig_feed(&g), -EPROTO);
		rig_check_failed(&g, SSL_AD_UNEXPECTED_MESSAGE);
		rig_close(&g);
	}
}

TEST(tls_record_refuses_what_is_not_one_alert)
{
	static const struct {
		struct strv content;
		int v12, v13;
	} cases[] = {
		{ STRV_INIT(""), SSL_AD_UNEXPECTED_MESSAGE, SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\1"), SSL_AD_UNEXPECTED_MESSAGE, SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\1\x5a\1\0"), SSL_AD_UNEXPECTED_MESSAGE,
		  SSL_AD_UNEXPECTED_MESSAGE },
		{ STRV_INIT("\3\x5a"), SSL_AD_ILLEGAL_PARAMETER, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		EACH_SUITE(start)
		{
			int alert = start->v13 ? cases[i].v13 : cases[i].v12;
			struct rig g;

			rig_open(&g, start);
			forge_seal(&g.client, 21, cases[i].content, &g.in);
			CHECK_INT(rig_feed(&g), alert ? -EPROTO : 0);
			if (alert)
				rig_check_failed(&g, alert);
			rig_close(&g);
		}
	}
}
