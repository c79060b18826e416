/* Which known word was meant: the edit distance with swapped neighbours, upper and lower
 * case and the two dashes being the same. */
#include "conf/option.h"

#define WORD_MAX 64u

static char folded(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + 32);
	return c == '-' || c == ' ' ? '_' : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return MIN(MIN(a, b), c);
}

static unsigned distance(struct strv a, struct strv b)
{
	unsigned rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1],
					*row = rows[2];

	ASSERT(a.n <= WORD_MAX && b.n <= WORD_MAX);
	for (unsigned j = 0; j <= b.n; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *free_row = before;

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			char x = folded(a.p[i - 1]), y = folded(b.p[j - 1]);
			row[j] =
				min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == folded(b.p[j - 2]) &&
			    folded(a.p[i - 2]) == y)
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = free_row;
	}
	return last[b.n];
}

const char *conf_nearest(struct strv word, const char *const *names)
{
	const char *best = NULL;
	unsigned best_distance = 0;

	if (word.n == 0 || word.n > WORD_MAX)
		return NULL;
	for (; *names; names++) {
		struct strv name = strv_from(*names);
		unsigned d;

		if (name.n > WORD_MAX)
			continue;
		d = distance(word, name);
		/* Up to a third of the longer one may differ. */
		if (d > 1 + (MAX(word.n, name.n) - 1) / 3 || d >= MIN(word.n, name.n))
			continue;
		if (best == NULL || d < best_distance) {
			best = *names;
			best_distance = d;
		}
	}
	return best;
}
