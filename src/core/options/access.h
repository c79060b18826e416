/* acl and access: who is meant, and what the rule says of them (MongooseIM's [acl], [access]). */
#pragma once

#include "core/options/conf.h"
#include "core/options/host.h"
#include "xmpp/jid.h"

/* The value of rule `name` of this domain for this JID: a word ("allow", "deny", a shaper's name) or a number
 * in decimal, or "infinity". First clause whose acl matches wins; no clause: "deny". The rule
 * "all" allows, "none" denies. `jid` is none before authentication. */
struct strv access_value(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid);
/* The same; -E2BIG, which has been logged: a regular expression has no answer, and *ret is
 * "deny", so that whoever is meant by the rest of the rule is not let in by it. */
nodiscard int access_eval(const struct conf *c, struct strv name, struct strv domain,
			  struct jid jid, struct strv *ret);
bool access_allows(const struct conf *c, struct strv name, struct strv domain,
		   struct jid jid);

/* A rule whose value is a number; `absent` when there is no such rule. "infinity" is
 * CONF_INFINITY. */
int64_t access_number(const struct conf *c, struct strv name, struct strv domain,
		      struct jid jid, int64_t absent);

/* Some domain has it. */
bool access_has_rule(const struct conf *c, struct strv name);

/* Of all domains, and the two that are always there; NULL behind the last. */
const char *const *access_rule_names(const struct conf *c);

/* What holds for a domain with this configuration of its own, or with none (NULL). */
const struct conf_access *access_merge(const struct conf *c, const struct conf_host *own);

/* For conf.c: rules that name classes which are not there; what the regular expressions hold. */
void access_check(const struct conf *c, const struct toml_table *root,
		  struct conf_errors *e);
void access_free(struct conf *c);
