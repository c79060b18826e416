#include "test.h"
#include "xmpp/error.h"
#include "xmpp/stamp.h"

enum { SECOND = 1000000 };

static struct strv show(wallus_t t, char *to)
{
	stamp_format(t, to);
	return strv_from(to);
}

TEST(stamp_formats)
{
	char s[STAMP_LEN];
	CHECK_STR(show(0, s), "1970-01-01T00:00:00Z");
	CHECK_STR(show(1, s), "1970-01-01T00:00:00.000001Z");
	CHECK_STR(show(-1, s), "1969-12-31T23:59:59.999999Z");
	CHECK_STR(show(1795834800ll * SECOND, s), "2026-11-28T03:00:00Z");
	CHECK_STR(show(951782400ll * SECOND, s), "2000-02-29T00:00:00Z");
	CHECK_STR(show(4107542400ll * SECOND, s), "2100-03-01T00:00:00Z");
	stamp_format_seconds(1795834800ll * SECOND + 999999, s);
	CHECK_STR(strv_from(s), "2026-11-28T03:00:00Z");
}

static wallus_t read_stamp(const char *s)
{
	wallus_t t = -12345;
	if (stamp_parse(strv_from(s), &t) < 0) {
		CHECK_INT(t, -12345); /* untouched */
		return -1;
	}
	return t;
}

TEST(stamp_parses_offsets_and_fractions)
{
	CHECK_INT(read_stamp("2026-11-28T03:00:00Z"), 1795834800ll * SECOND);
	CHECK_INT(read_stamp("1969-07-21T02:56:15Z"),
		  -14159025ll * SECOND); /* XEP-0082 */
	CHECK_INT(read_stamp("1969-07-20T21:56:15-05:00"), -14159025ll * SECOND);
	CHECK_INT(read_stamp("2026-11-28T04:30:00+01:30"), 1795834800ll * SECOND);
	CHECK_INT(read_stamp("2026-11-28T03:00:00.5Z"), 1795834800ll * SECOND + 500000);
	CHECK_INT(read_stamp("2026-11-28T03:00:00.123Z"), 1795834800ll * SECOND + 123000);
	CHECK_INT(read_stamp("2026-11-28T03:00:00.1234569999Z"),
		  1795834800ll * SECOND + 123456);
	CHECK_INT(read_stamp("2016-12-31T23:59:60Z"),
		  1483228800ll * SECOND); /* leap second */
	CHECK_INT(read_stamp("2000-02-29T00:00:00Z"), 951782400ll * SECOND);
}

TEST(stamp_refuses_what_is_not_one)
{
	static const char *const bad[] = {
		"",
		"2026-11-28",
		"2026-11-28T03:00:00",
		"2026-11-28T03:00:00 Z",
		"2026-11-28T03:00:00Zx",
		"2026-11-28 03:00:00Z",
		"2026-11-28t03:00:00z",
		"20261128T03:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-11-00T00:00:00Z",
		"2026-11-28T24:00:00Z",
		"2026-11-28T03:60:00Z",
		"2026-11-28T03:00:61Z",
		"2026-11-28T03:00:00.Z",
		"2026-11-28T03:00:00+1:00",
		"2026-11-28T03:00:00+01:60",
		"2026-11-28T03:00:00+15:00",
		"2026-11-28T03:00:00+0100",
		"-026-11-28T03:00:00Z",
		"2026-11-28T03:00:0",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(read_stamp(bad[i]), -1);
	wallus_t t;
	CHECK(stamp_parse(STRV_NULL, &t) == -EINVAL);
}

TEST(stamp_round_trips)
{
	char s[STAMP_LEN];
	/* steps of about 57 days with an odd remainder, from year 1 to 9999 */
	for (wallus_t t = -62135596800ll * SECOND; t < 253402300800ll * SECOND;
	     t += 4987654ll * SECOND + 321123) {
		wallus_t back;
		stamp_format(t, s);
		CHECK(stamp_parse(strv_from(s), &back) == 0);
		CHECK_INT(back, t);
	}
}

TEST(error_rows_have_their_names)
{
	CHECK_STR(strv_from(stream_err_name(STREAM_ERR_BAD_FORMAT)), "bad-format");
	CHECK_STR(strv_from(stream_err_name(STREAM_ERR_UNSUPPORTED_VERSION)),
		  "unsupported-version");
	CHECK_STR(strv_from(stanza_err_name(STANZA_ERR_BAD_REQUEST)), "bad-request");
	CHECK_STR(strv_from(stanza_err_type(STANZA_ERR_BAD_REQUEST)), "modify");
	CHECK_STR(strv_from(stanza_err_type(STANZA_ERR_UNEXPECTED_REQUEST)), "wait");
	CHECK_STR(strv_from(sasl_err_name(SASL_ERR_NOT_AUTHORIZED)), "not-authorized");
	for (unsigned e = 1; e < STANZA_ERR_MAX; e++)
		CHECK(stanza_err_name(e) != NULL && stanza_err_type(e) != NULL);
	for (unsigned e = 1; e < STREAM_ERR_MAX; e++)
		CHECK(stream_err_name(e) != NULL);
	for (unsigned e = 1; e < SASL_ERR_MAX; e++)
		CHECK(sasl_err_name(e) != NULL);
}
