/* [shaper.NAME], and whether what is to name a shaper does: a listener's `shaper` is an access
 * rule whose value is a shaper's name, or a shaper's name itself. */
#include "core/options/access.h"
#include "core/options/conf_priv.h"

#include <stdio.h>

enum { MAX_NAMES = 256 }; /* that are looked through for the nearest spelling */

static const struct conf_option options[] = {
	CONF_INT(
		"max_rate", struct conf_shaper, max_rate, NULL, 1, INT32_MAX,
		"So much is read from a client; whoever sends more is read from later, and "
		"nothing is lost. A second's worth may come at once.",
		.mandatory = true, .unit = "bytes/s"),
	{ 0 },
};

const struct conf_option conf_any_shaper =
	CONF_SAME_TABLE("*", options, "A rate, by a name of its own.");

static const struct conf_shaper *find(const struct conf *c, struct strv name)
{
	for (size_t i = 0; i < c->n_shapers; i++)
		if (strv_eq(c->shapers[i].name, name))
			return &c->shapers[i];
	return NULL;
}

/* Some domain has this rule; "all" and "none", which are there always, give no shaper. */
static bool is_rule(const struct conf *c, struct strv name)
{
	return !strv_is(name, "all") && !strv_is(name, "none") &&
	       access_has_rule(c, name);
}

/* The slowest that the rule names: 0, no limit, only if it names none. */
static int64_t slowest(const struct conf *c, const struct access_rule *r)
{
	int64_t rate = 0;

	for (size_t i = 0; i < r->n_clauses; i++) {
		const struct conf_shaper *s = find(c, r->clauses[i].value);
		if (s && (rate == 0 || s->max_rate < rate))
			rate = s->max_rate;
	}
	return rate;
}

int64_t conf_shaper_rate(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid)
{
	const struct host *h;
	const struct conf_shaper *s;
	const struct access_rule *r;
	struct strv value = name;

	if (strv_is(name, "none"))
		return 0;
	h = host_find(c, domain);
	r = h ? access_find_rule(h->access->rules, h->access->n_rules, name) : NULL;
	/* Nobody is to escape by a resource that exhausts an expression. */
	if (r && access_eval(c, name, domain, jid, &value) < 0)
		return slowest(c, r);
	s = find(c, value);
	return s ? s->max_rate : 0;
}

/* --- checking --- */

struct check {
	const struct conf *c;
	const struct toml_table *root;
	struct conf_errors *e;
};

static void complain(const struct check *k, const char *key, const char *what,
		     bool with_rules, struct strv found)
{
	const struct conf *c = k->c;
	const char *names[MAX_NAMES + 1] = { "none" };
	size_t n = 1;

	for (size_t i = 0; i < c->n_shapers && n < MAX_NAMES; i++)
		names[n++] = c->shapers[i].name.p;
	for (size_t i = 0; with_rules && i < c->n_rules && n < MAX_NAMES; i++)
		names[n++] = c->rules[i].name.p;
	conf_error_name_at(k->e, k->root, key, what, found, names);
}

static void check_values(const struct check *k, const struct access_rule *rules, size_t n,
			 struct strv name, const char *section)
{
	const struct access_rule *r = NULL;

	for (size_t i = 0; i < n && r == NULL; i++)
		if (strv_eq(rules[i].name, name))
			r = &rules[i];
	for (size_t i = 0; r && i < r->n_clauses; i++) {
		struct strv value = r->clauses[i].value;

		if (strv_is(value, "none") || find(k->c, value))
			continue;
		complain(k,
			 arena_printf(k->c->arena, "%saccess.%s[%zu].value", section,
				      conf_key(k->c->arena, name), i + 1),
			 "the name of a shaper or \"none\"", false, value);
	}
}

static void check_rule(const struct check *k, struct strv name)
{
	const struct conf *c = k->c;
	char section[64];

	check_values(k, c->rules, c->n_rules, name, "");
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_host *h = &c->host_configs[i];

		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		check_values(k, h->rules, h->n_rules, name, section);
	}
}

static bool was_seen(const struct conf *c, size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (strv_eq(c->c2s[n].shaper, c->c2s[i].shaper))
			return true;
	return false;
}

static void check_names(const struct check *k)
{
	static const char *const taken[] = { "none", "allow", "deny" };
	const struct conf *c = k->c;
	char key[256];

	for (size_t i = 0; i < c->n_shapers; i++)
		for (size_t n = 0; n < ARRAY_LEN(taken); n++) {
			if (!strv_is(c->shapers[i].name, taken[n]))
				continue;
			snprintf(key, sizeof(key), "shaper.%s", taken[n]);
			conf_error_at(
				k->e, k->root, key,
				"no shaper can have this name: rules mean something "
				"else by it");
		}
}

void shaper_check(const struct conf *c, const struct toml_table *root,
		  struct conf_errors *e)
{
	struct check k = { .c = c, .root = root, .e = e };
	char key[64];

	check_names(&k);
	for (size_t i = 0; i < c->n_c2s; i++) {
		struct strv name = c->c2s[i].shaper;

		snprintf(key, sizeof(key), "listen.c2s[%zu].shaper", i + 1);
		if (is_rule(c, name) && !was_seen(c, i))
			check_rule(&k, name);
		else if (!is_rule(c, name) && !strv_is(name, "none") && !find(c, name))
			complain(&k, key, "the name of a rule, of a shaper, or \"none\"",
				 true, name);
	}
}

/* --- warning --- */

static bool rules_give(const struct access_rule *rules, size_t n, struct strv rule,
		       struct strv value)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < rules[i].n_clauses; k++)
			if (strv_eq(rules[i].name, rule) &&
			    strv_eq(rules[i].clauses[k].value, value))
				return true;
	return false;
}

/* A shaper that has the name of a rule stands in for it where a domain does not have it. */
static bool listener_uses(const struct conf *c, struct strv rule, struct strv shaper)
{
	if (strv_eq(rule, shaper) && access_find_rule(c->rules, c->n_rules, rule) == NULL)
		return true;
	if (rules_give(c->rules, c->n_rules, rule, shaper))
		return true;
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (rules_give(c->host_configs[i].rules, c->host_configs[i].n_rules, rule,
			       shaper))
			return true;
	return false;
}

void shaper_warn(const struct conf *c, const struct toml_table *root,
		 struct conf_errors *e)
{
	for (size_t i = 0; i < c->n_shapers; i++) {
		struct strv name = c->shapers[i].name;
		const char *key =
			arena_printf(c->arena, "shaper.%s", conf_key(c->arena, name));
		bool is_used = false;

		for (size_t n = 0; n < c->n_c2s && !is_used; n++)
			is_used = listener_uses(c, c->c2s[n].shaper, name);
		if (!is_used)
			conf_warning_at(e, root, key, "nothing uses this shaper");
	}
}
