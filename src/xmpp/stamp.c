#include "xmpp/stamp.h"

#include <stdio.h>

enum { SECONDS_OF_DAY = 86400, US_OF_SECOND = 1000000 };

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Years begin in
 * March here, so that the leap day is the last one; 146097 days make 400 years. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year =
		(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year_of_era =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year =
		of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * of_year + 2) / 153;
	*day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void format(wallus_t t, bool fraction, char to[STAMP_LEN])
{
	int64_t seconds = floor_div(t, US_OF_SECOND);
	int64_t days = floor_div(seconds, SECONDS_OF_DAY);
	unsigned us = (unsigned)(t - seconds * US_OF_SECOND);
	unsigned s = (unsigned)(seconds - days * SECONDS_OF_DAY);
	int64_t year;
	unsigned month, day;
	date_from_days(days, &year, &month, &day);
	ASSERT(year >= 0 && year <= 9999);
	int n = snprintf(to, STAMP_LEN, "%04u-%02u-%02uT%02u:%02u:%02u",
			 (unsigned)year % 10000, month, day, s / 3600 % 24, s / 60 % 60,
			 s % 60);
	if (fraction)
		snprintf(to + n, (size_t)(STAMP_LEN - n), ".%06uZ", us % US_OF_SECOND);
	else
		snprintf(to + n, (size_t)(STAMP_LEN - n), "Z");
}

void stamp_format(wallus_t t, char to[STAMP_LEN])
{
	format(t, t % US_OF_SECOND != 0, to);
}

void stamp_format_seconds(wallus_t t, char to[STAMP_LEN])
{
	format(t, false, to);
}

/* --- reading --- */

struct cursor {
	const char *p, *end;
	bool bad;
};

static bool accept(struct cursor *c, char want)
{
	bool hit = c->p < c->end && *c->p == want;
	if (hit)
		c->p++;
	return hit;
}

static void expect(struct cursor *c, char want)
{
	if (!accept(c, want))
		c->bad = true;
}

static unsigned digits(struct cursor *c, int n)
{
	unsigned v = 0;
	for (; n > 0; n--) {
		if (c->p == c->end || *c->p < '0' || *c->p > '9') {
			c->bad = true;
			return 0;
		}
		v = v * 10 + (unsigned)(*c->p++ - '0');
	}
	return v;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

static int64_t read_date(struct cursor *c)
{
	unsigned year = digits(c, 4);
	expect(c, '-');
	unsigned month = digits(c, 2);
	expect(c, '-');
	unsigned day = digits(c, 2);
	if (c->bad || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month)) {
		c->bad = true;
		return 0;
	}
	return days_from_date(year, month, day);
}

/* Seconds of the day; 60 is a leap second, which ends with the next minute. */
static unsigned read_time(struct cursor *c)
{
	unsigned hour = digits(c, 2);
	expect(c, ':');
	unsigned minute = digits(c, 2);
	expect(c, ':');
	unsigned second = digits(c, 2);
	c->bad = c->bad || hour > 23 || minute > 59 || second > 60;
	return hour * 3600 + minute * 60 + second;
}

/* Microseconds; digits beyond the sixth are dropped. */
static unsigned read_fraction(struct cursor *c)
{
	if (!accept(c, '.'))
		return 0;
	unsigned us = digits(c, 1) * (US_OF_SECOND / 10);
	for (unsigned unit = US_OF_SECOND / 100;
	     c->p < c->end && *c->p >= '0' && *c->p <= '9'; unit /= 10)
		us += unit * digits(c, 1);
	return us;
}

/* Seconds east of UTC. */
static int64_t read_offset(struct cursor *c)
{
	if (accept(c, 'Z'))
		return 0;
	bool west = accept(c, '-');
	if (!west)
		expect(c, '+');
	unsigned hour = digits(c, 2);
	expect(c, ':');
	unsigned minute = digits(c, 2);
	c->bad = c->bad || hour > 14 || minute > 59;
	int64_t offset = hour * 3600 + minute * 60;
	return west ? -offset : offset;
}

int stamp_parse(struct strv in, wallus_t *ret)
{
	struct cursor c = { in.p, in.n ? in.p + in.n : in.p, false };
	int64_t seconds = read_date(&c) * SECONDS_OF_DAY;
	expect(&c, 'T');
	seconds += read_time(&c);
	unsigned us = read_fraction(&c);
	seconds -= read_offset(&c);
	if (c.bad || c.p != c.end)
		return -EINVAL;
	*ret = seconds * US_OF_SECOND + us;
	return 0;
}
