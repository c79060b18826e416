/* Every cell of RFC 6121 appendix A, and pre-approval (3.4). */
#include "test.h"
#include "xmpp/subscription.h"

/* One of the RFC's tables: a line for each state in its order, "+" where the stanza MUST
 * be routed or delivered and "-" where it MUST NOT, then the new state. */
struct table {
	struct sub_result (*step)(struct sub, enum sub_kind);
	enum sub_kind kind;
	const char *cells[SUB_MAX];
};

static const char *const names[SUB_MAX] = { "none",    "none+out", "none+in",
					    "none+oi", "to",	   "to+in",
					    "from",    "from+out", "both" };

static const struct table tables[] = {
	{ sub_outbound,
	  SUB_SUBSCRIBE,
	  { "+none+out", "+none+out", "+none+oi", "+none+oi", "+to", "+to+in",
	    "+from+out", "+from+out", "+both" } },
	{ sub_outbound,
	  SUB_UNSUBSCRIBE,
	  { "+none", "+none", "+none+in", "+none+in", "+none", "+none+in", "+from",
	    "+from", "+from" } },
	{ sub_outbound,
	  SUB_SUBSCRIBED,
	  { "-none", "-none+out", "+from", "+from+out", "-to", "+both", "-from",
	    "-from+out", "-both" } },
	{ sub_outbound,
	  SUB_UNSUBSCRIBED,
	  { "-none", "-none+out", "+none", "+none+out", "-to", "+to", "+none",
	    "+none+out", "+to" } },
	{ sub_inbound,
	  SUB_SUBSCRIBE,
	  { "+none+in", "+none+oi", "-none+in", "-none+oi", "+to+in", "-to+in", "-from",
	    "-from+out", "-both" } },
	{ sub_inbound,
	  SUB_UNSUBSCRIBE,
	  { "-none", "-none+out", "+none", "+none+out", "-to", "+to", "+none",
	    "+none+out", "+to" } },
	{ sub_inbound,
	  SUB_SUBSCRIBED,
	  { "-none", "+to", "-none+in", "+to+in", "-to", "-to+in", "-from", "+both",
	    "-both" } },
	{ sub_inbound,
	  SUB_UNSUBSCRIBED,
	  { "-none", "+none", "-none+in", "+none+in", "+none", "+none+in", "-from",
	    "+from", "+from" } },
};

TEST(subscription_follows_every_cell_of_the_rfc)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (unsigned s = 0; s < SUB_MAX; s++) {
			const char *cell = tables[i].cells[s];
			struct sub_result r = tables[i].step((struct sub){ .state = s },
							     tables[i].kind);
			CHECK_STR(strv_from(names[r.next.state]), cell + 1);
			CHECK_INT(r.forward, cell[0] == '+');
		}
	}
}

TEST(subscription_pushes_what_the_roster_shows)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (unsigned s = 0; s < SUB_MAX; s++) {
			struct sub_result r = tables[i].step((struct sub){ .state = s },
							     tables[i].kind);
			bool shown = strcmp(sub_text(s), sub_text(r.next.state)) != 0 ||
				     sub_ask(s) != sub_ask(r.next.state) ||
				     r.next.approved;
			CHECK_INT(r.push, shown);
			CHECK_INT(r.changed, r.next.state != s || r.next.approved);
		}
	}
	/* a request that waits is stored, and not shown */
	struct sub_result r = sub_inbound((struct sub){ SUB_NONE }, SUB_SUBSCRIBE);
	CHECK(r.changed && !r.push && r.forward && !r.reply);
}

TEST(subscription_request_of_a_subscriber_is_answered)
{
	for (unsigned s = 0; s < SUB_MAX; s++) {
		for (unsigned kind = 0; kind < SUB_KIND_MAX; kind++) {
			struct sub_result r =
				sub_inbound((struct sub){ .state = s }, kind);
			CHECK_INT(r.reply, kind == SUB_SUBSCRIBE && sub_has_from(s));
			CHECK(!sub_outbound((struct sub){ .state = s }, kind).reply);
		}
	}
}

TEST(subscription_approves_in_advance)
{
	for (unsigned s = 0; s < SUB_MAX; s++) {
		struct sub_result r =
			sub_outbound((struct sub){ .state = s }, SUB_SUBSCRIBED);
		bool early = s == SUB_NONE || s == SUB_NONE_OUT || s == SUB_TO;
		CHECK_INT(r.next.approved, early);
		if (early) {
			CHECK(!r.forward && r.push && r.changed && r.next.state == s);
			r = sub_outbound(r.next, SUB_SUBSCRIBED);
			CHECK(r.next.approved && !r.push && !r.changed && !r.forward);
		}
	}
}

TEST(subscription_approved_request_is_granted)
{
	static const enum sub_state from[] = { SUB_NONE, SUB_NONE_OUT, SUB_TO };
	static const enum sub_state to[] = { SUB_FROM, SUB_FROM_OUT, SUB_BOTH };
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct sub_result r =
			sub_inbound((struct sub){ from[i], true }, SUB_SUBSCRIBE);
		CHECK_INT(r.next.state, to[i]);
		CHECK(!r.next.approved && r.reply && !r.forward && r.push && r.changed);
	}
}

TEST(subscription_approval_does_not_answer_a_request_that_waits)
{
	static const enum sub_state at[] = { SUB_NONE_IN, SUB_NONE_OUT_IN, SUB_TO_IN };
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct sub_result r =
			sub_inbound((struct sub){ at[i], true }, SUB_SUBSCRIBE);
		CHECK_INT(r.next.state, at[i]);
		CHECK(!r.next.approved && !r.reply && !r.forward);
	}
}

TEST(subscription_approval_is_taken_back)
{
	static const enum sub_state at[] = { SUB_NONE, SUB_NONE_OUT, SUB_TO };
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct sub_result r =
			sub_outbound((struct sub){ at[i], true }, SUB_UNSUBSCRIBED);
		CHECK_INT(r.next.state, at[i]);
		CHECK(!r.next.approved && r.push && r.changed && !r.forward);
	}
}

TEST(subscription_approval_outlives_our_own_requests)
{
	struct sub s = { SUB_NONE, true };
	s = sub_outbound(s, SUB_SUBSCRIBE).next;
	CHECK(s.state == SUB_NONE_OUT && s.approved);
	s = sub_inbound(s, SUB_SUBSCRIBED).next;
	CHECK(s.state == SUB_TO && s.approved);
	s = sub_inbound(s, SUB_UNSUBSCRIBE).next;
	CHECK(s.state == SUB_TO && s.approved);
	s = sub_outbound(s, SUB_UNSUBSCRIBE).next;
	CHECK(s.state == SUB_NONE && s.approved);
}

TEST(subscription_parses_what_it_writes)
{
	for (unsigned s = 0; s < SUB_MAX; s++) {
		enum sub_state got = SUB_MAX;
		CHECK(sub_parse(strv_from(sub_text(s)), sub_ask(s), sub_is_pending_in(s),
				&got) == 0);
		CHECK_INT(got, s);
		CHECK_INT(sub_has_to(s), strcmp(sub_text(s), "to") == 0 ||
						 strcmp(sub_text(s), "both") == 0);
	}
	enum sub_state got = SUB_MAX;
	CHECK(sub_parse(STRV("remove"), false, false, &got) == -EINVAL);
	CHECK(sub_parse(STRV_NULL, false, false, &got) == -EINVAL);
	CHECK_INT(got, SUB_MAX);
	CHECK(sub_parse(STRV("both"), true, true, &got) == 0 && got == SUB_BOTH);
	CHECK(sub_parse(STRV("to"), true, true, &got) == 0 && got == SUB_TO_IN);
}

TEST(subscription_rows_are_those_of_mongooseim)
{
	static const char *const rows[SUB_MAX] = { "NN", "NO", "NI", "NB", "TN",
						   "TI", "FN", "FO", "BN" };
	for (unsigned s = 0; s < SUB_MAX; s++) {
		char subscription, ask;
		enum sub_state got = SUB_MAX;
		sub_to_row(s, &subscription, &ask);
		CHECK(subscription == rows[s][0] && ask == rows[s][1]);
		CHECK(sub_from_row(subscription, ask, &got) == 0);
		CHECK_INT(got, s);
	}
}

TEST(subscription_rows_of_old_are_read)
{
	enum sub_state got = SUB_MAX;
	CHECK(sub_from_row('N', 'S', &got) == 0 && got == SUB_NONE_OUT);
	CHECK(sub_from_row('F', 'S', &got) == 0 && got == SUB_FROM_OUT);
	CHECK(sub_from_row('T', 'U', &got) == 0 && got == SUB_TO);
	CHECK(sub_from_row('B', 'B', &got) == 0 && got == SUB_BOTH);
	got = SUB_MAX;
	CHECK(sub_from_row('R', 'N', &got) == -EINVAL);
	CHECK(sub_from_row('N', 'X', &got) == -EINVAL);
	CHECK(sub_from_row('\0', 'N', &got) == -EINVAL);
	CHECK(sub_from_row('N', '\0', &got) == -EINVAL);
	CHECK_INT(got, SUB_MAX);
}
