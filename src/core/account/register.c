#include "core/account/register.h"
#include "core/account/account.h"
#include "core/account/account_change.h"
#include "core/c2s/c2s.h"
#include "core/login/anonymous.h"
#include "core/module.h"
#include "core/options/access.h"
#include "core/server/server.h"

#include <pthread.h>

const struct register_conf *register_conf(const struct host *h)
{
	for (size_t i = 0; all_modules[i]; i++)
		if (strcmp(all_modules[i]->name, "mod_register") == 0)
			return h->mod_conf[i];
	return NULL;
}

bool register_is_safe(const struct stream *st)
{
	return st->secure || !st->listener->has_tls;
}

static bool can_store(const struct stream *st)
{
	return account_can_store(st->host->auth, st->listener->auth_methods);
}

bool register_is_offered(const struct stream *st)
{
	return register_is_safe(st) && can_store(st);
}

/* --- who may --- */

bool register_address_may(const struct register_conf *c, const char *address)
{
	const struct register_net *best = NULL;
	struct net at;

	if (net_parse_address(strv_from(address), &at) < 0)
		return c->n_ip_access == 0;
	for (size_t i = 0; i < c->n_ip_access; i++) {
		const struct register_net *n = &c->ip_access[i];
		if (net_has(&n->net, &at) &&
		    (best == NULL || n->net.bits > best->net.bits))
			best = n;
	}
	return best == NULL || !best->deny;
}

/* When an address has registered last: a fixed table, in which a newer address may take the place
 * of another. */
enum { N_RECENT = 8192 };
static struct {
	uint64_t address; /* its hash */
	msec_t until;
} recent[N_RECENT];
static pthread_mutex_t recent_lock = PTHREAD_MUTEX_INITIALIZER;

static bool take_turn(const char *address, int64_t timeout_s)
{
	uint64_t h = net_owner(strv_from(address));
	msec_t now = clock_mono_ms();
	bool ok;

	if (timeout_s == CONF_INFINITY)
		return true;
	pthread_mutex_lock(&recent_lock);
	ok = recent[h % N_RECENT].address != h || recent[h % N_RECENT].until <= now;
	if (ok) {
		recent[h % N_RECENT].address = h;
		recent[h % N_RECENT].until = now + timeout_s * 1000;
	}
	pthread_mutex_unlock(&recent_lock);
	return ok;
}

/* A registration that came to nothing does not count. */
static void give_turn_back(const char *address)
{
	uint64_t h = net_owner(strv_from(address));

	pthread_mutex_lock(&recent_lock);
	if (recent[h % N_RECENT].address == h)
		recent[h % N_RECENT].until = 0;
	pthread_mutex_unlock(&recent_lock);
}

/* --- the request --- */

static bool is_within(struct strv s, char first, char last)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= first && s.p[i] <= last)
			return true;
	return false;
}

static bool has_symbol(struct strv s)
{
	return is_within(s, '!', '/') || is_within(s, ':', '@') ||
	       is_within(s, '[', '`') || is_within(s, '{', '~');
}

static bool has_other(struct strv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '!' || s.p[i] > '~')
			return true;
	return false;
}

bool register_is_strong(const struct register_conf *c, struct strv password)
{
	int choices = 26 * is_within(password, 'a', 'z') +
		      26 * is_within(password, 'A', 'Z') +
		      9 * is_within(password, '0', '9') + 33 * has_symbol(password) +
		      128 * has_other(password);
	double words =
		1; /* as many as there are of this kind, without the bits counted already */
	int64_t bits = 0;

	for (size_t i = 0; i < password.n && bits < c->password_strength; i++)
		for (words *= choices; words >= 2; words /= 2)
			bits++;
	return bits >= c->password_strength;
}

static void read_password(struct arena *a, const struct xml_el *e,
			  struct register_fields *ret)
{
	struct strv text = xml_text(e, a);
	bool is_there = text.p >= e->raw.p && text.p < e->raw.p + e->raw.n;

	register_wipe(ret); /* there was another one */
	ret->password = is_there ? arena_strv(a, text) : text;
}

void register_read(struct arena *a, const struct xml_el *query,
		   struct register_fields *ret)
{
	*ret = (struct register_fields){ 0 };
	XML_EACH_CHILD(e, query) {
		if (xml_is(e, NS_REGISTER, "username"))
			ret->username = xml_text(e, a);
		else if (xml_is(e, NS_REGISTER, "password"))
			read_password(a, e, ret);
		else if (xml_is(e, NS_REGISTER, "remove"))
			ret->remove = true;
	}
}

void register_wipe(struct register_fields *f)
{
	if (f->password.n)
		mem_wipe((char *)f->password.p, f->password.n);
	f->password = STRV_NULL;
}

enum stanza_err register_error(int err, const char **text)
{
	*text = NULL;
	switch (err) {
	case 0:
		return STANZA_ERR_NONE;
	case -EEXIST:
		return STANZA_ERR_CONFLICT;
	case -ENOENT:
		return STANZA_ERR_ITEM_NOT_FOUND;
	case -EINVAL:
		*text = "such a password is not allowed";
		return STANZA_ERR_NOT_ACCEPTABLE;
	case -ENOSPC:
		*text = "the domain has no room for another account";
		return STANZA_ERR_RESOURCE_CONSTRAINT;
	case -EAGAIN:
		*text = "the server is too busy";
		return STANZA_ERR_RESOURCE_CONSTRAINT;
	case -EREMOTEIO:
		*text = "the service that has the accounts does not answer: try again later";
		return STANZA_ERR_RESOURCE_CONSTRAINT;
	case -EACCES:
		*text = "the service that has the accounts refuses it";
		return STANZA_ERR_NOT_ALLOWED;
	case -ENOTSUP:
		*text = "accounts of this kind are kept elsewhere";
		return STANZA_ERR_NOT_ALLOWED;
	default:
		*text = "the database failed";
		return STANZA_ERR_INTERNAL_SERVER_ERROR;
	}
}

/* --- before login --- */

struct registration {
	struct handle stream;
	struct arena *arena; /* owns all that follows */
	struct jid account;
	struct strv id;
	const struct host *host;
	struct conf *conf; /* host's */
	const char *address;
};

static void answer(struct stream *st, struct strv id, struct strv payload,
		   enum stanza_err err, const char *text)
{
	static const struct xml_el none;
	struct stanza s = { .kind = STANZA_IQ, .type = IQ_SET, .id = id, .el = &none };
	struct buf *b = st->env->out(st);
	int r = err ? stanza_write_error(b, &s, err, text)
		    : stanza_write_result(b, &s, payload);

	(void)r; /* a full buffer: the connection is dropped at the end of the turn */
}

static void refuse(struct stream *st, const struct stanza *s, enum stanza_err err,
		   const char *text)
{
	answer(st, s->id, STRV(""), err, text);
	stream_resume(st);
}

static void send_message(struct worker *w, const struct host *h, struct strv to,
			 struct strv subject, struct strv body)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "message", NS_NONE);
	xo_attr(&o, "from", h->domain);
	xo_attr(&o, "to", to);
	if (subject.n)
		xo_leaf(&o, "subject", NS_NONE, subject);
	xo_leaf(&o, "body", NS_NONE, body);
	xo_end(&o);
	if (o.err == 0)
		route_bytes(w, buf_strv(&b));
}

static void tell_others(struct worker *w, const struct registration *r)
{
	const struct register_conf *c = register_conf(r->host);
	const char *news =
		arena_printf(r->arena, "The user " STRV_FMT " was registered from %s.",
			     STRV_ARG(jid_text(r->account)), r->address);

	if (c->welcome_subject.n || c->welcome_body.n)
		send_message(w, r->host, jid_text(r->account), c->welcome_subject,
			     c->welcome_body);
	for (size_t i = 0; i < c->n_registration_watchers; i++)
		send_message(w, r->host, c->registration_watchers[i], STRV(""),
			     strv_from(news));
}

static void on_registered(struct worker *w, int err, void *arg)
{
	struct registration *r = arg;
	struct c2s *c = c2s_get(w, r->stream);
	struct arena *a = r->arena;
	const char *text;
	enum stanza_err e = register_error(err, &text);

	anonymous_give_back(w->server->anonymous_names, r->account);
	if (err < 0)
		give_turn_back(r->address);
	else
		log_notice("register.account", STRV_FMT " from %s",
			   STRV_ARG(jid_text(r->account)), r->address);
	if (c && !c->st.closed) {
		answer(&c->st, r->id, STRV(""), e, text);
		stream_resume(&c->st);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	}
	if (err == 0)
		tell_others(w, r);
	conf_unref(&r->conf);
	arena_free(&a);
}

static void register_account(struct stream *st, const struct stanza *s)
{
	struct c2s *c = c2s_of(st);
	const struct register_conf *conf = register_conf(st->host);
	struct arena *a = arena_new(2048);
	struct registration *r = ARENA_NEW(a, struct registration);
	/* Taken until it is clear whose it is: nobody comes by this name meanwhile. */
	struct anonymous_names *names = c->worker->server->anonymous_names;
	struct register_fields f;
	struct strv local;

	register_read(a, stanza_payload(s), &f);
	if (f.remove) {
		refuse(st, s, STANZA_ERR_UNEXPECTED_REQUEST, "log in first");
	} else if (f.username.n == 0 || f.password.n == 0) {
		refuse(st, s, STANZA_ERR_NOT_ACCEPTABLE,
		       "a username and a password are needed");
	} else if (jid_prep_local(a, f.username, &local) < 0) {
		refuse(st, s, STANZA_ERR_JID_MALFORMED, "such a username is not allowed");
	} else if (!register_is_strong(conf, f.password)) {
		refuse(st, s, STANZA_ERR_NOT_ACCEPTABLE, "the password is too weak");
	} else {
		r->arena = a;
		r->stream = c2s_handle(c);
		r->account = jid_make(a, local, st->host->domain, STRV(""));
		r->id = arena_strv(a, s->id);
		r->host = st->host;
		r->address = arena_cstr(a, strv_from(conn_peer(c->conn)));
		if (!register_address_may(conf, r->address) ||
		    !access_allows(st->conf, conf->access, st->host->domain,
				   r->account)) {
			refuse(st, s, STANZA_ERR_FORBIDDEN, NULL);
		} else if (anonymous_take(names, r->account, false, CONF_INFINITY) < 0) {
			refuse(st, s, STANZA_ERR_CONFLICT, NULL);
		} else if (!take_turn(r->address,
				      st->conf->general.registration_timeout_s)) {
			anonymous_give_back(names, r->account);
			refuse(st, s, STANZA_ERR_RESOURCE_CONSTRAINT,
			       "too soon after the last registration from this address");
		} else {
			r->conf = conf_ref(c2s_conf(c));
			account_put(st, r->account, f.password, true, on_registered, r);
			register_wipe(&f);
			return;
		}
	}
	register_wipe(&f);
	arena_free(&a);
}

bool register_pre_auth(struct stream *st, const struct stanza *s)
{
	bool elsewhere =
		!jid_is_none(s->to) && !strv_eq(jid_text(s->to), st->host->domain);

	if (register_conf(st->host) == NULL || !can_store(st) || elsewhere) {
		refuse(st, s, STANZA_ERR_SERVICE_UNAVAILABLE,
		       !elsewhere && host_has_module(st->host, "mod_register")
			       ? "accounts of this domain are made elsewhere"
			       : NULL);
	} else if (!register_is_safe(st)) {
		refuse(st, s, STANZA_ERR_NOT_ALLOWED, "only over TLS");
	} else if (s->type == IQ_GET) {
		answer(st, s->id,
		       STRV("<query xmlns='jabber:iq:register'><instructions>Choose a "
			    "username and password for use with this service."
			    "</instructions><username/><password/></query>"),
		       STANZA_ERR_NONE, NULL);
		stream_resume(st);
	} else if (s->type == IQ_SET) {
		register_account(st, s);
	} else {
		stream_resume(st);
	}
	return true;
}
