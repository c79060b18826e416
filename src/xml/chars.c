/* Characters and names (XML 1.0, fifth edition, 2.2 and 2.3). */
#include "xml/xml_priv.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

const char *xml_text_span(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* Signed: bytes >= 0x80 are less than a blank, too. */
		__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('<')));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('&')));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(']')));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);
		if (mask)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	while (p < end && !ch_is(*p, CH_TEXT_STOP))
		p++;
	return p;
}

const char *xml_value_span(const char *p, const char *end, char quote)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('<')));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('&')));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(quote)));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);
		if (mask)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	/* '"' ^ 5 == '\'': the other quote is a character like any other. */
	while (p < end && (!ch_is(*p, CH_VALUE_STOP) || *p == (quote ^ 5)))
		p++;
	return p;
}

static inline bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

int xml_wide_char(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char c = p[0];

	if (c < 0xe0)
		return c >= 0xc2 && is_tail(p[1]) ? 2 : 0;
	if (c < 0xf0) {
		if (!is_tail(p[1]) || !is_tail(p[2]))
			return 0;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] >= 0xa0))
			return 0; /* too long; a surrogate */
		if (c == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return -1; /* U+FFFE, U+FFFF */
		return 3;
	}
	if (c > 0xf4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
		return 0;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] >= 0x90))
		return 0; /* too long; beyond U+10FFFF */
	return 4;
}

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
