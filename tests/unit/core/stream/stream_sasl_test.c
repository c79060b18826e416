#include "fake.h"
#include "base/base64.h"
#include "core/stream/stream_priv.h"
#include "test.h"

#define SASL_NS "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"

TEST(stream_ends_after_four_failures)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	for (int i = 0; i < 3; i++) {
		fake_send(&f,
			  STRV("<auth " SASL_NS " mechanism='PLAIN'>AGEAYg==</auth>"));
		CHECK(fake_has(fake_out(&f), "<not-authorized/>"));
		CHECK_INT(f.st.state, ST_AUTH);
	}
	fake_send(&f, STRV("<auth " SASL_NS " mechanism='PLAIN'>AGEAYg==</auth>"));
	CHECK(fake_has(fake_out(&f), "<policy-violation "));
	CHECK_INT(f.st.state, ST_CLOSING);
	fake_fini(&f);
}

/* Whoever counts is told of each try once, with the mechanism while it is known. */
TEST(stream_tells_how_tries_end)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER "<auth " SASL_NS " mechanism='NONE'/>"));
	CHECK_INT(f.auth_done, 1);
	CHECK_INT(f.auth_mech, -1);
	CHECK_INT(f.auth_err, SASL_ERR_INVALID_MECHANISM);
	fake_send(&f, STRV("<auth " SASL_NS " mechanism='PLAIN'>AGEAYg==</auth>"));
	CHECK_INT(f.auth_done, 2);
	CHECK_INT(f.auth_mech, SASL_PLAIN);
	CHECK_INT(f.auth_err, SASL_ERR_NOT_AUTHORIZED);
	fake_send(&f, STRV(FAKE_PLAIN));
	CHECK_INT(f.auth_done, 3);
	CHECK_INT(f.auth_mech, SASL_PLAIN);
	CHECK_INT(f.auth_err, SASL_ERR_NONE);
	fake_fini(&f);
}

TEST(stream_offers_what_the_listeners_methods_serve)
{
	struct fake f;

	fake_init(&f);
	f.listener.auth_methods = 0;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	CHECK(strstr(fake_out(&f), "mechanism") == NULL);
	fake_send(&f, STRV("<auth " SASL_NS " mechanism='PLAIN'>AGEAYg==</auth>"));
	CHECK(fake_has(fake_out(&f), "<invalid-mechanism/>"));
	fake_send(&f,
		  STRV("<auth " SASL_NS " mechanism='SCRAM-SHA-1'>bixhPWIsbj1h</auth>"));
	CHECK(fake_has(fake_out(&f), "<invalid-mechanism/>"));
	fake_fini(&f);
}

struct sasl_case {
	const char *auth, *error;
};

TEST(stream_sasl_failures_have_their_condition)
{
	static const struct sasl_case cases[] = {
		{ "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVv*</auth>",
		  "incorrect-encoding" },
		{ "<auth " SASL_NS " mechanism='PLAIN'>AHJv bWVv</auth>",
		  "incorrect-encoding" },
		{ "<auth " SASL_NS " mechanism='PLAIN'>cm9tZW8=</auth>",
		  "malformed-request" },
		{ "<auth " SASL_NS " mechanism='PLAIN'>=</auth>", "malformed-request" },
		{ "<auth " SASL_NS " mechanism='DIGEST-MD5'/>", "invalid-mechanism" },
		{ "<auth " SASL_NS "/>", "invalid-mechanism" },
		/* a@example.com NUL romeo NUL secret */
		{ "<auth " SASL_NS
		  " mechanism='PLAIN'>YUBleGFtcGxlLmNvbQByb21lbwBzZWNyZXQ=</auth>",
		  "invalid-authzid" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;

		fake_init(&f);
		fake_start(&f);
		fake_send(&f, STRV(FAKE_HEADER));
		fake_out(&f);
		fake_send(&f, strv_from(cases[i].auth));
		CHECK(fake_has(fake_out(&f), cases[i].error));
		CHECK_INT(f.st.state, ST_AUTH);
		fake_fini(&f);
	}
}

TEST(stream_takes_no_input_while_it_waits)
{
	struct fake f;

	fake_init(&f);
	f.answers = false;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER FAKE_PLAIN "<unknown/>"));
	CHECK(fake_has(fake_events(&f), "password romeo@example.com;"));
	CHECK(f.in.n > 0);
	CHECK_INT(f.timeout_ms, -1);
	stream_on_password(&f.st, PASSWORD_BUSY);
	CHECK(fake_has(fake_out(&f), "<temporary-auth-failure/>"));
	fake_send(&f, STRV(""));
	CHECK(fake_has(fake_out(&f), "unsupported-stanza-type"));
	fake_fini(&f);
}

static void scram(struct fake *f, const char *mechanism, const char *gs2, struct strv cb,
		  const char *password)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(8192);
	struct scram_client c = { .alg = DIGEST_SHA1,
				  .user = STRV("romeo"),
				  .password = strv_from(password) };
	struct strv first =
		scram_client_first(a, &c, strv_from(gs2), STRV("clientnonce"));
	struct strv final, challenge;
	char *plain;
	size_t n;
	const char *out;

	buf_putf(&b, "<auth " SASL_NS " mechanism='%s'>", mechanism);
	CHECK_INT(buf_add_base64(&b, first.p, first.n), 0);
	buf_put(&b, STRV("</auth>"));
	fake_send(f, buf_strv(&b));
	out = strstr(buf_cstr(&f->out), "<challenge");
	if (out == NULL)
		return;
	fake_out(f);
	challenge = strv_from(strchr(out, '>') + 1);
	challenge.n = (size_t)strv_find(challenge, '<');
	plain = arena_alloc(a, challenge.n);
	CHECK_INT(base64_decode(challenge, plain, &n), 0);
	CHECK_INT(scram_client_final(a, &c, strv_make(plain, n), cb, &final), 0);
	buf_clear(&b);
	buf_put(&b, STRV("<response " SASL_NS ">"));
	CHECK_INT(buf_add_base64(&b, final.p, final.n), 0);
	buf_put(&b, STRV("</response>"));
	fake_send(f, buf_strv(&b));
}

static void start_secure(struct fake *f)
{
	fake_init(f);
	f->listener.has_tls = true;
	f->listener.tls.mode = TLS_MODE_TLS;
	f->cb[CB_TLS_EXPORTER] = STRV("exported");
	fake_start(f);
	f->st.secure = true;
	fake_send(f, STRV(FAKE_HEADER));
}

TEST(stream_scram_with_and_without_channel_binding)
{
	struct fake f;

	start_secure(&f);
	CHECK(fake_has(fake_out(&f), "<mechanism>SCRAM-SHA-1-PLUS</mechanism>"));
	scram(&f, "SCRAM-SHA-1-PLUS", "p=tls-exporter,,", STRV("exported"), "secret");
	CHECK(fake_has(fake_out(&f), "<success "));
	CHECK(fake_has(fake_events(&f), "authenticated romeo@example.com;"));
	fake_fini(&f);

	start_secure(&f);
	scram(&f, "SCRAM-SHA-1", "n,,", STRV_NULL, "secret");
	CHECK(fake_has(fake_out(&f), "<success "));
	fake_fini(&f);
}

TEST(stream_scram_refuses_a_downgrade_and_another_binding)
{
	struct fake f;

	start_secure(&f);
	fake_out(&f);
	scram(&f, "SCRAM-SHA-1", "y,,", STRV_NULL, "secret");
	CHECK(fake_has(fake_out(&f), "<not-authorized/>"));
	scram(&f, "SCRAM-SHA-1-PLUS", "p=tls-exporter,,", STRV("another"), "secret");
	CHECK(fake_has(fake_out(&f), "<not-authorized/>"));
	scram(&f, "SCRAM-SHA-1-PLUS", "p=tls-unique,,", STRV("x"), "secret");
	CHECK(f.st.neg->auth_failures == 1 && f.st.neg->auth_tries == 3);
	fake_fini(&f);
}

TEST(stream_scram_fails_for_nobody_even_with_fitting_keys)
{
	struct fake f;

	fake_init(&f);
	f.account_exists = false;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	scram(&f, "SCRAM-SHA-1", "n,,", STRV_NULL, "secret");
	CHECK(fake_has(fake_out(&f), "<not-authorized/>"));
	fake_fini(&f);
}

TEST(stream_asks_for_the_initial_response)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER "<auth " SASL_NS " mechanism='PLAIN'/>"));
	CHECK(fake_has(fake_out(&f), "<challenge " SASL_NS "></challenge>"));
	fake_send(&f, STRV("<response " SASL_NS ">AHJvbWVvAHNlY3JldA==</response>"));
	CHECK(fake_has(fake_out(&f), "<success "));
	fake_fini(&f);
}

/* Neither shows before it is time: not by what is said, and not by what is taken meanwhile. */
TEST(stream_says_when_it_is_time_whether_a_password_was_right)
{
	static const struct {
		const char *password, *tried, *said;
	} cases[] = {
		{ "secret", "right for romeo@example.com;", "<success " },
		{ "wrong", "wrong for romeo@example.com;", "<not-authorized/>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;

		fake_init(&f);
		f.delays = true;
		fake_start(&f);
		fake_send(&f, STRV(FAKE_HEADER));
		scram(&f, "SCRAM-SHA-1", "n,,", STRV_NULL, cases[i].password);
		CHECK(fake_has(fake_events(&f), cases[i].tried));
		fake_send(&f, STRV("<unknown/>"));
		CHECK_STR(strv_from(fake_out(&f)), "");
		CHECK_INT(f.timeout_ms, -1);
		stream_on_answer_due(&f.st);
		CHECK(fake_has(fake_out(&f), cases[i].said));
		CHECK_INT(f.timeout_ms, 5000);
		fake_fini(&f);
	}
}

TEST(stream_that_ends_before_it_is_time_says_nothing)
{
	struct fake f;

	fake_init(&f);
	f.delays = true;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER FAKE_PLAIN));
	CHECK(fake_has(fake_events(&f), "right for romeo@example.com;"));
	fake_out(&f);
	stream_on_eof(&f.st);
	stream_on_answer_due(&f.st);
	CHECK_STR(strv_from(fake_out(&f)), "</stream:stream>");
	CHECK_STR(strv_from(fake_events(&f)), "close -;");
	fake_fini(&f);
}

/* That the authorization identity is wrong says that the password is right. */
TEST(stream_counts_a_right_password_for_another_identity_as_right)
{
	struct fake f;

	fake_init(&f);
	f.delays = true;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	scram(&f, "SCRAM-SHA-1", "n,a=juliet@example.com,", STRV_NULL, "secret");
	CHECK(fake_has(fake_events(&f), "right for romeo@example.com;"));
	fake_out(&f);
	stream_on_answer_due(&f.st);
	CHECK(fake_has(fake_out(&f), "<invalid-authzid/>"));
	fake_fini(&f);
}
