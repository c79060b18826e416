#include "fake.h"

#include <stdio.h>

static struct fake *fake_of(struct stream *st)
{
	return container_of(st, struct fake, st);
}

static struct buf *out(struct stream *st)
{
	return &fake_of(st)->out;
}

static void opened(struct stream *st)
{
}

static void timeout(struct stream *st, int64_t ms)
{
	fake_of(st)->timeout_ms = ms;
}

static void event(struct stream *st, const char *fmt, ...) printf_like(2, 3);
static void event(struct stream *st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (buf_addvf(&fake_of(st)->events, fmt, ap) < 0)
		buf_clear(&fake_of(st)->events);
	va_end(ap);
}

static void start_tls(struct stream *st)
{
	event(st, "tls;");
}

static struct strv channel_binding(struct stream *st, enum stream_cb kind,
				   struct arena *a)
{
	return st->secure ? fake_of(st)->cb[kind] : STRV_NULL;
}

static void lookup(struct stream *st, struct jid user, enum digest_alg alg)
{
	struct fake *f = fake_of(st);

	event(st, "lookup " STRV_FMT ";", STRV_ARG(jid_text(user)));
	if (f->answers)
		stream_on_keys(st, &f->keys, f->account_exists, 0);
}

static void check_password(struct stream *st, struct jid user, struct strv password)
{
	event(st, "password " STRV_FMT ";", STRV_ARG(jid_text(user)));
	if (fake_of(st)->answers)
		stream_on_password(st, strv_is(password, "secret") ? PASSWORD_RIGHT
								   : PASSWORD_WRONG);
}

static void tried(struct stream *st, struct jid user, bool right)
{
	if (fake_of(st)->delays)
		event(st, "%s for " STRV_FMT ";", right ? "right" : "wrong",
		      STRV_ARG(jid_text(user)));
	else
		stream_on_answer_due(st);
}

static void auth_done(struct stream *st, int mech, enum sasl_err err)
{
	struct fake *f = fake_of(st);

	f->auth_mech = mech;
	f->auth_err = err;
	f->auth_done++;
}

static bool certificate(struct stream *st, struct arena *a, struct cert_names *ret)
{
	const struct cert_names *names = fake_of(st)->certificate;

	if (names && ret)
		*ret = *names;
	return names != NULL;
}

static void check_vouched(struct stream *st, struct jid user, unsigned methods)
{
	struct fake *f = fake_of(st);

	event(st, "vouched " STRV_FMT "%s;", STRV_ARG(jid_text(user)),
	      methods & (1u << AUTH_PKI) ? " pki" : "");
	if (f->answers)
		stream_on_password(st,
				   f->account_exists ? PASSWORD_RIGHT : PASSWORD_WRONG);
}

static void enter(struct stream *st, struct jid user, struct strv trace)
{
	struct fake *f = fake_of(st);

	event(st, "enter " STRV_FMT " \"" STRV_FMT "\";", STRV_ARG(jid_text(user)),
	      STRV_ARG(trace));
	if (f->answers)
		stream_on_password(st,
				   f->account_exists ? PASSWORD_RIGHT : PASSWORD_BUSY);
}

static void authenticated(struct stream *st)
{
	event(st, "authenticated " STRV_FMT ";", STRV_ARG(jid_text(st->jid)));
}

static void bind_resource(struct stream *st, struct strv resource)
{
	struct arena *a = fake_of(st)->kept;

	event(st, "bind " STRV_FMT ";", STRV_ARG(resource));
	if (!fake_of(st)->answers)
		return;
	if (strv_is(resource, "denied")) {
		stream_on_bound(st, STANZA_ERR_NOT_ALLOWED, NULL);
		return;
	}
	stream_set_full_jid(st, jid_make(a, jid_local(st->jid), jid_domain(st->jid),
					 resource.n ? resource : STRV("made")));
	stream_on_bound(st, STANZA_ERR_NONE, NULL);
}

static void on_stanza(struct stream *st, const struct stanza *s)
{
	fake_of(st)->stopped = fake_of(st)->stops;
	event(st, "stanza " STRV_FMT " from " STRV_FMT ";", STRV_ARG(s->el->local),
	      STRV_ARG(jid_text(s->from)));
}

static bool goes_on(struct stream *st)
{
	return !fake_of(st)->stopped;
}

static void works(struct stream *st, uint32_t work)
{
	fake_of(st)->work += work;
}

static bool pre_auth_iq(struct stream *st, const struct stanza *s)
{
	event(st, "register;");
	if (fake_of(st)->answers)
		stream_resume(st);
	return true;
}

static void features(struct stream *st, bool authed, struct buf *b)
{
}

static void close_stream(struct stream *st, enum stream_err why, const char *text)
{
	event(st, "close %s;", why ? stream_err_name(why) : "-");
}

static const struct stream_env env = {
	.out = out,
	.opened = opened,
	.timeout = timeout,
	.start_tls = start_tls,
	.channel_binding = channel_binding,
	.lookup = lookup,
	.check_password = check_password,
	.certificate = certificate,
	.check_vouched = check_vouched,
	.enter = enter,
	.tried = tried,
	.auth_done = auth_done,
	.authenticated = authenticated,
	.bind = bind_resource,
	.stanza = on_stanza,
	.goes_on = goes_on,
	.works = works,
	.pre_auth_iq = pre_auth_iq,
	.features = features,
	.close = close_stream,
};

void fake_init(struct fake *f)
{
	*f = (struct fake){ .answers = true, .account_exists = true };
	f->out = BUF_INIT(1 << 20);
	f->in = BUF_INIT(1 << 20);
	f->events = BUF_INIT(1 << 16);
	f->reader = xml_reader_new();
	f->scratch = arena_new(4096);
	f->kept = arena_new(1024);
	f->hosts[0].domain = STRV("example.com");
	f->hosts[1].domain = STRV("example.net");
	f->hosts[0].auth = f->hosts[1].auth = &f->conf.auth;
	f->conf.hosts = f->hosts;
	f->conf.n_hosts = 2;
	f->conf.general.default_server_domain = STRV("example.com");
	f->conf.general.language = STRV("en");
	f->listener.state_timeout_ms = 5000;
	f->listener.max_stanza_size = 10000;
	f->listener.backwards_compatible_session = true;
	f->listener.auth_methods = f->conf.auth.method_set = 1u << AUTH_INTERNAL;
	f->conf.auth.mechanisms = (1u << SASL_MECH_MAX) - 1;
	for (unsigned m = 0; m < SASL_MECH_MAX; m++)
		f->conf.auth.order[f->conf.auth.n_order++] = (uint8_t)m;
	scram_derive(DIGEST_SHA1, STRV("secret"), STRV("0123456789abcdef"), 2, &f->keys);
}

void fake_start(struct fake *f)
{
	stream_init(&f->st, &env, &f->conf, &f->listener, false);
	f->timeout_ms = f->listener.state_timeout_ms;
}

void fake_fini(struct fake *f)
{
	stream_fini(&f->st);
	xml_reader_free(&f->reader);
	arena_free(&f->scratch);
	arena_free(&f->kept);
	buf_free(&f->out);
	buf_free(&f->in);
	buf_free(&f->events);
}

void fake_send(struct fake *f, struct strv bytes)
{
	if (buf_adds(&f->in, bytes) < 0)
		return; /* the fuzzer's flood: the connection would be gone */
	buf_consume(&f->in, stream_feed(&f->st, f->reader, f->scratch, buf_strv(&f->in)));
}

static const char *take(struct buf *b)
{
	const char *text = buf_cstr(b);

	buf_clear(b);
	return text;
}

const char *fake_out(struct fake *f)
{
	return take(&f->out);
}

const char *fake_events(struct fake *f)
{
	return take(&f->events);
}

void fake_login(struct fake *f)
{
	fake_send(f, STRV(FAKE_HEADER FAKE_PLAIN));
	fake_send(f, STRV(FAKE_HEADER));
	fake_out(f);
	fake_events(f);
}

void fake_bind(struct fake *f)
{
	fake_login(f);
	fake_send(
		f,
		STRV("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		     "<resource>orchard</resource></bind></iq>"));
	fake_out(f);
	fake_events(f);
}

bool fake_has(const char *text, const char *what)
{
	if (strstr(text, what))
		return true;
	printf("no %s in: %s\n", what, text);
	return false;
}
