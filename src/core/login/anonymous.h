/* Who is logged in without an account (the method `anonymous`). The account is in memory while
 * somebody is online, and nothing of it is stored; its name is taken as long as it is. */
#pragma once

#include "core/stream/stream.h"

struct anonymous_names;
struct c2s;
struct user;
struct worker;

/* The names that are taken, of all workers. Any thread. */
struct anonymous_names *anonymous_names_new(void);
void anonymous_names_free(struct anonymous_names **n);

/* Takes the name once more. -EEXIST: it is taken, and not to be shared. -ENOSPC: the domain has
 * `max` such users (CONF_INFINITY: no limit). */
nodiscard int anonymous_take(struct anonymous_names *n, struct jid user, bool share,
			     int64_t max);
void anonymous_give_back(struct anonymous_names *n, struct jid user);

/* stream_env.enter: SASL ANONYMOUS, with the name that it is given. Ends in stream_on_password(). */
void anonymous_enter(struct stream *st, struct jid user, struct strv trace);

/* May this name, which somebody gives with any password, be used without an account (login_anon)?
 * 0: it is taken for him. -EACCES: no; it may be that of an account. -EAGAIN: nobody can tell.
 * `c` names the queue of questions; the answer comes to its worker. */
void anonymous_ask(struct c2s *c, struct jid user,
		   void (*fn)(struct worker *w, int err, void *arg), void *arg);

/* The domain has all that it may have; said now and then. */
void anonymous_log_full(struct strv domain);

/* The name that has been taken goes with this connection; NULL: it has gone. */
void anonymous_goes_with(struct c2s *c, struct worker *w, struct jid user);

/* The stream has ended, its session with it. */
void anonymous_leaves(struct c2s *c);

/* Whom the stream is to be bound to, `u` being the account as it was found. NULL: nobody. */
struct user *anonymous_user(struct c2s *c, struct user *u, int err);
