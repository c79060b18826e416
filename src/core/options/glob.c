#include "core/options/glob.h"
#include "base/utf8.h"

static uint32_t take(struct strv *s)
{
	uint32_t cp;
	int n = utf8_next(*s, &cp);

	ASSERT(n > 0);
	*s = strv_from_pos(*s, (size_t)n);
	return cp;
}

static bool starts(struct strv s, char c)
{
	return s.n && s.p[0] == c;
}

/* Behind the "[" of a set: does it hold the character? `set` is left behind the "]". */
static bool set_holds(struct strv *set, uint32_t cp)
{
	bool is_negated = starts(*set, '!') || starts(*set, '^'), is_in = false;

	if (is_negated)
		take(set);
	for (bool is_first = true; is_first || !starts(*set, ']'); is_first = false) {
		uint32_t low = take(set), high = low;

		if (starts(*set, '-') && set->n > 1 && set->p[1] != ']') {
			take(set);
			high = take(set);
		}
		is_in |= cp >= low && cp <= high;
	}
	take(set);
	return is_in != is_negated;
}

/* The first part of the pattern, which is no "*", against one character. */
static bool one_fits(struct strv *pattern, uint32_t cp)
{
	uint32_t c = take(pattern);

	if (c == '[')
		return set_holds(pattern, cp);
	if (c == '?')
		return true;
	if (c == '\\')
		c = take(pattern);
	return c == cp;
}

/* Only the last "*" can have to take more than it has: what stands before it is settled. */
bool glob_fits(struct strv pattern, struct strv text)
{
	struct strv star = STRV_NULL, star_text = STRV_NULL;

	while (text.n) {
		struct strv rest = text, next = pattern;

		if (starts(pattern, '*')) {
			take(&pattern);
			star = pattern;
			star_text = text;
			continue;
		}
		if (pattern.n && one_fits(&next, take(&rest))) {
			pattern = next;
			text = rest;
			continue;
		}
		if (star.p == NULL)
			return false;
		take(&star_text);
		text = star_text;
		pattern = star;
	}
	while (starts(pattern, '*'))
		take(&pattern);
	return pattern.n == 0;
}

static bool is_set_closed(struct strv *set)
{
	if (starts(*set, '!') || starts(*set, '^'))
		take(set);
	if (set->n)
		take(set); /* a "]" here is one of the set */
	while (set->n)
		if (take(set) == ']')
			return true;
	return false;
}

const char *glob_error(struct strv pattern)
{
	while (pattern.n) {
		uint32_t c = take(&pattern);

		if (c == '\\' && pattern.n == 0)
			return "nothing stands behind the last backslash";
		if (c == '\\')
			take(&pattern);
		else if (c == '[' && !is_set_closed(&pattern))
			return "a \"[\" is not closed";
	}
	return NULL;
}
