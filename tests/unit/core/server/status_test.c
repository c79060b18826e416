/* How the status is shown, as text and as JSON. That a JSON parser takes it is for the end-to-end
 * tests; here are the values that no server of those has. */
#include "base/buf.h"
#include "conf/option.h"
#include "core/server/status.h"
#include "test.h"

#include <stdio.h>

struct shown {
	struct status st;
	struct status_listener listener[2];
	struct buf b;
};

static void init(struct shown *s)
{
	*s = (struct shown){ 0 };
	s->st.version = "1.2.3";
	s->st.pid = 42;
	s->st.workers = 1;
	s->st.started = 1000000000000000; /* 2001-09-09T01:46:40Z */
	s->st.now = s->st.started + 90061 * (wallus_t)1000000;
	s->st.listeners = s->listener;
	s->st.total.max_connections = CONF_INFINITY;
	for (size_t i = 0; i < ARRAY_LEN(s->listener); i++)
		s->listener[i].max_connections = CONF_INFINITY;
}

static const char *text(struct shown *s)
{
	buf_free(&s->b);
	s->b = status_buf(&s->st);
	status_write_text(&s->st, &s->b);
	return buf_cstr(&s->b);
}

static const char *json(struct shown *s)
{
	buf_free(&s->b);
	s->b = status_buf(&s->st);
	status_write_json(&s->st, &s->b);
	return buf_cstr(&s->b);
}

static int count(const char *in, const char *what)
{
	int n = 0;

	for (; (in = strstr(in, what)); in++)
		n++;
	return n;
}

TEST(status_text_names_what_has_happened)
{
	struct shown s;

	init(&s);
	s.st.n_listeners = 1;
	s.st.rss_bytes = 3 << 19;
	strcpy(s.listener[0].name, "[::]:5222");
	s.listener[0].listening = true;
	s.listener[0].max_connections = 77;
	s.listener[0].v[PORT_COUNT_CLOSED_TLS_RECORD] = 1001;
	s.listener[0].v[PORT_COUNT_STREAM_ERROR + STREAM_ERR_CONFLICT] = 1002;
	s.listener[0].v[PORT_COUNT_LOGIN + SASL_PLAIN] = 1003;
	s.listener[0].v[PORT_COUNT_AUTH_FAILURE + SASL_ERR_ABORTED] = 1004;
	s.listener[0].v[PORT_COUNT_TLS_CIPHER] = 1005;
	text(&s);
	CHECK(strstr(s.b.p, "meerkat 1.2.3, process 42, up 1 d 01:01:01, 1 worker, "
			    "1.5 MiB of memory\n") == s.b.p);
	CHECK(strstr(s.b.p, "\nall listeners\n  open  "));
	CHECK(strstr(s.b.p, "\n\n[::]:5222\n  open  "));
	CHECK(strstr(s.b.p, "  of at most     ") && strstr(s.b.p, " 77\n"));
	CHECK(strstr(s.b.p, "\n  closed: tls record  ") && strstr(s.b.p, " 1001\n"));
	CHECK(strstr(s.b.p, "\n  closed with: conflict  ") && strstr(s.b.p, " 1002\n"));
	CHECK(strstr(s.b.p, "\n  logins: PLAIN  ") && strstr(s.b.p, " 1003\n"));
	CHECK(strstr(s.b.p, "\n  failed logins: aborted  ") && strstr(s.b.p, " 1004\n"));
	CHECK(strstr(s.b.p, "\n  cipher: other  ") && strstr(s.b.p, " 1005\n"));
	CHECK(strstr(s.b.p, "closed: client") == NULL);
	CHECK_INT(count(s.b.p, "closed"), 2);
	CHECK_INT(count(s.b.p, "accepted"), 2);
	buf_free(&s.b);
}

TEST(status_text_tells_closed_listeners)
{
	struct shown s;

	init(&s);
	s.st.n_listeners = 2;
	s.listener[0].listening = true;
	strcpy(s.listener[0].name, "0.0.0.0:1");
	strcpy(s.listener[1].name, "0.0.0.0:2");
	CHECK(strstr(text(&s), "\n0.0.0.0:1\n"));
	CHECK(strstr(s.b.p, "\n0.0.0.0:2 (closed"));
	buf_free(&s.b);
}

TEST(status_json_has_no_comma_too_many)
{
	struct shown s;

	init(&s);
	CHECK(strstr(json(&s), "{\"version\":\"1.2.3\",\"pid\":42,"
			       "\"started\":\"2001-09-09T01:46:40Z\",\"uptime_s\":90061,"
			       "\"workers\":1,\"rss_bytes\":0,\"server\":{") == s.b.p);
	CHECK(strstr(s.b.p, "\"listeners\":[]}\n"));
	CHECK(strstr(s.b.p, "\"tls_ciphers\":{},"));
	s.st.n_listeners = 2;
	s.st.total.v[PORT_COUNT_TLS_CIPHER] = 3;
	CHECK(strstr(json(&s), "\"tls_ciphers\":{\"other\":3},"));
	CHECK(strstr(s.b.p, ",}") == NULL && strstr(s.b.p, ",]") == NULL);
	CHECK(strstr(s.b.p, "}}]}\n"));
	CHECK_INT(count(s.b.p, "\n"), 1);
	buf_free(&s.b);
}

TEST(status_json_escapes_names)
{
	struct shown s;

	init(&s);
	s.st.n_listeners = 1;
	strcpy(s.listener[0].name, "a\"b\\c\n\xff");
	CHECK(strstr(json(&s),
		     "{\"name\":\"a\\\"b\\\\c\\u000a\\ufffd\",\"listening\":false,"
		     "\"max_connections\":null,\"open\":0,\"unauthenticated\":0,"));
	buf_free(&s.b);
}

/* Nothing is so big that it does not fit. */
TEST(status_finds_room_for_the_largest_numbers)
{
	struct shown s;
	char last[32];

	init(&s);
	s.st.n_listeners = 2;
	s.st.rss_bytes = INT64_MAX;
	memset(s.st.v, 0xff, sizeof(s.st.v));
	for (size_t k = 0; k < 2; k++) {
		memset(s.listener[k].name, '\x01', sizeof(s.listener[k].name) - 1);
		for (unsigned i = 0; i < PORT_COUNT_MAX; i++)
			s.listener[k].v[i] = INT64_MIN;
	}
	s.st.total = s.listener[0];
	snprintf(last, sizeof(last), "%lld", (long long)INT64_MIN);
	CHECK(count(text(&s), last) >= 3 * PORT_COUNT_STREAM_ERROR);
	CHECK(count(json(&s), last) >= 3 * PORT_COUNT_STREAM_ERROR);
	buf_free(&s.b);
}

/* A name that is somebody's monitoring must not be twice in one object. */
TEST(status_names_are_unique)
{
	for (unsigned g = 0; g < PORT_COUNTER_GROUPS; g++) {
		const struct port_counter_group *of = &port_counter_groups[g];
		for (unsigned i = 0; i < of->n; i++)
			for (unsigned k = 0; k < i; k++)
				CHECK(of->row_name(i) == NULL ||
				      of->row_name(k) == NULL ||
				      strcmp(of->row_name(i), of->row_name(k)) != 0);
	}
}
