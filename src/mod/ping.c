/* XMPP ping (XEP-0199), both ways: MongooseIM's mod_ping. */
#include "base/rand.h"
#include "core/c2s/c2s.h"
#include "core/module.h"

#include <stdio.h>

enum ping_action { PING_NONE, PING_KILL };

struct ping_conf {
	bool send_pings;
	int64_t ping_interval_s;
	int64_t timeout_action;
	int64_t ping_req_timeout_s;
};

/* Of a session, when send_pings is on. */
struct pinger {
	struct timer timer;
	struct session *session;
	msec_t last; /* when the client was last heard */
	bool waiting;
	char id[15]; /* of the last ping; "": there was none */
};

struct ping_data {
	struct pinger *pinger; /* NULL: we do not ping */
};

extern const struct module mod_ping;

static enum verdict on_get(struct ctx *c)
{
	reply_result(c);
	return HANDLED;
}

/* As it is now: a reload may change it. */
static const struct ping_conf *conf_of(const struct pinger *p)
{
	return mod_conf(p->session->user->host, &mod_ping);
}

static struct loop *loop_of(const struct pinger *p)
{
	return p->session->user->worker->loop;
}

static struct conn *conn_of(const struct pinger *p)
{
	return c2s_of(p->session->stream)->conn;
}

static void has_come(struct pinger *p)
{
	(void)conn_was_heard(conn_of(p));
	p->last = loop_now(loop_of(p));
}

/* No answer can be awaited where we do not read; and all that comes shows that the client lives, a
 * piece of a stanza, too. */
static bool lives(const struct pinger *p)
{
	struct conn *conn = conn_of(p);

	return conn_was_heard(conn) || !conn_is_open(conn) || conn_has_unread(conn);
}

static void send_ping(struct pinger *p)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	struct xml_out o = xml_out(&b);

	rand_token(p->id, sizeof(p->id) - 1);
	p->waiting = true;
	xo_start(&o, "iq", NS_NONE);
	xo_attr(&o, "from", p->session->user->host->domain);
	xo_attr(&o, "to", jid_text(session_jid(p->session)));
	xo_attr(&o, "id", strv_from(p->id));
	xo_attr(&o, "type", STRV("get"));
	xo_start(&o, "ping", NS_PING);
	xo_end(&o);
	xo_end(&o);
	ASSERT(o.err == 0);
	session_send_bytes(p->session, buf_strv(&b));
	timer_arm(loop_of(p), &p->timer, conf_of(p)->ping_req_timeout_s * 1000);
}

static void on_timer(struct timer *t)
{
	struct pinger *p = container_of(t, struct pinger, timer);
	msec_t interval = conf_of(p)->ping_interval_s * 1000;
	msec_t quiet;

	if (lives(p)) {
		p->waiting = false;
		has_come(p);
	}
	if (p->waiting && conf_of(p)->timeout_action == PING_KILL) {
		stream_close(p->session->stream, STREAM_ERR_CONNECTION_TIMEOUT,
			     "no answer to a ping");
		return; /* p is gone */
	}
	p->waiting = false;
	quiet = loop_now(loop_of(p)) - p->last;
	if (quiet < interval)
		timer_arm(loop_of(p), &p->timer, interval - quiet);
	else
		send_ping(p);
}

static void start(struct session *s)
{
	const struct ping_conf *conf = mod_conf(s->user->host, &mod_ping);
	struct ping_data *d = mod_session_data(s, &mod_ping);
	struct pinger *p;

	if (!conf->send_pings || d->pinger)
		return;
	p = d->pinger = MEM_NEW(struct pinger);
	p->session = s;
	has_come(p);
	timer_init(&p->timer, on_timer);
	timer_arm(loop_of(p), &p->timer, conf->ping_interval_s * 1000);
}

static void stop(struct session *s)
{
	struct ping_data *d = mod_session_data(s, &mod_ping);

	if (d->pinger == NULL)
		return;
	timer_cancel(loop_of(d->pinger), &d->pinger->timer);
	mem_free(d->pinger);
	d->pinger = NULL;
}

static void reloaded(struct session *s)
{
	const struct ping_conf *conf = mod_conf(s->user->host, &mod_ping);

	if (conf->send_pings)
		start(s);
	else
		stop(s);
}

/* An answer to our ping, be it late, needs no further routing. */
static enum verdict from_client(struct ctx *c)
{
	struct ping_data *d = mod_session_data(c->session, &mod_ping);
	struct pinger *p = d->pinger;
	const struct stanza *s = c->stanza;

	if (p == NULL)
		return PASS;
	has_come(p);
	if (s->kind != STANZA_IQ || s->id.n == 0 || !strv_is(s->id, p->id) ||
	    (s->type != IQ_RESULT && s->type != STANZA_ERROR))
		return PASS;
	p->waiting = false;
	timer_arm(loop_of(p), &p->timer, conf_of(p)->ping_interval_s * 1000);
	return HANDLED;
}

static const struct conf_option options[] = {
	CONF_BOOL(
		"send_pings", struct ping_conf, send_pings, "false",
		"Ping clients from which nothing has come for a while, not even a piece of a stanza."),
	CONF_INT("ping_interval", struct ping_conf, ping_interval_s, "60", 1, 86400,
		 "How long a client may be silent before it is pinged.", .unit = "s"),
	CONF_ENUM(
		"timeout_action", struct ping_conf, timeout_action, "\"none\"",
		CONF_WORDS({ "none", PING_NONE }, { "kill", PING_KILL }),
		"What happens to a client from which nothing comes then, either: nothing, or its "
		"stream ends. Not while the server itself does not read from it, for a shaper, say."),
	CONF_INT("ping_req_timeout", struct ping_conf, ping_req_timeout_s, "32", 1, 86400,
		 "How long it has for the answer.", .unit = "s"),
	{ 0 },
};

static const struct iq_handler iq[] = {
	{ NS_PING, "ping", IQ_ON_GET | IQ_TO_SERVER, on_get },
	{ NS_PING, "ping", IQ_ON_GET | IQ_TO_OWN, on_get },
	{ 0 },
};

static const struct hooks hooks = {
	.phase = PHASE_CHECK,
	.bound = start,
	.unbind = stop,
	.reloaded = reloaded,
	.from_client = from_client,
};

const struct module mod_ping = {
	.name = "mod_ping",
	.doc = "XMPP ping (XEP-0199): answers clients' pings, and pings clients.",
	.features = (const enum xml_ns[]){ NS_PING, NS_NONE },
	.on_by_default = true,
	.iq = iq,
	.hooks = &hooks,
	.options = options,
	.conf_size = sizeof(struct ping_conf),
	.session_size = sizeof(struct ping_data),
};
