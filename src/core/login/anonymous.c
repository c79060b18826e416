#include "core/login/anonymous.h"
#include "base/utf8.h"
#include "core/c2s/c2s.h"
#include "core/im/user.h"
#include "core/server/server.h"
#include "core/server/worker.h"

enum {
	LOG_PER_MINUTE = 6, /* of each worker */
	LOGGED_TRACE = 64,  /* bytes of trace information that are logged */
};

/* --- names: taken by a login, given back by the end of the stream --- */

void anonymous_goes_with(struct c2s *c, struct worker *w, struct jid user)
{
	if (c && !c->st.closed) {
		c->anonymous = true;
		c->early->elsewhere = false; /* of an attempt before */
	} else {
		anonymous_give_back(w->server->anonymous_names, user);
	}
}

void anonymous_leaves(struct c2s *c)
{
	if (!c->anonymous)
		return;
	c->anonymous = false;
	anonymous_give_back(c->worker->server->anonymous_names, stream_user(&c->st));
}

/* --- SASL ANONYMOUS --- */

static struct strv cut(struct strv trace)
{
	struct strv s = strv_make(trace.p, MIN(trace.n, (size_t)LOGGED_TRACE));

	s.n = utf8_valid_len(s);
	return s;
}

static void log_trace(const struct c2s *c, struct jid user, struct strv trace)
{
	struct strv shown = cut(trace);

	if (trace.n)
		log_info("auth.trace",
			 STRV_FMT " from %s says of itself: \"" STRV_FMT "\"%s",
			 STRV_ARG(jid_text(user)), conn_peer(c->conn), STRV_ARG(shown),
			 shown.n < trace.n ? " and more" : "");
}

void anonymous_log_full(struct strv domain)
{
	static _Thread_local struct log_limit limit;
	unsigned dropped;

	if (log_limit_ok(&limit, LOG_PER_MINUTE, &dropped))
		log_warning("auth.full",
			    "no more anonymous users at " STRV_FMT
			    ": there are auth.anonymous.max_users (%u more such logins "
			    "before this one)",
			    STRV_ARG(domain), dropped);
}

void anonymous_enter(struct stream *st, struct jid user, struct strv trace)
{
	struct c2s *c = c2s_of(st);
	int r = anonymous_take(c->worker->server->anonymous_names, user, false,
			       st->host->auth->anonymous.max_users);

	if (r < 0) {
		anonymous_log_full(st->host->domain);
		stream_on_password(st, PASSWORD_BUSY);
		return;
	}
	log_trace(c, user, trace);
	anonymous_goes_with(c, c->worker, user);
	stream_on_password(st, PASSWORD_RIGHT);
}

/* --- the account --- */

struct user *anonymous_user(struct c2s *c, struct user *u, int err)
{
	ASSERT_ON(c->worker);
	ASSERT(c->anonymous);
	if (u == NULL && err == 0) /* who has waited beside us may have been first */
		u = user_find(c->worker, c->st.jid);
	if (u) /* one that is stored has come to this name meanwhile, say */
		return u->anonymous ? u : NULL;
	return err < 0 ? NULL : user_add_anonymous(c->worker, c->st.jid);
}
