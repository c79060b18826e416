#include "heap.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static bool is_at(const unsigned char *p, const unsigned char *inverted, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if ((p[k] ^ inverted[k]) != 0xff)
			return false;
	return true;
}

unsigned heap_copies(const unsigned char *inverted, size_t n)
{
	unsigned long from = 0, to = 0;
	unsigned found = 0;
	char line[500];
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "[heap]"))
			CHECK_INT(sscanf(line, "%lx-%lx", &from, &to), 2);
	fclose(f);
	CHECK(from < to);
	for (unsigned long at = from; at + n <= to; at++)
		found += is_at((const unsigned char *)at, inverted, n);
	return found;
}
