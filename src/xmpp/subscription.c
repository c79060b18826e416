#include "xmpp/subscription.h"

/* clang-format off */

/* What a state is made of. */
static const struct facts {
	const char *text;
	bool to, from, out, in;
} facts[SUB_MAX] = {
	[SUB_NONE] =        { "none" },
	[SUB_NONE_OUT] =    { "none", .out = true },
	[SUB_NONE_IN] =     { "none", .in = true },
	[SUB_NONE_OUT_IN] = { "none", .out = true, .in = true },
	[SUB_TO] =          { "to", .to = true },
	[SUB_TO_IN] =       { "to", .to = true, .in = true },
	[SUB_FROM] =        { "from", .from = true },
	[SUB_FROM_OUT] =    { "from", .from = true, .out = true },
	[SUB_BOTH] =        { "both", .to = true, .from = true },
};

/* One cell of the RFC's tables: the new state, and whether the stanza goes on. */
struct cell {
	uint8_t next;
	bool forward;
};
#define GO(state) { SUB_##state, true }
#define NO(state) { SUB_##state, false }

/* RFC 6121 A.2.1, A.2.3, A.2.2, A.2.4. A request may be repeated, as it may get lost. */
static const struct cell outbound[SUB_MAX][SUB_KIND_MAX] = {
	/*                    subscribe        subscribed    unsubscribe   unsubscribed */
	[SUB_NONE] =        { GO(NONE_OUT),    NO(NONE),     GO(NONE),     NO(NONE) },
	[SUB_NONE_OUT] =    { GO(NONE_OUT),    NO(NONE_OUT), GO(NONE),     NO(NONE_OUT) },
	[SUB_NONE_IN] =     { GO(NONE_OUT_IN), GO(FROM),     GO(NONE_IN),  GO(NONE) },
	[SUB_NONE_OUT_IN] = { GO(NONE_OUT_IN), GO(FROM_OUT), GO(NONE_IN),  GO(NONE_OUT) },
	[SUB_TO] =          { GO(TO),          NO(TO),       GO(NONE),     NO(TO) },
	[SUB_TO_IN] =       { GO(TO_IN),       GO(BOTH),     GO(NONE_IN),  GO(TO) },
	[SUB_FROM] =        { GO(FROM_OUT),    NO(FROM),     GO(FROM),     GO(NONE) },
	[SUB_FROM_OUT] =    { GO(FROM_OUT),    NO(FROM_OUT), GO(FROM),     GO(NONE_OUT) },
	[SUB_BOTH] =        { GO(BOTH),        NO(BOTH),     GO(FROM),     GO(TO) },
};

/* RFC 6121 A.3.1, A.3.3, A.3.2, A.3.4 */
static const struct cell inbound[SUB_MAX][SUB_KIND_MAX] = {
	/*                    subscribe        subscribed    unsubscribe   unsubscribed */
	[SUB_NONE] =        { GO(NONE_IN),     NO(NONE),     NO(NONE),     NO(NONE) },
	[SUB_NONE_OUT] =    { GO(NONE_OUT_IN), GO(TO),       NO(NONE_OUT), GO(NONE) },
	[SUB_NONE_IN] =     { NO(NONE_IN),     NO(NONE_IN),  GO(NONE),     NO(NONE_IN) },
	[SUB_NONE_OUT_IN] = { NO(NONE_OUT_IN), GO(TO_IN),    GO(NONE_OUT), GO(NONE_IN) },
	[SUB_TO] =          { GO(TO_IN),       NO(TO),       NO(TO),       GO(NONE) },
	[SUB_TO_IN] =       { NO(TO_IN),       NO(TO_IN),    GO(TO),       GO(NONE_IN) },
	[SUB_FROM] =        { NO(FROM),        NO(FROM),     GO(NONE),     NO(FROM) },
	[SUB_FROM_OUT] =    { NO(FROM_OUT),    GO(BOTH),     GO(NONE_OUT), GO(FROM) },
	[SUB_BOTH] =        { NO(BOTH),        NO(BOTH),     GO(TO),       GO(FROM) },
};

/* clang-format on */

static const struct facts *look(enum sub_state s)
{
	ASSERT((unsigned)s < SUB_MAX);
	return &facts[s];
}

/* Only a contact that neither has nor awaits our presence can be approved in advance. */
static bool can_approve(enum sub_state s)
{
	return !look(s)->from && !look(s)->in;
}

static struct sub_result make_result(struct sub old, struct cell cell, bool approved)
{
	const struct facts *was = look(old.state), *is = look(cell.next);
	struct sub_result r = { .next = { cell.next, approved && can_approve(cell.next) },
				.forward = cell.forward };
	bool approval = r.next.approved != old.approved;
	r.changed = cell.next != old.state || approval;
	r.push = is->to != was->to || is->from != was->from || is->out != was->out ||
		 approval;
	return r;
}

struct sub_result sub_outbound(struct sub s, enum sub_kind kind)
{
	ASSERT((unsigned)kind < SUB_KIND_MAX && (unsigned)s.state < SUB_MAX);
	bool approved = s.approved;
	if (kind == SUB_SUBSCRIBED) /* RFC 6121 3.4.2: nobody asked yet */
		approved = can_approve(s.state);
	if (kind == SUB_UNSUBSCRIBED)
		approved = false;
	return make_result(s, outbound[s.state][kind], approved);
}

struct sub_result sub_inbound(struct sub s, enum sub_kind kind)
{
	ASSERT((unsigned)kind < SUB_KIND_MAX && (unsigned)s.state < SUB_MAX);
	struct cell cell = inbound[s.state][kind];
	bool reply = kind == SUB_SUBSCRIBE && look(s.state)->from;
	if (kind == SUB_SUBSCRIBE && s.approved && can_approve(s.state)) {
		/* RFC 6121 3.4.2: asked and granted at once; the user is not bothered */
		cell = (struct cell){ outbound[cell.next][SUB_SUBSCRIBED].next, false };
		reply = true;
	}
	struct sub_result r = make_result(s, cell, s.approved);
	r.reply = reply;
	return r;
}

bool sub_has_to(enum sub_state s)
{
	return look(s)->to;
}

bool sub_has_from(enum sub_state s)
{
	return look(s)->from;
}

bool sub_ask(enum sub_state s)
{
	return look(s)->out;
}

bool sub_is_pending_in(enum sub_state s)
{
	return look(s)->in;
}

const char *sub_text(enum sub_state s)
{
	return look(s)->text;
}

/* The state of these facts; what is granted is no longer pending. */
static enum sub_state compose(bool to, bool from, bool out, bool in)
{
	out = out && !to;
	in = in && !from;
	for (unsigned s = 0; s < SUB_MAX; s++) {
		const struct facts *f = &facts[s];
		if (f->to == to && f->from == from && f->out == out && f->in == in)
			return (enum sub_state)s;
	}
	UNREACHABLE();
}

int sub_parse(struct strv text, bool ask, bool pending_in, enum sub_state *ret)
{
	bool both = strv_is(text, "both"), to = strv_is(text, "to"),
	     from = strv_is(text, "from");
	if (!both && !to && !from && !strv_is(text, "none"))
		return -EINVAL;
	*ret = compose(both || to, both || from, ask, pending_in);
	return 0;
}

void sub_to_row(enum sub_state s, char *ret_subscription, char *ret_ask)
{
	const struct facts *f = look(s);
	*ret_subscription = "NTFB"[(f->to ? 1 : 0) + (f->from ? 2 : 0)];
	*ret_ask = "NOIB"[(f->out ? 1 : 0) + (f->in ? 2 : 0)];
}

int sub_from_row(char subscription, char ask, enum sub_state *ret)
{
	if (subscription == '\0' || strchr("NTFB", subscription) == NULL)
		return -EINVAL;
	if (ask == '\0' || strchr("NOIBSU", ask) == NULL)
		return -EINVAL;
	bool both = subscription == 'B';
	*ret = compose(both || subscription == 'T', both || subscription == 'F',
		       ask == 'O' || ask == 'B' || ask == 'S', ask == 'I' || ask == 'B');
	return 0;
}
