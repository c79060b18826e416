#include "core/account/account_change.h"
#include "base/utf8.h"
#include "core/account/account.h"
#include "xmpp/sasl/sasl.h"

#include <stdio.h>

static void end(struct account_change *c, int err)
{
	arena_free_wiped(&c->arena);
	c->err = err;
	c->ended(c);
}

/* --- one question --- */

void account_change_go_on(struct account_change *c)
{
	account_step then = c->then;

	store_call_free(&c->stored);
	then(c, c->answer);
}

static void on_stored(struct store_call *call)
{
	struct account_change *c = call->owner;

	c->answer = call->err;
	c->answered(c);
}

static void ask_store(struct account_change *c, struct store_call *call,
		      account_step then)
{
	int r = -EAGAIN;

	call->deliver = on_stored;
	call->owner = c;
	call->estimate = c->auth->users_number_estimate;
	c->stored = call;
	c->then = then;
	if (*c->store)
		r = store_submit(*c->store, call);
	if (r < 0) {
		store_call_free(&c->stored);
		then(c, r);
	}
}

static void hash(struct auth_job *j, void *state)
{
	struct account_change *c = container_of(j, struct account_change, job);

	account_stored_form(c->auth, c->arena, c->typed, &c->plain, &c->details);
	c->hashed = true;
}

static void on_hashed(struct auth_job *j)
{
	struct account_change *c = container_of(j, struct account_change, job);

	c->answer = 0;
	c->answered(c);
}

/* What is stored of the password: `plain` and `details`. */
static void need_hash(struct account_change *c, account_step then)
{
	int r = -EAGAIN;

	c->then = then;
	if (!password_is_allowed(c->arena, c->typed)) {
		then(c, -EINVAL);
		return;
	}
	if (!c->hashed && c->pool == NULL)
		hash(&c->job, NULL);
	if (c->hashed) {
		then(c, 0);
		return;
	}
	c->job.account_key = auth_pool_key(jid_text(c->account));
	c->job.address_key = c->address_key;
	c->job.work = hash;
	c->job.done = on_hashed;
	if (*c->pool)
		r = auth_pool_submit(*c->pool, &c->job);
	if (r < 0)
		then(c, r);
}

static struct auth_backend *backend_of(const struct account_change *c, enum auth_method m)
{
	return conf_auth_of(*c->conf, jid_domain(c->account))->backends[m];
}

static bool is_able(const struct auth_backend *b, enum auth_op op)
{
	return b && (b->ops->can & (1u << op));
}

static bool can(const struct account_change *c, enum auth_method m, enum auth_op op)
{
	return is_able(backend_of(c, m), op);
}

/* Where whoever wants the change may make it. */
static bool is_allowed(const struct account_change *c, enum auth_method m)
{
	return c->allowed & (1u << m);
}

/* A service that keeps SCRAM keys does not make them. */
static bool takes_keys(const struct account_change *c, enum auth_method m)
{
	return m == AUTH_HTTP && !c->auth->store_plain;
}

/* All that is no answer is one: it could not be asked. */
static int judge(struct account_change *c, int r)
{
	if (r == 0 || r == -EEXIST || r == -ENOENT || r == -EACCES)
		return r;
	snprintf(c->why, sizeof(c->why), "%s: %s", c->asked,
		 c->call.why[0] ? c->call.why : strerrordesc_np(-r));
	return -EREMOTEIO;
}

static void on_asked(struct auth_call *call)
{
	struct account_change *c = container_of(call, struct account_change, call);

	c->answer = judge(c, call->answer);
	c->answered(c);
}

static void ask(struct account_change *c, enum auth_method m, enum auth_op op,
		account_step then)
{
	struct auth_backend *b = backend_of(c, m);
	int r = -ECANCELED; /* by a reload */

	c->asked = b ? b->ops->name : "auth.methods";
	c->then = then;
	c->call = (struct auth_call){
		.job = { .account_key = auth_pool_key(jid_text(c->account)),
			 .address_key = c->address_key },
		.op = op,
		.user = jid_local(c->account),
		.domain = jid_domain(c->account),
		.password = takes_keys(c, m) ? c->details : c->typed,
		.done = on_asked,
	};
	if (is_able(b, op))
		r = auth_backend_submit(b, &c->call);
	if (r < 0)
		then(c, judge(c, r));
}

/* --- who has it --- */

static bool is_ours(enum auth_method m)
{
	return m == AUTH_INTERNAL || m == AUTH_RDBMS;
}

static enum auth_method method(const struct account_change *c)
{
	return (enum auth_method)c->auth->methods[c->at];
}

static void look(struct account_change *c);
static void look_is_done(struct account_change *c);
static void set_password(struct account_change *c);

static void on_look(struct account_change *c, int r)
{
	enum auth_method m = method(c);

	if (r == 0)
		c->has |= 1u << m;
	else if (r != -ENOENT)
		c->unanswered = true;
	if (is_ours(m) && r < 0 && r != -ENOENT) {
		end(c, r);
	} else if (c->what == ACCOUNT_ADD && r == 0) {
		end(c, -EEXIST);
	} else if (c->what == ACCOUNT_PASSWORD && r == 0 && is_allowed(c, m) &&
		   (is_ours(m) || can(c, m, AUTH_SET_PASSWORD))) {
		set_password(c);
	} else {
		c->at++;
		look(c);
	}
}

/* A new account's name is taken in our database by one statement: see make(). */
static void look(struct account_change *c)
{
	for (; c->at < c->auth->n_methods; c->at++) {
		enum auth_method m = method(c);

		if (is_ours(m) && c->what != ACCOUNT_ADD) {
			ask_store(c, store_account_get(c->account), on_look);
			return;
		}
		if (!is_ours(m) && can(c, m, AUTH_EXISTS)) {
			ask(c, m, AUTH_EXISTS, on_look);
			return;
		}
	}
	c->at = 0;
	look_is_done(c);
}

/* --- a new account --- */

static void make(struct account_change *c);

static void on_made_here(struct account_change *c, int r)
{
	end(c, r);
}

static void make_here(struct account_change *c, int r)
{
	if (r < 0)
		end(c, r);
	else
		ask_store(c,
			  store_account_add(c->account, c->plain, c->details,
					    c->auth->max_users_per_domain),
			  on_made_here);
}

/* The place that was taken for it is given back, with all that has come for it since. */
static void on_undone(struct account_change *c, int r)
{
	c->undone = true;
	if (r < 0 && r != -ENOENT) {
		snprintf(c->why, sizeof(c->why),
			 "the database failed: the name stays taken until "
			 "`meerkat user remove`");
		end(c, r);
	} else if (c->undone_err) {
		end(c, c->undone_err);
	} else {
		make(c);
	}
}

/* `err` 0: and the next method is tried. */
static void undo(struct account_change *c, int err)
{
	c->undone_err = err;
	ask_store(c, store_account_remove(c->account), on_undone);
}

/* If that fails, the first login does it. */
static void on_known_as_made(struct account_change *c, int r)
{
	end(c, 0);
}

static void on_made(struct account_change *c, int r)
{
	if (r == 0) {
		ask_store(c, store_account_made(c->account), on_known_as_made);
		return;
	}
	c->refused |= r == -EACCES;
	c->at++;
	undo(c, r == -EACCES ? 0 : r);
}

static void make_there(struct account_change *c, int r)
{
	if (r < 0)
		undo(c, r);
	else
		ask(c, method(c), AUTH_CREATE, on_made);
}

static void on_reserved(struct account_change *c, int r)
{
	if (r < 0)
		end(c, r);
	else if (takes_keys(c, method(c)))
		need_hash(c, make_there);
	else
		make_there(c, 0);
}

static void make(struct account_change *c)
{
	for (; c->at < c->auth->n_methods; c->at++) {
		if (!is_allowed(c, method(c)))
			continue;
		if (is_ours(method(c))) {
			need_hash(c, make_here);
			return;
		}
		if (can(c, method(c), AUTH_CREATE)) {
			ask_store(c,
				  store_account_begin(c->account,
						      c->auth->max_users_per_domain),
				  on_reserved);
			return;
		}
	}
	end(c, c->refused ? -EACCES : -ENOTSUP);
}

/* --- a new password --- */

static void on_set(struct account_change *c, int r)
{
	end(c, r);
}

static void set_here(struct account_change *c, int r)
{
	if (r < 0)
		end(c, r);
	else
		ask_store(c, store_account_set(c->account, c->plain, c->details), on_set);
}

static void set_there(struct account_change *c, int r)
{
	if (r < 0)
		end(c, r);
	else
		ask(c, method(c), AUTH_SET_PASSWORD, on_set);
}

static void set_password(struct account_change *c)
{
	if (is_ours(method(c)))
		need_hash(c, set_here);
	else if (takes_keys(c, method(c)))
		need_hash(c, set_there);
	else
		set_there(c, 0);
}

/* --- the end of an account --- */

static void remove_next(struct account_change *c);

static void on_removed_here(struct account_change *c, int r)
{
	end(c, r == -ENOENT && c->removed ? 0 : r);
}

static void on_removed_there(struct account_change *c, int r)
{
	if (r < 0 && r != -ENOENT) {
		end(c, r);
		return;
	}
	c->removed = true;
	c->at++;
	remove_next(c);
}

static void remove_next(struct account_change *c)
{
	for (; c->at < c->auth->n_methods; c->at++) {
		enum auth_method m = method(c);
		if (!is_ours(m) && (c->has & (1u << m))) {
			ask(c, m, AUTH_REMOVE, on_removed_there);
			return;
		}
	}
	ask_store(c, store_account_remove(c->account), on_removed_here);
}

/* --- all of it --- */

/* None has it that could be asked: is there another, whose account it may be? The operator knows. */
static bool is_nobodys(const struct account_change *c)
{
	for (size_t i = 0; i < c->auth->n_methods && !c->by_operator; i++) {
		enum auth_method m = (enum auth_method)c->auth->methods[i];
		if (m != AUTH_ANONYMOUS && !is_ours(m) && !can(c, m, AUTH_EXISTS))
			return false;
	}
	return true;
}

static bool may_remove(const struct account_change *c)
{
	for (unsigned m = 0; m < AUTH_METHOD_MAX; m++)
		if ((c->has & (1u << m)) && (!is_allowed(c, (enum auth_method)m) ||
					     (!is_ours((enum auth_method)m) &&
					      !can(c, (enum auth_method)m, AUTH_REMOVE))))
			return false;
	return c->has || is_nobodys(c);
}

static void look_is_done(struct account_change *c)
{
	if (c->unanswered)
		end(c, -EREMOTEIO);
	else if (c->what == ACCOUNT_ADD)
		make(c);
	else if (c->what == ACCOUNT_PASSWORD)
		end(c, c->has || !is_nobodys(c) ? -ENOTSUP : -ENOENT);
	else if (may_remove(c))
		remove_next(c);
	else
		end(c, -ENOTSUP);
}

void account_change_start(struct account_change *c)
{
	c->arena = arena_new(1024);
	c->plain = STRV("");
	c->details = STRV_NULL;
	if (c->what != ACCOUNT_REMOVE && !account_can_store(c->auth, c->allowed)) {
		end(c, -ENOTSUP);
		return;
	}
	if (c->what != ACCOUNT_REMOVE) {
		if (c->password.n == 0 || c->password.n > SASL_PASSWD_MAX ||
		    !utf8_is_valid(c->password)) {
			end(c, -EINVAL);
			return;
		}
		c->typed = arena_strv(c->arena, c->password);
	}
	look(c);
}

bool account_can_store(const struct conf_auth *auth, unsigned allowed)
{
	for (size_t i = 0; i < auth->n_methods; i++) {
		enum auth_method m = (enum auth_method)auth->methods[i];
		if ((allowed & (1u << m)) &&
		    (is_ours(m) || is_able(auth->backends[m], AUTH_CREATE)))
			return true;
	}
	return false;
}

bool account_is_ours_alone(const struct conf_auth *auth)
{
	for (size_t i = 0; i < auth->n_methods; i++)
		if (auth->methods[i] != AUTH_ANONYMOUS && /* has no accounts */
		    !is_ours((enum auth_method)auth->methods[i]))
			return false;
	return true;
}
