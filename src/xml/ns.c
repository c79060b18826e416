#include "xml/ns.h"

/* clang-format off */
static const struct strv texts[NS_OTHER] = {
	[NS_NONE] = { "", 0 },
#define X(id, text) [NS_##id] = { text, sizeof(text) - 1 },
	XML_NAMESPACES(X)
#undef X
};
/* clang-format on */

enum { N_BUCKETS = 256 };
_Static_assert(NS_OTHER < N_BUCKETS / 2 && NS_OTHER <= UINT8_MAX,
	       "the table is too small");

/* Open addressing; 0 (NS_NONE) = empty. Filled before main(): read-only for all threads.
 */
static uint8_t buckets[N_BUCKETS];

/* The ends of the texts differ, their beginnings do not. */
static inline unsigned bucket_of(const char *p, size_t n)
{
	uint32_t tail = 0;

	memcpy(&tail, n < 4 ? p : p + n - 4, n < 4 ? n : 4);
	return ((tail + (uint32_t)n * 0x01000193u) * 0x9e3779b1u) >> 24;
}

__attribute__((constructor)) static void fill_buckets(void)
{
	for (unsigned ns = NS_NONE + 1; ns < NS_OTHER; ns++) {
		unsigned at = bucket_of(texts[ns].p, texts[ns].n);

		while (buckets[at])
			at = (at + 1) % N_BUCKETS;
		buckets[at] = (uint8_t)ns;
	}
}

enum xml_ns ns_find(struct strv text)
{
	if (text.n == 0)
		return NS_NONE;
	for (unsigned at = bucket_of(text.p, text.n); buckets[at];
	     at = (at + 1) % N_BUCKETS)
		if (strv_eq(texts[buckets[at]], text))
			return (enum xml_ns)buckets[at];
	return NS_OTHER;
}

struct strv ns_text(enum xml_ns ns)
{
	ASSERT(ns < NS_OTHER);
	return texts[ns];
}
