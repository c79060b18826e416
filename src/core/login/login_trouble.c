#include "core/login/login_trouble.h"
#include "core/login/question.h"

enum { PER_MINUTE = 10, NEWS_PER_MINUTE = 60 };

enum kind { KIND_NEWS, KIND_FAILED, KIND_ODD, KIND_BUSY, KIND_ROW, KIND_MAX };

static const struct {
	const char *name;
	const char *look_at;	/* ... when it cannot be asked */
	const char *more_of_it; /* what makes it take more at the same time */
} methods[AUTH_METHOD_MAX] = {
	[AUTH_INTERNAL] = { "internal", "internal_databases", NULL },
	[AUTH_RDBMS] = { "rdbms", "outgoing_pools.rdbms",
			 "outgoing_pools.rdbms.default.workers" },
	[AUTH_EXTERNAL] = { "external", "auth.external.program",
			    "auth.external.instances" },
	[AUTH_LDAP] = { "ldap", "outgoing_pools.ldap", "outgoing_pools.ldap.*.workers" },
	[AUTH_JWT] = { "jwt", "auth.jwt.secret", NULL },
	[AUTH_HTTP] = { "http", "outgoing_pools.http.auth",
			"outgoing_pools.http.auth.workers" },
};

static bool may_tell(enum auth_method m, enum kind k, unsigned *dropped)
{
	static _Thread_local struct log_limit limits[AUTH_METHOD_MAX][KIND_MAX];

	return log_limit_ok(&limits[m][k], k == KIND_NEWS ? NEWS_PER_MINUTE : PER_MINUTE,
			    dropped);
}

/* Another reason than the last one: it is not to drown in what is known already. */
static bool is_news(enum auth_method m, const struct question_answer *a)
{
	static _Thread_local struct {
		int err;
		char why[200];
	} last[AUTH_METHOD_MAX];
	size_t n = MIN(strlen(a->why), sizeof(last[m].why) - 1);

	if (last[m].err == a->err && strncmp(last[m].why, a->why, n) == 0 &&
	    last[m].why[n] == '\0')
		return false;
	last[m].err = a->err;
	memcpy(last[m].why, a->why, n);
	last[m].why[n] = '\0';
	return true;
}

void login_trouble(enum auth_method m, const struct question_answer *a)
{
	bool failed = a->err != -EACCES && a->err != -ENOENT;
	enum kind kind;
	unsigned dropped;

	if (a->err == -EAGAIN) /* known to be down; it was said when that was found */
		return;
	kind = is_news(m, a) ? KIND_NEWS : failed ? KIND_FAILED : KIND_ODD;
	if (!may_tell(m, kind, &dropped))
		return;
	log_event(failed ? LOG_ERROR : LOG_WARNING, "auth.backend",
		  "%s: %s; see %s (%u more like it)", methods[m].name,
		  a->why[0] ? a->why : strerrordesc_np(-a->err), methods[m].look_at,
		  dropped);
}

void login_trouble_busy(enum auth_method m)
{
	const char *more = methods[m].more_of_it;
	unsigned dropped;

	if (may_tell(m, KIND_BUSY, &dropped))
		log_error(
			"auth.busy",
			"%s: too many logins wait, in all or of one address or account; "
			"this one is turned away%s%s (%u more like it)",
			methods[m].name, more ? "; see " : "", more ? more : "", dropped);
}

void login_trouble_database(enum auth_method m, int err)
{
	const struct question_answer a = {
		.err = err,
		.why = err == -ENOTCONN	   ? "the database is not connected"
		       : err == -ETIMEDOUT ? "the database has not answered in time"
					   : "the database has failed",
	};

	login_trouble(m, &a);
}

void login_trouble_row(enum auth_method m, struct jid account)
{
	unsigned dropped;

	if (may_tell(m, KIND_ROW, &dropped))
		log_error(
			"auth.row",
			"%s: the stored credentials of " STRV_FMT
			" cannot be read: they are of no form that MongooseIM writes (%u "
			"more like it)",
			methods[m].name, STRV_ARG(jid_text(account)), dropped);
}
