#include "xmpp/sasl/sasl.h"
#include "base/utf8.h"

static const struct {
	const char *name, *option;
	enum digest_alg alg;
	bool plus;
} mechs[SASL_MECH_MAX] = {
#define X(id, name, option, alg, plus) { name, option, alg, plus },
	SASL_MECHS(X)
#undef X
};

int sasl_mech_find(struct strv name)
{
	for (int i = 0; i < SASL_MECH_MAX; i++)
		if (strv_is(name, mechs[i].name))
			return i;
	return -1;
}

int sasl_mech_find_option(struct strv option)
{
	for (int i = 0; i < SASL_MECH_MAX; i++)
		if (strv_is(option, mechs[i].option))
			return i;
	return -1;
}

const char *sasl_mech_name(enum sasl_mech m)
{
	ASSERT(m < SASL_MECH_MAX);
	return mechs[m].name;
}

const char *sasl_mech_option(enum sasl_mech m)
{
	ASSERT(m < SASL_MECH_MAX);
	return mechs[m].option;
}

bool sasl_mech_is_plus(enum sasl_mech m)
{
	ASSERT(m < SASL_MECH_MAX);
	return mechs[m].plus;
}

enum digest_alg sasl_mech_alg(enum sasl_mech m)
{
	ASSERT(m < SASL_MECH_MAX && mechs[m].alg < DIGEST_MAX);
	return mechs[m].alg;
}

enum sasl_mech sasl_mech_plus_of(enum sasl_mech m)
{
	enum digest_alg alg = sasl_mech_alg(m);

	for (int i = 0; i < SASL_MECH_MAX; i++)
		if (mechs[i].plus && mechs[i].alg == alg)
			return (enum sasl_mech)i;
	UNREACHABLE();
}

int sasl_plain_parse(struct strv message, struct sasl_plain *ret)
{
	struct sasl_plain m;
	ptrdiff_t first = strv_find(message, '\0'), second;
	struct strv rest;

	if (first < 0)
		return -EINVAL;
	rest = strv_from_pos(message, (size_t)first + 1);
	second = strv_find(rest, '\0');
	if (second < 0)
		return -EINVAL;
	m.authzid = strv_make(message.p, (size_t)first);
	m.authcid = strv_make(rest.p, (size_t)second);
	m.passwd = strv_from_pos(rest, (size_t)second + 1);
	if (strv_find(m.passwd, '\0') >= 0 || m.authcid.n == 0 || m.passwd.n == 0)
		return -EINVAL;
	if (m.authzid.n > SASL_NAME_MAX || m.authcid.n > SASL_NAME_MAX ||
	    m.passwd.n > SASL_PASSWD_MAX || !utf8_is_valid(message))
		return -EINVAL;
	*ret = m;
	return 0;
}
