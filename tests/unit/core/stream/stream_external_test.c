/* SASL EXTERNAL, as the stream machine speaks it. */
#include "fake.h"
#include "core/stream/stream_priv.h"
#include "test.h"

#define SASL_NS	 "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define EXTERNAL "<auth " SASL_NS " mechanism='EXTERNAL'>"
#define JULIET	 "anVsaWV0QGV4YW1wbGUuY29t" /* juliet@example.com */
#define OFFER	 "<mechanism>EXTERNAL</mechanism>"

static const int64_t rules[] = { EXTERNAL_STANDARD };
static const struct cert_names romeo = { .address = { STRV("romeo@example.com") },
					 .n_addresses = 1 };
static const struct cert_names both = { .address = { STRV("romeo@example.com"),
						     STRV("juliet@example.com") },
					.n_addresses = 2 };

/* A stream over TLS, with this certificate. */
static void start(struct fake *f, const struct cert_names *certificate, unsigned methods)
{
	fake_init(f);
	f->listener.has_tls = true;
	f->listener.tls.mode = TLS_MODE_TLS;
	f->listener.auth_methods = ~0u;
	f->conf.auth.method_set = methods;
	f->conf.auth.external.rules = rules;
	f->conf.auth.external.n_rules = 1;
	f->certificate = certificate;
	fake_start(f);
	f->st.secure = true;
	fake_send(f, STRV(FAKE_HEADER));
}

enum { INTERNAL = 1u << AUTH_INTERNAL, PKI = 1u << AUTH_PKI };

TEST(stream_external_logs_in)
{
	struct fake f;

	start(&f, &romeo, INTERNAL);
	CHECK(fake_has(fake_out(&f), OFFER));
	fake_send(&f, STRV(EXTERNAL "=</auth>"));
	CHECK(fake_has(fake_out(&f), "<success "));
	CHECK(fake_has(fake_events(&f), "vouched romeo@example.com;"));
	CHECK_STR(jid_text(f.st.jid), "romeo@example.com");
	CHECK(f.st.authed);
	fake_fini(&f);
}

TEST(stream_external_takes_an_identity_and_a_challenge)
{
	struct fake f;

	start(&f, &both, INTERNAL | PKI);
	fake_out(&f);
	fake_send(&f, STRV(EXTERNAL JULIET "</auth>"));
	CHECK(fake_has(fake_out(&f), "<success "));
	CHECK(fake_has(fake_events(&f), "vouched juliet@example.com pki;"));
	fake_fini(&f);

	start(&f, &both, PKI);
	fake_out(&f);
	fake_send(&f, STRV("<auth " SASL_NS " mechanism='EXTERNAL'/>"));
	CHECK(fake_has(fake_out(&f), "<challenge " SASL_NS "></challenge>"));
	fake_send(&f, STRV("<response " SASL_NS ">" JULIET "</response>"));
	CHECK(fake_has(fake_out(&f), "<success "));
	CHECK(fake_has(fake_events(&f), "authenticated juliet@example.com;"));
	fake_fini(&f);

	start(&f, &romeo, PKI);
	fake_send(&f, STRV("<auth " SASL_NS " mechanism='EXTERNAL'/>"));
	fake_out(&f);
	fake_send(&f, STRV("<response " SASL_NS "/>"));
	CHECK(fake_has(fake_out(&f), "<success "));
	fake_fini(&f);
}

/* A certificate, its listing and a method for it: all three must be there. */
TEST(stream_external_is_offered_only_where_it_can_be)
{
	static const struct {
		const struct cert_names *certificate;
		bool secure, listed;
		unsigned methods, allowed;
	} cases[] = {
		{ NULL, true, true, INTERNAL | PKI, ~0u },
		{ &romeo, false, true, INTERNAL | PKI, ~0u },
		{ &romeo, true, false, INTERNAL | PKI, ~0u },
		{ &romeo, true, true, INTERNAL | PKI, 0 },
		{ &romeo, true, true, PKI, INTERNAL },
		{ &romeo, true, true, INTERNAL, PKI },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;

		fake_init(&f);
		f.certificate = cases[i].certificate;
		f.listener.auth_methods = cases[i].allowed;
		f.conf.auth.method_set = cases[i].methods;
		f.conf.auth.external.rules = rules;
		f.conf.auth.external.n_rules = 1;
		if (!cases[i].listed)
			f.conf.auth.mechanisms &= ~(1u << SASL_EXTERNAL);
		fake_start(&f);
		f.st.secure = cases[i].secure;
		fake_send(&f, STRV(FAKE_HEADER));
		CHECK(strstr(fake_out(&f), OFFER) == NULL);
		fake_send(&f, STRV(EXTERNAL "=</auth>"));
		CHECK(fake_has(fake_out(&f), "<invalid-mechanism/>"));
		CHECK(!f.st.authed);
		fake_fini(&f);
	}
}

TEST(stream_external_of_pki_alone_is_all_there_is)
{
	struct fake f;
	const char *out;

	start(&f, &romeo, PKI);
	out = fake_out(&f);
	CHECK(fake_has(out, OFFER) && strstr(out, "SCRAM") == NULL &&
	      strstr(out, "PLAIN") == NULL);
	fake_send(&f, STRV(FAKE_PLAIN));
	CHECK(fake_has(fake_out(&f), "<invalid-mechanism/>"));
	fake_fini(&f);
}

TEST(stream_external_failures_have_their_condition)
{
	static const struct cert_names none = { .common_name = STRV("romeo") };
	static const struct {
		const struct cert_names *certificate;
		const char *message, *error;
	} cases[] = {
		{ &romeo, JULIET, "invalid-authzid" },
		{ &both, "=", "invalid-authzid" },
		{ &none, "=", "not-authorized" },
		{ &none, JULIET, "not-authorized" },
		{ &romeo, "AGEAYg==", "malformed-request" }, /* NUL a NUL b */
		{ &romeo, "//8=", "malformed-request" },
		{ &romeo, "anV!", "incorrect-encoding" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(4096);
		struct fake f;

		start(&f, cases[i].certificate, INTERNAL | PKI);
		fake_out(&f);
		buf_putf(&b, EXTERNAL "%s</auth>", cases[i].message);
		fake_send(&f, buf_strv(&b));
		CHECK(fake_has(fake_out(&f), cases[i].error));
		CHECK(!f.st.authed && strstr(fake_events(&f), "vouched") == NULL);
		fake_fini(&f);
	}
}

TEST(stream_external_needs_the_account)
{
	struct fake f;

	start(&f, &romeo, INTERNAL);
	f.account_exists = false;
	fake_out(&f);
	fake_send(&f, STRV(EXTERNAL "=</auth>"));
	CHECK(fake_has(fake_out(&f), "<not-authorized/>"));
	CHECK(!f.st.authed);
	f.answers = false;
	fake_send(&f, STRV(EXTERNAL "=</auth>"));
	CHECK(f.st.waiting);
	stream_on_password(&f.st, PASSWORD_BUSY);
	CHECK(fake_has(fake_out(&f), "<temporary-auth-failure/>"));
	fake_fini(&f);
}

/* The certificate alone is no login: whoever has one may still prove to be somebody else. */
TEST(stream_certificate_alone_logs_nobody_in)
{
	struct fake f;

	start(&f, &romeo, INTERNAL);
	CHECK(!f.st.authed);
	fake_out(&f);
	fake_send(&f, STRV("<auth " SASL_NS
			   " mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>"));
	CHECK(fake_has(fake_events(&f), "password juliet@example.com;"));
	CHECK_STR(jid_text(f.st.jid), "juliet@example.com");
	fake_fini(&f);
}
