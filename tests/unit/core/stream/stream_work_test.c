/* What a stream tells of the work that its client has made. */
#include "fake.h"
#include "test.h"

/* What is sent to nobody, or to what is no address, is work all the same. */
TEST(stream_tells_what_addresses_were_work)
{
	static const struct {
		const char *to;
		bool is_jid;
	} e[] = {
		{ "a@example.com/\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9",
		  true },
		{ "\u00e9.\u00e9.\u00e9.\u00e9.example", true },
		{ "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u2028@example.com",
		  false },
		{ "xn--9ca.xn--9ca.xn--9ca.xn--", false },
	};
	struct fake f;

	fake_init(&f);
	fake_start(&f);
	fake_bind(&f);
	fake_send(&f,
		  STRV("<message to='romeo@example.net/a b' from='romeo@example.com'/>"));
	CHECK_INT(f.work, 0);
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(1000);

		fake_events(&f);
		f.work = 0;
		buf_putf(&b, "<message to='%s'/>", e[i].to);
		fake_send(&f, buf_strv(&b));
		CHECK_INT(strncmp(fake_events(&f), "stanza", 6) == 0, e[i].is_jid);
		CHECK(f.work >= 2 && f.work <= strlen(e[i].to));
	}
	fake_fini(&f);
}

/* A turn ends with it, whoever it is for. */
TEST(stream_tells_what_reading_was_work)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct fake f;

	fake_init(&f);
	f.listener.max_stanza_size = 1 << 20;
	fake_start(&f);
	fake_bind(&f);
	f.work = 0;
	fake_send(&f, STRV("<message><body>x</body></message>"));
	CHECK_INT(f.work, 0);
	buf_put(&b, STRV("<message><body>"));
	for (int i = 0; i < 64 << 10; i++)
		buf_put(&b, STRV("&lt;"));
	buf_put(&b, STRV("</body></message>"));
	fake_send(&f, buf_strv(&b));
	CHECK(f.work >= 128 + (64 << 10) / 128);
	fake_fini(&f);
}
