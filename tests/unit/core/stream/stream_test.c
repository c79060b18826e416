#include "fake.h"
#include "base/base64.h"
#include "core/stream/stream_priv.h"
#include "test.h"

#include <stdio.h>

#define SASL_NS "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define BIND \
	"<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"

/* --- headers --- */

struct header_case {
	const char *header, *error;
};

#define NS_S "xmlns:stream='http://etherx.jabber.org/streams'"

static const struct header_case bad_headers[] = {
	{ "<stream:stream xmlns='jabber:client' " NS_S " to='example.com'>",
	  "unsupported-version" },
	{ "<stream:stream xmlns='jabber:client' " NS_S " to='example.com' version='0.9'>",
	  "unsupported-version" },
	{ "<stream:stream xmlns='jabber:client' " NS_S " to='example.com' version='x'>",
	  "unsupported-version" },
	{ "<stream:stream xmlns='jabber:client' " NS_S
	  " to='other.example' version='1.0'>",
	  "host-unknown" },
	{ "<stream:stream xmlns='jabber:client' " NS_S " version='1.0'>",
	  "improper-addressing" },
	{ "<stream:stream xmlns='jabber:server' " NS_S " to='example.com' version='1.0'>",
	  "invalid-namespace" },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' to='example.com' "
	  "version='1.0'>",
	  "invalid-namespace" },
	{ "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' "
	  "to='example.com' version='1.0'>",
	  "bad-namespace-prefix" },
	{ "<html>", "invalid-namespace" },
	{ "GET / HTTP/1.1\r\n\r\n", "not-well-formed" },
	{ "<!-- hello -->", "restricted-xml" },
	{ "<?xml version='1.0' encoding='ISO-8859-1'?>", "unsupported-encoding" },
};

TEST(stream_refuses_bad_headers_with_the_right_error)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_headers); i++) {
		struct fake f;
		const char *out;

		fake_init(&f);
		fake_start(&f);
		fake_send(&f, strv_from(bad_headers[i].header));
		out = fake_out(&f);
		CHECK(fake_has(
			out, "<stream:stream ")); /* ours comes first: RFC 6120 4.9.1.2 */
		CHECK(fake_has(out, bad_headers[i].error) &&
		      fake_has(out, "</stream:stream>"));
		CHECK_INT(f.st.state, ST_CLOSING);
		fake_fini(&f);
	}
}

TEST(stream_header_answers_with_id_version_and_features)
{
	struct fake f;
	const char *out;

	fake_init(&f);
	fake_start(&f);
	fake_send(&f,
		  STRV("<stream:stream xmlns='jabber:client' " NS_S " to='Example.com' "
		       "from='romeo@example.com' version='1.7' xml:lang='de'>"));
	out = fake_out(&f);
	CHECK(fake_has(out, "from='example.com'") &&
	      fake_has(out, "to='romeo@example.com'"));
	CHECK(fake_has(out, " id='") && fake_has(out, "version='1.0'") &&
	      fake_has(out, "xml:lang='de'"));
	CHECK(fake_has(out, "<mechanism>SCRAM-SHA-1</mechanism>") &&
	      fake_has(out, "<mechanism>PLAIN<"));
	CHECK(!strstr(out, "PLUS") && !strstr(out, "starttls"));
	CHECK_INT(f.st.state, ST_AUTH);
	fake_fini(&f);
}

TEST(stream_without_to_is_for_the_only_host)
{
	struct fake f;

	fake_init(&f);
	f.conf.n_hosts = 1;
	fake_start(&f);
	fake_send(&f,
		  STRV("<stream:stream xmlns='jabber:client' " NS_S " version='1.0'>"));
	CHECK_INT(f.st.state, ST_AUTH);
	fake_fini(&f);
}

TEST(stream_hides_its_name_from_what_does_not_speak_xmpp)
{
	static const char *const others[] = { "GET / HTTP/1.0\r\n\r\n", "<html>",
					      "\x16\x03\x01" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct fake f;

		fake_init(&f);
		f.conf.general.hide_service_name = true;
		fake_start(&f);
		fake_send(&f, strv_from(others[i]));
		CHECK_STR(strv_from(fake_out(&f)), "");
		CHECK_INT(f.st.state, ST_CLOSING);
		fake_fini(&f);
	}
}

/* --- every cell of the table --- */

static const char *const elements[] = {
	"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	"<auth " SASL_NS " mechanism='X'/>",
	"<response " SASL_NS "/>",
	"<abort " SASL_NS "/>",
	BIND,
	"<message/>",
	"<presence/>",
	"<stream:error/>",
	"<other xmlns='urn:other'/>",
};

struct cell {
	const char *out, *events;
};

static void check_cells(void (*enter)(struct fake *), const struct cell *want,
			const char *state)
{
	for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
		struct fake f;
		const char *out, *events;

		fake_init(&f);
		fake_start(&f);
		enter(&f);
		fake_out(&f);
		fake_events(&f);
		fake_send(&f, strv_from(elements[i]));
		out = fake_out(&f);
		events = fake_events(&f);
		if (!fake_has(out, want[i].out) || !fake_has(events, want[i].events))
			test_fail(__FILE__, __LINE__, "%s: %s", state, elements[i]);
		fake_fini(&f);
	}
}

static void enter_auth(struct fake *f)
{
	fake_send(f, STRV(FAKE_HEADER));
}

TEST(stream_cells_of_auth)
{
	static const struct cell want[] = {
		{ "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
		  "close -;" },
		{ "<invalid-mechanism/>", "" },
		{ "<malformed-request/>", "" },
		{ "<aborted/>", "" },
		{ "<not-authorized ", "close not-authorized;" },
		{ "<not-authorized ", "close not-authorized;" },
		{ "<not-authorized ", "close not-authorized;" },
		{ "</stream:stream>", "close -;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
	};
	check_cells(enter_auth, want, "AUTH");
}

TEST(stream_cells_of_binding)
{
	static const struct cell want[] = {
		{ "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
		  "close -;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<jid>romeo@example.com/made</jid>", "bind ;" },
		{ "<not-authorized ", "close not-authorized;" },
		{ "<not-authorized ", "close not-authorized;" },
		{ "</stream:stream>", "close -;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
	};
	check_cells(fake_login, want, "BINDING");
}

TEST(stream_cells_of_bound)
{
	static const struct cell want[] = {
		{ "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
		  "close -;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
		{ "<not-allowed ", "" },
		{ "", "stanza message from romeo@example.com/orchard;" },
		{ "", "stanza presence from romeo@example.com/orchard;" },
		{ "</stream:stream>", "close -;" },
		{ "<unsupported-stanza-type ", "close unsupported-stanza-type;" },
	};
	check_cells(fake_bind, want, "BOUND");
}

/* --- TLS --- */

TEST(stream_starttls_required_offers_nothing_else)
{
	struct fake f;
	const char *out;

	fake_init(&f);
	f.listener.has_tls = true;
	f.listener.tls.mode = TLS_MODE_STARTTLS_REQUIRED;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	out = fake_out(&f);
	CHECK(fake_has(out, "<required/>") && !strstr(out, "mechanism"));
	fake_send(&f, STRV(FAKE_PLAIN));
	CHECK(fake_has(fake_out(&f), "<encryption-required/>"));
	fake_send(&f, strv_from(elements[0]));
	CHECK(fake_has(fake_out(&f), "<proceed ") && fake_has(fake_events(&f), "tls;"));
	fake_send(&f, STRV("<injected/>"));
	CHECK_STR(strv_from(fake_out(&f)), "");
	CHECK_INT(f.st.state, ST_SECURING);
	buf_clear(&f.in); /* the connection discards what came in clear */
	stream_on_secured(&f.st);
	fake_send(&f, STRV(FAKE_HEADER));
	out = fake_out(&f);
	CHECK(fake_has(out, "<mechanism>PLAIN<") && !strstr(out, "starttls"));
	fake_fini(&f);
}

TEST(stream_offers_no_password_in_clear_where_tls_can_be_had)
{
	struct fake f;
	const char *out;

	fake_init(&f);
	f.listener.has_tls = true;
	f.listener.tls.mode = TLS_MODE_STARTTLS;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	out = fake_out(&f);
	CHECK(fake_has(out, "<mechanism>SCRAM-SHA-1</mechanism>") &&
	      !strstr(out, "PLAIN"));
	fake_send(&f, STRV(FAKE_PLAIN));
	CHECK(fake_has(fake_out(&f), "<encryption-required/>"));
	fake_fini(&f);
}

TEST(stream_timeout_in_a_handshake_is_silent)
{
	struct fake f;

	fake_init(&f);
	f.listener.has_tls = true;
	f.listener.tls.mode = TLS_MODE_STARTTLS;
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER));
	fake_send(&f, strv_from(elements[0]));
	fake_out(&f);
	stream_on_timeout(&f.st);
	CHECK_STR(strv_from(fake_out(&f)), "");
	CHECK(fake_has(fake_events(&f), "close connection-timeout;"));
	fake_fini(&f);
}

TEST(stream_timeout_before_the_header_sends_ours_first)
{
	struct fake f;
	const char *out;

	fake_init(&f);
	fake_start(&f);
	CHECK_INT(f.timeout_ms, 5000);
	stream_on_timeout(&f.st);
	out = fake_out(&f);
	CHECK(fake_has(out, "<stream:stream ") && fake_has(out, "<connection-timeout "));
	fake_fini(&f);
}

/* Bytes alone, whatever they are, do not. */
static bool is_armed_by(struct fake *f, const char *sent)
{
	f->timeout_ms = -7;
	fake_send(f, strv_from(sent));
	if (f->timeout_ms != -7 && f->timeout_ms != 5000)
		printf("timeout %lld after %s\n", (long long)f->timeout_ms, sent);
	return f->timeout_ms == 5000;
}

#define AUTH_PLAIN "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'"
#define SET_BIND   "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"

TEST(stream_gives_each_step_its_time_and_bytes_none)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	CHECK(!is_armed_by(&f, "<?xml version='1.0'?>"));
	CHECK(!is_armed_by(&f, "<stream:stream xmlns='jabber:client' "));
	CHECK(is_armed_by(&f, "xmlns:stream='http://etherx.jabber.org/streams' "
			      "to='example.com' version='1.0'>"));
	CHECK(!is_armed_by(&f, " \n"));
	CHECK(!is_armed_by(&f, AUTH_PLAIN));
	CHECK(is_armed_by(&f, "/>"));
	CHECK(!is_armed_by(&f, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"));
	CHECK(is_armed_by(&f, "AHJvbWVvAHdyb25n</response>")); /* refused */
	CHECK(is_armed_by(
		&f, "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>"));
	CHECK(is_armed_by(&f, FAKE_PLAIN));
	CHECK(is_armed_by(&f, FAKE_HEADER));
	CHECK(is_armed_by(&f, SET_BIND "<resource>denied</resource></bind></iq>"));
	fake_fini(&f);
}

TEST(stream_gives_a_refused_resource_another_time)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_login(&f);
	CHECK(is_armed_by(&f, "<iq type='get' id='b'>"
			      "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"));
	CHECK(!is_armed_by(&f, SET_BIND));
	fake_send(&f, STRV("<resource>orchard</resource></bind></iq>"));
	CHECK_INT(f.timeout_ms, -1);
	fake_fini(&f);
}

/* --- bind and after --- */

struct input_case {
	const char *sent, *wanted;
};

TEST(stream_ends_after_six_denied_binds)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_login(&f);
	for (int i = 0; i < 6; i++) {
		CHECK_INT(f.st.state, ST_BINDING);
		fake_send(
			&f,
			STRV("<iq type='set' id='x'><bind xmlns='urn:ietf:params:xml:ns:"
			     "xmpp-bind'><resource>denied</resource></bind></iq>"));
	}
	CHECK(fake_has(fake_out(&f), "<policy-violation "));
	fake_fini(&f);
}

TEST(stream_checks_from)
{
	static const struct input_case cases[] = {
		{ "<message from='romeo@example.com/orchard'/>", "stanza message" },
		{ "<message from='romeo@example.com'/>", "stanza message" },
		{ "<message from='romeo@example.com/other'/>", "close invalid-from" },
		{ "<message from='juliet@example.com'/>", "close invalid-from" },
		{ "<message from='@'/>", "close invalid-from" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;

		fake_init(&f);
		fake_start(&f);
		fake_bind(&f);
		fake_send(&f, strv_from(cases[i].sent));
		CHECK(fake_has(fake_events(&f), cases[i].wanted));
		fake_fini(&f);
	}
}

TEST(stream_answers_malformed_stanzas)
{
	static const struct input_case cases[] = {
		{ "<iq type='get'><x xmlns='a'/></iq>", "bad-request" },
		{ "<iq type='get' id='1'/>", "bad-request" },
		{ "<iq type='fetch' id='1'><x xmlns='a'/></iq>", "bad-request" },
		{ "<iq type='set' id='1'><x xmlns='a'/><y xmlns='a'/></iq>",
		  "bad-request" },
		{ "<message to='a@b@c'><body>x</body></message>", "jid-malformed" },
		{ "<presence type='strange'/>", "bad-request" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;

		fake_init(&f);
		fake_start(&f);
		fake_bind(&f);
		fake_send(&f, strv_from(cases[i].sent));
		CHECK(fake_has(fake_out(&f), cases[i].wanted));
		CHECK_INT(f.st.state, ST_BOUND);
		fake_fini(&f);
	}
}

TEST(stream_is_the_same_however_its_bytes_are_cut)
{
	static const char all[] = FAKE_HEADER FAKE_PLAIN FAKE_HEADER BIND
		" <message to='juliet@example.com'><body>hi &amp; bye</body></message>"
		"<presence/></stream:stream>";
	size_t n = sizeof(all) - 1;

	for (size_t cut = 0; cut <= n; cut++) {
		struct fake f;
		const char *events;

		fake_init(&f);
		fake_start(&f);
		if (cut == 0) {
			for (size_t i = 0; i < n; i++)
				fake_send(&f, strv_make(all + i, 1));
		} else {
			fake_send(&f, strv_make(all, cut));
			fake_send(&f, strv_make(all + cut, n - cut));
		}
		events = fake_events(&f);
		CHECK_STR(strv_from(events),
			  "password romeo@example.com;"
			  "authenticated romeo@example.com;bind ;"
			  "stanza message from romeo@example.com/made;"
			  "stanza presence from romeo@example.com/made;close -;");
		fake_fini(&f);
	}
}

TEST(stream_cuts_an_element_that_is_too_big)
{
	struct fake f;

	fake_init(&f);
	f.listener.max_stanza_size = 1000;
	fake_start(&f);
	fake_bind(&f);
	fake_send(&f, STRV("<message><body>"));
	for (int i = 0; i < 20; i++)
		fake_send(
			&f,
			STRV("0123456789012345678901234567890123456789012345678901234567"));
	CHECK(fake_has(fake_out(&f), "element too big"));
	CHECK(f.in.n <= 1100);
	fake_fini(&f);
}

/* What a stanza says is copied, for others and into answers: it must not grow on the way. */
TEST(stream_refuses_what_swells)
{
	struct fake f;
	char uri[3001] = { 0 };
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	memset(uri, 'u', sizeof(uri) - 1);
	fake_init(&f);
	fake_start(&f);
	fake_send(&f, STRV(FAKE_HEADER FAKE_PLAIN));
	buf_putf(&b,
		 "<stream:stream xmlns='jabber:client' xmlns:x='%s' to='example.com' "
		 "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
		 uri);
	buf_put(&b,
		STRV("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
		     "</iq>"));
	fake_send(&f, buf_strv(&b));
	fake_events(&f);
	fake_send(&f, STRV("<message><x:a/><x:b/></message>"));
	CHECK(fake_has(fake_events(&f), "stanza message"));
	buf_clear(&b);
	buf_put(&b, STRV("<message id='m'>"));
	for (int i = 0; i < 100; i++)
		buf_put(&b, STRV("<x:a/>"));
	buf_put(&b, STRV("</message>"));
	fake_out(&f);
	fake_send(&f, buf_strv(&b));
	CHECK_STR(strv_from(fake_events(&f)), "");
	CHECK(fake_has(fake_out(&f), "policy-violation"));
	buf_clear(&b);
	buf_putf(&b, "<message id='%s'/>", uri);
	fake_send(&f, buf_strv(&b));
	CHECK(fake_has(fake_events(&f), "close policy-violation;"));
	fake_fini(&f);
}

/* Also where the prefix begins as the name does. */
TEST(stream_refuses_what_swells_by_its_default_namespace)
{
	static const char *const prefixes[] = { "c", "message", "messages", "m" };
	char uri[3001] = { 0 };

	memset(uri, 'u', sizeof(uri) - 1);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
		struct fake f;

		fake_init(&f);
		fake_start(&f);
		fake_bind(&f);
		fake_events(&f);
		fake_out(&f);
		buf_putf(&b, "<%s:message xmlns:%s='jabber:client' xmlns='%s'>",
			 prefixes[i], prefixes[i], uri);
		for (int k = 0; k < 100; k++)
			buf_put(&b, STRV("<a/>"));
		buf_putf(&b, "</%s:message>", prefixes[i]);
		fake_send(&f, buf_strv(&b));
		CHECK_STR(strv_from(fake_events(&f)), "");
		CHECK(fake_has(fake_out(&f), "policy-violation"));
		fake_fini(&f);
	}
}

TEST(stream_takes_no_more_than_its_surroundings_want)
{
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_bind(&f);
	f.stops = true;
	fake_send(&f, STRV("<message/><presence/>"));
	CHECK_STR(strv_from(fake_events(&f)),
		  "stanza message from romeo@example.com/orchard;");
	fake_send(&f, STRV("<iq type='get' id='i'><a/></iq>"));
	CHECK_STR(strv_from(fake_events(&f)), "");
	f.stops = f.stopped = false;
	fake_send(&f, STRV(""));
	CHECK_STR(strv_from(fake_events(&f)),
		  "stanza presence from romeo@example.com/orchard;"
		  "stanza iq from romeo@example.com/orchard;");
	fake_fini(&f);
}
