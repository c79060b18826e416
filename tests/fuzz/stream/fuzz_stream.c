/* The whole stream machine on null surroundings: what a peer may send, in pieces, with answers
 * that come at once or late, timeouts and TLS in between. Whatever comes, the machine asserts
 * nothing, writes a bounded amount, and says nothing more once it has closed.
 *
 * The first byte chooses the listener (TLS mode, hidden name, late answers, no accounts); the rest is the
 * stream, in which these bytes are events: 0x01 the answer that is awaited, 0x02 TLS is done,
 * 0x03 a timeout, 0x04 a cut between two reads. */
#include "fake.h"
#include "core/stream/stream_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(struct fake *f)
{
	struct stream *st = &f->st;

	if (!st->waiting || st->closed)
		return;
	if (st->state == ST_BINDING) {
		stream_on_bound(st, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
	} else if (st->neg->mech == SASL_PLAIN || st->neg->mech == SASL_ANONYMOUS) {
		stream_on_password(st, PASSWORD_BUSY);
	} else if (st->neg->mech >= 0) {
		stream_on_keys(st, &f->keys, true, 0);
	} else {
		stream_resume(st);
	}
	fake_send(f, STRV(""));
}

static void event(struct fake *f, uint8_t what)
{
	if (what == 1)
		answer(f);
	else if (what == 2 && f->st.state == ST_SECURING) {
		buf_clear(&f->in);
		stream_on_secured(&f->st);
	} else if (what == 3 && f->timeout_ms >= 0)
		stream_on_timeout(&f->st);
}

static void configure(struct fake *f, uint8_t how)
{
	f->listener.has_tls = how & 3;
	f->listener.tls.mode =
		(how & 3) == 3 ? TLS_MODE_STARTTLS_REQUIRED : TLS_MODE_STARTTLS;
	f->conf.general.hide_service_name = how & 4;
	f->answers = !(how & 8);
	f->account_exists = !(how & 16);
	f->conf.auth.anonymous.protocol = ANONYMOUS_SASL | ANONYMOUS_LOGIN;
	if (how & 64)
		f->listener.auth_methods = f->conf.auth.method_set = 1u << AUTH_ANONYMOUS;
	f->cb[CB_TLS_EXPORTER] = how & 32 ? STRV("binding") : STRV_NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake f;
	size_t start = 1;

	if (size == 0 || size > 100000)
		return 0;
	fake_init(&f);
	configure(&f, data[0]);
	fake_start(&f);
	for (size_t i = 1; i <= size; i++) {
		if (i < size && (data[i] == 0 || data[i] > 4))
			continue;
		fake_send(&f, strv_make((const char *)data + start, i - start));
		if (i < size)
			event(&f, data[i]);
		start = i + 1;
		if (f.st.closed) {
			fake_out(&f);
			fake_send(&f, STRV("<more/>"));
			ASSERT(*fake_out(&f) == '\0');
			break;
		}
	}
	fake_fini(&f);
	return 0;
}
