/* Characters, names and references, for the reader: the inner loops. */
#pragma once

#include "xml/xml.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	CH_START = 1,	    /* may start a name, ASCII; ':' is none */
	CH_NAME = 2,	    /* may stand in a name, ASCII */
	CH_SPACE = 4,	    /* white space */
	CH_TEXT_STOP = 8,   /* needs a look in character data */
	CH_VALUE_STOP = 16, /* needs a look in an attribute's value */
};
extern const uint8_t xml_chars[256];

static inline bool ch_is(char c, unsigned classes)
{
	return (xml_chars[(unsigned char)c] & classes) != 0;
}

/* The first byte that needs a look, or `end`. */
static inline const char *xml_text_span(const char *p, const char *end)
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

static inline const char *xml_value_span(const char *p, const char *end, char quote)
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

/* Of so many bytes and more, xml_loose_span() has looked at the first. */
#ifdef __SSE2__
enum { LOOSE_END = 18 };
#else
enum { LOOSE_END = INT32_MAX };
#endif

/* For where one such byte has been met, and many may follow: passes over white space, and over
 * ']', too, if it is not (`cdata_end`) the first of "]]>". Stops at what is neither ASCII nor
 * allowed, and at these three. */
static inline const char *xml_loose_span(const char *p, const char *end, char a, char b,
					 char c, bool cdata_end)
{
#ifdef __SSE2__
	while (end - p >= LOOSE_END) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i space = _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'));
		__m128i hit = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
		space = _mm_or_si128(space, _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));
		space = _mm_or_si128(space, _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
		hit = _mm_andnot_si128(space, hit);
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(a)));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(b)));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
		if (cdata_end) {
			__m128i v1 =
				_mm_loadu_si128((const __m128i *)(const void *)(p + 1));
			__m128i v2 =
				_mm_loadu_si128((const __m128i *)(const void *)(p + 2));
			__m128i is = _mm_cmpeq_epi8(v, _mm_set1_epi8(']'));
			is = _mm_and_si128(is, _mm_cmpeq_epi8(v1, _mm_set1_epi8(']')));
			is = _mm_and_si128(is, _mm_cmpeq_epi8(v2, _mm_set1_epi8('>')));
			hit = _mm_or_si128(hit, is);
		}
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);
		if (mask)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	return p;
}

static inline bool ch_is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the character that starts at `s`, a byte >= 0x80; 0: not UTF-8; -1: not a
 * character of XML. Reads no further than the first byte that does not belong to it. */
static inline int xml_wide_char(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char c = p[0];

	if (c < 0xe0)
		return c >= 0xc2 && ch_is_tail(p[1]) ? 2 : 0;
	if (c < 0xf0) {
		if (!ch_is_tail(p[1]) || !ch_is_tail(p[2]))
			return 0;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] >= 0xa0))
			return 0; /* too long; a surrogate */
		if (c == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return -1; /* U+FFFE, U+FFFF */
		return 3;
	}
	if (c > 0xf4 || !ch_is_tail(p[1]) || !ch_is_tail(p[2]) || !ch_is_tail(p[3]))
		return 0;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] >= 0x90))
		return 0; /* too long; beyond U+10FFFF */
	return 4;
}

/* The end of the name without a colon that starts at `p`; NULL: none does. Something that
 * is no name character (a '>', say) must stand in or behind [p, ...). */
const char *xml_ncname_wide(const char *p, const char *at);
static inline const char *xml_ncname(const char *start)
{
	const char *p = start;

	if (likely(ch_is(*p, CH_START)))
		while (ch_is(*++p, CH_NAME))
			;
	if (unlikely(*p & 0x80))
		return xml_ncname_wide(start, p);
	return p > start ? p : NULL;
}

/* Reads the reference that starts at **pp, an '&'. XML_OK: *pp is behind its ';'. */
enum xml_error xml_reference(const char **pp, uint32_t *ret_cp);
