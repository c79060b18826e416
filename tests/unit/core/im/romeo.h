/* Romeo's account, on a server of one worker with a database in memory and no module. */
#pragma once

#include "core/im/user.h"
#include "core/module.h"
#include "core/options/conf.h"
#include "core/server/server.h"

extern const struct jid romeo, juliet;

struct romeo_world {
	struct conf conf;
	struct host host;
	const struct hooks *no_hooks;
	const struct module *no_modules;
	struct server server;
	struct worker *worker;
	struct user *romeo; /* pinned, once he is loaded */
};

/* `row`, if any, is Juliet's in his roster. */
void romeo_set_up(struct romeo_world *w, const struct store_roster_item *row);
void romeo_tear_down(struct romeo_world *w);

/* For user_with(); arg: the world. */
void romeo_on_loaded(struct worker *w, struct user *u, int err, void *arg);
void romeo_ask(struct romeo_world *w);
void romeo_await(struct romeo_world *w);
