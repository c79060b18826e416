#include "xmpp/sasl/external.h"

/* An account's address, "romeo@example.net". */
static int parse(struct arena *a, struct strv text, struct jid *ret)
{
	struct jid jid;
	int r = jid_parse(a, text, &jid);

	if (r < 0)
		return r;
	if (jid.n_local == 0 || !jid_is_bare(jid))
		return -EINVAL;
	*ret = jid;
	return 0;
}

static enum sasl_err at_domain(struct arena *a, struct jid jid, struct strv domain,
			       struct jid *ret)
{
	if (!strv_eq(jid_domain(jid), domain))
		return SASL_ERR_NOT_AUTHORIZED;
	*ret = jid_dup(a, jid);
	return SASL_ERR_NONE;
}

static bool has_address(struct arena *a, const struct external_claim *c, struct jid who)
{
	struct jid jid;

	for (size_t i = 0; i < c->n_addresses; i++)
		if (parse(a, c->addresses[i], &jid) == 0 && jid_eq(jid, who))
			return true;
	return false;
}

/* XEP-0178 section 2: one address needs no word of the client's, several do. */
static enum sasl_err standard(struct arena *a, const struct external_claim *c,
			      struct strv domain, struct jid *ret)
{
	struct jid jid;

	if (c->n_addresses == 0)
		return SASL_ERR_NOT_AUTHORIZED;
	if (c->authzid.n == 0 && c->n_addresses > 1)
		return SASL_ERR_INVALID_AUTHZID;
	if (c->authzid.n == 0)
		return parse(a, c->addresses[0], &jid) < 0
			       ? SASL_ERR_NOT_AUTHORIZED
			       : at_domain(a, jid, domain, ret);
	if (parse(a, c->authzid, &jid) < 0)
		return SASL_ERR_INVALID_AUTHZID;
	if (has_address(a, c, jid))
		return at_domain(a, jid, domain, ret);
	return c->n_addresses == 1 ? SASL_ERR_INVALID_AUTHZID : SASL_ERR_NOT_AUTHORIZED;
}

static int account(struct arena *a, struct strv local, struct strv domain,
		   struct jid *ret)
{
	struct strv canonical;
	int r = jid_prep_local(a, local, &canonical);

	if (r == 0)
		*ret = jid_make(a, canonical, domain, STRV(""));
	return r;
}

/* The client may ask for the account by its own name, or by that of the certificate. */
static enum sasl_err common_name(struct arena *a, const struct external_conf *conf,
				 const struct external_claim *c, struct strv domain,
				 struct jid *ret)
{
	const char *local;
	struct jid mapped, wanted, plain;

	if (c->common_name.p == NULL)
		return SASL_ERR_NOT_AUTHORIZED;
	local = arena_printf(a, STRV_FMT STRV_FMT STRV_FMT, STRV_ARG(conf->prefix),
			     STRV_ARG(c->common_name), STRV_ARG(conf->suffix));
	if (account(a, strv_from(local), domain, &mapped) < 0)
		return SASL_ERR_NOT_AUTHORIZED;
	if (c->authzid.n && (parse(a, c->authzid, &wanted) < 0 ||
			     (!jid_eq(wanted, mapped) &&
			      (account(a, c->common_name, domain, &plain) < 0 ||
			       !jid_eq(wanted, plain)))))
		return SASL_ERR_INVALID_AUTHZID;
	*ret = mapped;
	return SASL_ERR_NONE;
}

static enum sasl_err auth_id(struct arena *a, const struct external_claim *c,
			     struct strv domain, struct jid *ret)
{
	struct jid jid;

	if (c->n_addresses || c->authzid.n == 0)
		return SASL_ERR_NOT_AUTHORIZED;
	return parse(a, c->authzid, &jid) < 0 ? SASL_ERR_INVALID_AUTHZID
					      : at_domain(a, jid, domain, ret);
}

enum sasl_err external_resolve(struct arena *a, const struct external_conf *conf,
			       const struct external_claim *claim, struct strv domain,
			       struct jid *ret)
{
	enum sasl_err err = SASL_ERR_NOT_AUTHORIZED;

	for (size_t i = 0; i < conf->n_rules; i++) {
		if (conf->rules[i] == EXTERNAL_STANDARD)
			err = standard(a, claim, domain, ret);
		else if (conf->rules[i] == EXTERNAL_COMMON_NAME)
			err = common_name(a, conf, claim, domain, ret);
		else
			err = auth_id(a, claim, domain, ret);
		if (err == SASL_ERR_NONE)
			break;
	}
	return err;
}
