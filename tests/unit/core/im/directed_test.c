/* The end of directed presence: the addresses that it went to were prepared when it did. */
#include "core/stream/stream.h"
#include "im/romeo.h"
#include "test.h"

#include <dlfcn.h>
#include <idn2.h>

extern const struct module mod_presence;

static unsigned n_labels;

/* Instead of the library's: counted. */
int idn2_register_u8(const uint8_t *u, const uint8_t *a, uint8_t **insert, int flags)
{
	__typeof__(idn2_register_u8) *real =
		(__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "idn2_register_u8");

	n_labels++;
	return real(u, a, insert, flags);
}

TEST(directed_presence_ends_without_preparing_addresses_again)
{
	static const char text[] = "nobody@\u00e9.\u00e9.example/\u00e9";
	struct romeo_world w;
	struct stream st = { 0 };
	struct session s = { .stream = &st };
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct jid to;

	romeo_set_up(&w, NULL);
	romeo_ask(&w);
	romeo_await(&w);
	s.user = w.romeo;
	st.jid = jid_make(a, jid_local(romeo), jid_domain(romeo), STRV("orchard"));
	n_labels = 0;
	CHECK_INT(jid_parse(a, strv_from(text), &to), 0);
	CHECK_INT(n_labels, 2);
	CHECK_INT(session_directed_add(&s, to), 0);
	CHECK(s.directed != NULL);
	w.worker->work = 0;
	mod_presence.hooks->unbind(&s);
	CHECK(s.directed == NULL);
	CHECK(w.worker->work > 0); /* it has gone there */
	CHECK_INT(n_labels, 2);
	romeo_tear_down(&w);
}
