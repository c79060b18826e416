/* SASL ANONYMOUS, as the stream machine speaks it. */
#include "fake.h"
#include "core/stream/stream_priv.h"
#include "test.h"

#define SASL_NS	  "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define ANONYMOUS "<auth " SASL_NS " mechanism='ANONYMOUS'"
#define OFFER	  "<mechanism>ANONYMOUS</mechanism>"

static void start(struct fake *f, int64_t protocol, unsigned methods)
{
	fake_init(f);
	f->conf.auth.anonymous.protocol = protocol;
	f->conf.auth.method_set = f->listener.auth_methods = methods;
	fake_start(f);
	fake_send(f, STRV(FAKE_HEADER));
}

enum { BOTH = ANONYMOUS_SASL | ANONYMOUS_LOGIN, METHOD = 1u << AUTH_ANONYMOUS };

/* XEP-0175 2: an empty <auth/> is the whole message. */
TEST(stream_anonymous_logs_in_at_once)
{
	static const char *const ways[] = { ANONYMOUS "/>", ANONYMOUS "></auth>",
					    ANONYMOUS ">=</auth>" };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct fake f;

		start(&f, ANONYMOUS_SASL, METHOD);
		CHECK(fake_has(fake_out(&f), "'>" OFFER "</mechanisms>"));
		fake_send(&f, strv_from(ways[i]));
		CHECK(fake_has(fake_out(&f), "<success " SASL_NS "/>"));
		CHECK(f.st.authed && f.st.jid.n_local == 36);
		CHECK_STR(jid_domain(f.st.jid), "example.com");
		CHECK(fake_has(fake_events(&f), "@example.com \"\";"));
		fake_fini(&f);
	}
}

TEST(stream_anonymous_names_differ)
{
	struct fake one, two;

	start(&one, ANONYMOUS_SASL, METHOD);
	start(&two, ANONYMOUS_SASL, METHOD);
	fake_send(&one, STRV(ANONYMOUS "/>"));
	fake_send(&two, STRV(ANONYMOUS "/>"));
	CHECK(!jid_eq(one.st.jid, two.st.jid));
	fake_fini(&one);
	fake_fini(&two);
}

/* Trace information goes to the log, and nowhere else. */
TEST(stream_anonymous_takes_trace_information)
{
	struct fake f;

	start(&f, ANONYMOUS_SASL, METHOD);
	fake_send(&f, STRV(ANONYMOUS ">c2lyaGM=</auth>"));
	CHECK(fake_has(fake_events(&f), " \"sirhc\";"));
	CHECK(f.st.authed && strv_find(jid_text(f.st.jid), 'h') < 0);
	fake_fini(&f);
}

TEST(stream_anonymous_refuses_what_is_no_trace)
{
	static const struct {
		const char *message, *error;
	} cases[] = {
		{ "YQpi", "malformed-request" }, /* a LF b */
		{ "//8=", "malformed-request" },
		{ "anV!", "incorrect-encoding" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(4096);
		struct fake f;

		start(&f, ANONYMOUS_SASL, METHOD);
		fake_out(&f);
		buf_putf(&b, ANONYMOUS ">%s</auth>", cases[i].message);
		fake_send(&f, buf_strv(&b));
		CHECK(fake_has(fake_out(&f), cases[i].error));
		CHECK(!f.st.authed && strstr(fake_events(&f), "enter") == NULL);
		fake_fini(&f);
	}
}

TEST(stream_anonymous_is_offered_only_where_it_can_be)
{
	static const struct {
		int64_t protocol;
		unsigned methods, allowed;
		bool listed, anonymous, plain;
	} cases[] = {
		{ ANONYMOUS_SASL, METHOD, ~0u, true, true, false },
		{ ANONYMOUS_LOGIN, METHOD, ~0u, true, false, true },
		{ BOTH, METHOD, ~0u, true, true, true },
		{ BOTH, METHOD, ~0u, false, false, true },
		{ BOTH, METHOD | 1u << AUTH_INTERNAL, 1u << AUTH_INTERNAL, true, false,
		  true },
		{ BOTH, METHOD | 1u << AUTH_INTERNAL, 0, true, false, false },
		{ BOTH, 1u << AUTH_INTERNAL, ~0u, true, false, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;
		const char *out;

		fake_init(&f);
		f.conf.auth.anonymous.protocol = cases[i].protocol;
		f.conf.auth.method_set = cases[i].methods;
		f.listener.auth_methods = cases[i].allowed;
		if (!cases[i].listed)
			f.conf.auth.mechanisms &= ~(1u << SASL_ANONYMOUS);
		fake_start(&f);
		fake_send(&f, STRV(FAKE_HEADER));
		out = fake_out(&f);
		CHECK_INT(strstr(out, OFFER) != NULL, cases[i].anonymous);
		CHECK_INT(strstr(out, ">PLAIN<") != NULL, cases[i].plain);
		fake_send(&f, STRV(ANONYMOUS "/>"));
		if (!cases[i].anonymous)
			CHECK(fake_has(fake_out(&f), "<invalid-mechanism/>"));
		CHECK_INT(f.st.authed, cases[i].anonymous);
		fake_fini(&f);
	}
}

/* Where TLS is required nobody gets in without, with or without a password. */
TEST(stream_anonymous_waits_for_tls_where_it_is_required)
{
	struct fake f;

	fake_init(&f);
	f.conf.auth.anonymous.protocol = ANONYMOUS_SASL;
	f.conf.auth.method_set = f.listener.auth_methods = METHOD;
	f.listener.has_tls = true;
	f.listener.tls.mode = TLS_MODE_STARTTLS_REQUIRED;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	CHECK(strstr(fake_out(&f), OFFER) == NULL);
	fake_send(&f, STRV(ANONYMOUS "/>"));
	CHECK(fake_has(fake_out(&f), "<encryption-required/>"));
	CHECK(!f.st.authed);
	fake_fini(&f);

	start(&f, ANONYMOUS_SASL, METHOD);
	f.listener.has_tls = true;
	f.listener.tls.mode = TLS_MODE_STARTTLS;
	fake_send(&f, STRV(ANONYMOUS "/>")); /* no secret is told */
	CHECK(f.st.authed);
	fake_fini(&f);
}

TEST(stream_anonymous_may_be_told_to_come_later)
{
	struct fake f;

	start(&f, ANONYMOUS_SASL, METHOD);
	f.account_exists = false; /* too many are there */
	fake_out(&f);
	fake_send(&f, STRV(ANONYMOUS "/>"));
	CHECK(fake_has(fake_out(&f), "<temporary-auth-failure/>"));
	CHECK(!f.st.authed);
	fake_fini(&f);
}
