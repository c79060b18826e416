/* Characters and names (XML 1.0, fifth edition, 2.2 and 2.3). */
#include "xml/chars.h"

#define BOTH_STOP (CH_TEXT_STOP | CH_VALUE_STOP)
#define LETTER	  (CH_START | CH_NAME)

const uint8_t xml_chars[256] = {
	[0 ... 0x08] = BOTH_STOP,
	['\t'] = CH_SPACE | BOTH_STOP,
	['\n'] = CH_SPACE | BOTH_STOP,
	[0x0b ... 0x0c] = BOTH_STOP,
	['\r'] = CH_SPACE | BOTH_STOP,
	[0x0e ... 0x1f] = BOTH_STOP,
	[' '] = CH_SPACE,
	['"'] = CH_VALUE_STOP,
	['&'] = BOTH_STOP,
	['\''] = CH_VALUE_STOP,
	['-'] = CH_NAME,
	['.'] = CH_NAME,
	['0' ... '9'] = CH_NAME,
	['<'] = BOTH_STOP,
	['A' ... 'Z'] = LETTER,
	[']'] = CH_TEXT_STOP,
	['_'] = LETTER,
	['a' ... 'z'] = LETTER,
	[0x80 ... 0xff] = BOTH_STOP,
};

static uint32_t code_point(const char *s, int n)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t cp = p[0] & (0xffu >> (n + 1));

	for (int i = 1; i < n; i++)
		cp = cp << 6 | (p[i] & 0x3f);
	return cp;
}

static bool is_name_char(uint32_t cp, bool first)
{
	static const struct {
		uint32_t from, to;
		bool not_first;
	} range[] = {
		{ 0xb7, 0xb7, true }, { 0xc0, 0xd6 },	      { 0xd8, 0xf6 },
		{ 0xf8, 0x2ff },      { 0x300, 0x36f, true }, { 0x370, 0x37d },
		{ 0x37f, 0x1fff },    { 0x200c, 0x200d },     { 0x203f, 0x2040, true },
		{ 0x2070, 0x218f },   { 0x2c00, 0x2fef },     { 0x3001, 0xd7ff },
		{ 0xf900, 0xfdcf },   { 0xfdf0, 0xfffd },     { 0x10000, 0xeffff },
	};

	for (size_t i = 0; i < ARRAY_LEN(range) && cp >= range[i].from; i++)
		if (cp <= range[i].to)
			return !(first && range[i].not_first);
	return false;
}

const char *xml_ncname_wide(const char *start, const char *p)
{
	for (;;) {
		int n = 1;

		if (*p & 0x80) {
			n = xml_wide_char(p);
			if (n <= 0 || !is_name_char(code_point(p, n), p == start))
				break;
		} else if (!ch_is(*p, CH_NAME)) {
			break; /* the first one is not ASCII: the caller looked */
		}
		p += n;
	}
	return p > start ? p : NULL;
}

static bool is_xml_char(uint32_t cp)
{
	if (cp < 0x20)
		return cp == '\t' || cp == '\n' || cp == '\r';
	return cp < 0xd800 || (cp > 0xdfff && cp < 0xfffe) ||
	       (cp > 0xffff && cp < 0x110000);
}

static int digit_value(char c, unsigned base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static enum xml_error char_reference(const char **pp, uint32_t *ret_cp)
{
	const char *p = *pp, *first;
	unsigned base = 10;
	uint32_t cp = 0;
	int digit;

	if (*p == 'x') {
		base = 16;
		p++;
	}
	first = p;
	while ((digit = digit_value(*p, base)) >= 0) {
		cp = MIN(cp * base + (unsigned)digit, 0x110000u); /* stays wrong */
		p++;
	}
	if (p == first || *p != ';' || !is_xml_char(cp))
		return XML_ERR_MALFORMED;
	*pp = p + 1;
	*ret_cp = cp;
	return XML_OK;
}

enum xml_error xml_reference(const char **pp, uint32_t *ret_cp)
{
	static const struct {
		struct strv name;
		char c;
	} known[] = {
		{ { "lt", 2 }, '<' },	{ { "gt", 2 }, '>' },	 { { "amp", 3 }, '&' },
		{ { "quot", 4 }, '"' }, { { "apos", 4 }, '\'' },
	};
	const char *name = *pp + 1, *end;
	struct strv s;

	if (*name == '#') {
		*pp = name + 1;
		return char_reference(pp, ret_cp);
	}
	end = xml_ncname(name);
	if (end != NULL && *end == ':')
		end = xml_ncname(end + 1);
	if (end == NULL || *end != ';')
		return XML_ERR_MALFORMED;
	s = strv_make(name, (size_t)(end - name));
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strv_eq(s, known[i].name)) {
			*pp = end + 1;
			*ret_cp = (unsigned char)known[i].c;
			return XML_OK;
		}
	}
	return XML_ERR_RESTRICTED; /* an entity, which only a DTD could have declared */
}
