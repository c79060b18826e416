/* A domain that is served, as one configuration snapshot describes it. Immutable. */
#pragma once

#include "core/options/conf.h"
#include "xml/ns.h"

struct module;
struct hooks;
struct iq_handler;
struct disco;

struct host {
	struct strv domain; /* canonical */
	struct conf *conf;
	const struct conf_auth *auth;
	const struct conf_access *access;

	/* Chains, flat and fixed: what modules of this host registered, in the order of phases. */
	const struct module **modules; /* ended by NULL */
	const struct hooks **hooks;    /* ended by NULL */
	const struct iq_handler *
		*iq[NS_MAX + 1]; /* by namespace; each ended by NULL, or NULL */
	const void **mod_conf;	 /* by module index */
	const struct disco *disco;
};

/* NULL: not ours. `domain` is canonical. */
const struct host *host_find(const struct conf *c, struct strv domain);

/* Builds the hosts of a snapshot: checks modules' options, runs host_start. */
nodiscard int hosts_build(struct conf *c, struct buf *err);

bool host_has_module(const struct host *h, const char *name);
