/* The frame scanner: where an element ends, byte by byte, with a state of a few bytes. It
 * knows only as much of the grammar as that takes; the parser does the checking. */
#include "xml/xml_priv.h"

enum state {
	IN_TEXT, /* also before the first '<' */
	AFTER_LT,
	IN_TAG,
	IN_TAG_SLASH, /* the '/' of "/>" */
	IN_VALUE,
	IN_END_TAG,
	IN_WRONG, /* "<?", "<!" without "[CDATA[": the parser says why, at the next '>' */
	IN_CDATA_START, /* and seven more: "<!" and so many letters of "[CDATA[" */
	IN_CDATA = IN_CDATA_START + 7,
	IN_CDATA_1, /* "]" */
	IN_CDATA_2, /* "]]", and more of them */
};

static const char *find(const char *p, const char *end, char c)
{
	const char *hit = memchr(p, c, (size_t)(end - p));

	return hit ? hit : end;
}

/* A tag ends with the byte that was read last. */
static enum scanned end_of_tag(struct xml_stream *s, int step)
{
	s->scan_state = IN_TEXT;
	if (!s->opened) /* a header is all that is wanted */
		return SCAN_WHOLE;
	if (step > 0 && ++s->depth > XML_MAX_DEPTH)
		return SCAN_WRONG;
	if (step < 0 && s->depth > 0)
		s->depth--;
	return s->depth == 0 ? SCAN_WHOLE : SCAN_PART;
}

static enum scanned in_tag(struct xml_stream *s, char c)
{
	bool slash = s->scan_state == IN_TAG_SLASH;

	s->scan_state = IN_TAG;
	if (c == '>')
		return end_of_tag(s, slash ? 0 : 1);
	if (c == '/') {
		s->scan_state = IN_TAG_SLASH;
	} else if (c == '"' || c == '\'') {
		s->scan_state = IN_VALUE;
		s->scan_quote = (uint8_t)c;
	}
	return SCAN_PART;
}

static enum scanned after_lt(struct xml_stream *s, char c)
{
	switch (c) {
	case '/':
		s->scan_state = IN_END_TAG;
		return SCAN_PART;
	case '!':
		s->scan_state = IN_CDATA_START;
		return SCAN_PART;
	case '?':
		s->scan_state = IN_WRONG;
		return SCAN_PART;
	default:
		s->scan_state = IN_TAG;
		return in_tag(s, c);
	}
}

static enum scanned in_cdata(struct xml_stream *s, char c)
{
	if (s->scan_state < IN_CDATA) {
		if (c == "[CDATA["[s->scan_state - IN_CDATA_START])
			s->scan_state++;
		else if (c == '>')
			return SCAN_WRONG;
		else
			s->scan_state = IN_WRONG;
	} else if (c == ']') {
		s->scan_state = s->scan_state == IN_CDATA ? IN_CDATA_1 : IN_CDATA_2;
	} else {
		s->scan_state =
			s->scan_state == IN_CDATA_2 && c == '>' ? IN_TEXT : IN_CDATA;
	}
	return SCAN_PART;
}

static enum scanned step(struct xml_stream *s, char c)
{
	switch ((enum state)s->scan_state) {
	case IN_TEXT:
		s->scan_state = AFTER_LT; /* only a '<' comes here */
		return SCAN_PART;
	case AFTER_LT:
		return after_lt(s, c);
	case IN_TAG:
	case IN_TAG_SLASH:
		return in_tag(s, c);
	case IN_VALUE:
		s->scan_state = IN_TAG; /* only the quote comes here */
		return SCAN_PART;
	case IN_END_TAG:
		return end_of_tag(s, -1); /* only a '>' comes here */
	case IN_WRONG:
		return SCAN_WRONG;
	default:
		return in_cdata(s, c);
	}
}

/* Passes over what does not change the state. */
static const char *skip(const struct xml_stream *s, const char *p, const char *end)
{
	switch ((enum state)s->scan_state) {
	case IN_TEXT:
		return find(p, end, '<');
	case IN_TAG:
		while (p < end && ch_is(*p, CH_NAME | CH_SPACE))
			p++;
		return p;
	case IN_VALUE:
		return find(p, end, (char)s->scan_quote);
	case IN_END_TAG:
	case IN_WRONG:
		return find(p, end, '>');
	case IN_CDATA:
		return find(p, end, ']');
	default:
		return p;
	}
}

enum scanned xml_scan(struct xml_stream *s, struct strv in)
{
	const char *p, *end = in.p + in.n;
	enum scanned r = SCAN_PART;

	ASSERT(s->scanned <= in.n);
	p = in.p + s->scanned;
	while (r == SCAN_PART && (p = skip(s, p, end)) < end)
		r = step(s, *p++);
	s->scanned = (uint32_t)(p - in.p);
	return r;
}
