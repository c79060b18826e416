#include "test.h"
#include "xmpp/sasl/external.h"

#define S STRV

/* What a rule makes of addresses, common name and the client's word at example.net: an account's
 * name there, or the error. */
struct external_case {
	const char *addresses[4];
	const char *common_name;
	const char *authzid;
	const char *want;
};

static const char *resolve(struct arena *a, const struct external_conf *conf,
			   const struct external_case *x)
{
	struct strv addresses[4];
	struct external_claim c = { .addresses = addresses,
				    .common_name = strv_from(x->common_name),
				    .authzid = strv_from(x->authzid ? x->authzid : "") };
	enum sasl_err err;
	struct jid jid;

	while (c.n_addresses < 4 && x->addresses[c.n_addresses]) {
		addresses[c.n_addresses] = strv_from(x->addresses[c.n_addresses]);
		c.n_addresses++;
	}
	err = external_resolve(a, conf, &c, STRV("example.net"), &jid);
	return err ? sasl_err_name(err) : arena_cstr(a, jid_text(jid));
}

static void check(const struct external_conf *conf, const struct external_case *x,
		  size_t n)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);

	for (size_t i = 0; i < n; i++) {
		const char *got = resolve(a, conf, &x[i]);
		if (strcmp(got, x[i].want) != 0)
			test_fail(__FILE__, __LINE__, "row %zu: %s, wanted %s", i, got,
				  x[i].want);
	}
}

TEST(external_standard_takes_an_address)
{
	static const int64_t rules[] = { EXTERNAL_STANDARD };
	static const struct external_conf conf = { rules, 1, S(""), S("") };
	static const struct external_case cases[] = {
		{ { 0 }, "romeo", NULL, "not-authorized" },
		{ { 0 }, "romeo", "romeo@example.net", "not-authorized" },
		{ { "romeo@example.net" }, NULL, NULL, "romeo@example.net" },
		{ { "Romeo@EXAMPLE.net" }, NULL, NULL, "romeo@example.net" },
		{ { "romeo@example.net" },
		  NULL,
		  "ROMEO@example.net",
		  "romeo@example.net" },
		{ { "romeo@example.net" },
		  NULL,
		  "juliet@example.net",
		  "invalid-authzid" },
		{ { "romeo@example.net" }, NULL, "romeo", "invalid-authzid" },
		{ { "romeo@example.net" },
		  NULL,
		  "romeo@example.net/orchard",
		  "invalid-authzid" },
		{ { "romeo@example.net" }, NULL, "@@", "invalid-authzid" },
		{ { "romeo@example.org" }, NULL, NULL, "not-authorized" },
		{ { "romeo@example.org" }, NULL, "romeo@example.org", "not-authorized" },
		{ { "romeo@example.net/orchard" }, NULL, NULL, "not-authorized" },
		{ { "example.net" }, NULL, NULL, "not-authorized" },
		{ { "@@" }, NULL, NULL, "not-authorized" },
		{ { "romeo@example.net", "montague@example.net" },
		  NULL,
		  NULL,
		  "invalid-authzid" },
		{ { "romeo@example.net", "romeo@example.org" },
		  NULL,
		  NULL,
		  "invalid-authzid" },
		{ { "romeo@example.net", "montague@example.net" },
		  NULL,
		  "montague@example.net",
		  "montague@example.net" },
		{ { "@@", "montague@example.net" },
		  NULL,
		  "montague@example.net",
		  "montague@example.net" },
		{ { "romeo@example.net", "romeo@example.org" },
		  NULL,
		  "romeo@example.org",
		  "not-authorized" },
		{ { "romeo@example.net", "montague@example.net" },
		  NULL,
		  "juliet@example.net",
		  "not-authorized" },
	};

	check(&conf, cases, ARRAY_LEN(cases));
}

TEST(external_common_name_is_a_localpart)
{
	static const int64_t rules[] = { EXTERNAL_COMMON_NAME };
	static const struct external_conf conf = { rules, 1, S(""), S("") };
	static const struct external_case cases[] = {
		{ { 0 }, NULL, NULL, "not-authorized" },
		{ { 0 }, NULL, "romeo@example.net", "not-authorized" },
		{ { 0 }, "Romeo", NULL, "romeo@example.net" },
		{ { 0 }, "Romeo", "romeo@example.net", "romeo@example.net" },
		{ { 0 }, "romeo", "juliet@example.net", "invalid-authzid" },
		{ { 0 }, "romeo", "romeo@example.org", "invalid-authzid" },
		{ { 0 }, "romeo", "romeo", "invalid-authzid" },
		{ { 0 }, "Romeo Montague", NULL, "not-authorized" },
		{ { 0 }, "romeo@example.net", NULL, "not-authorized" },
		{ { 0 }, "a/b", NULL, "not-authorized" },
		{ { "juliet@example.net" }, "romeo", NULL, "romeo@example.net" },
	};

	check(&conf, cases, ARRAY_LEN(cases));
}

TEST(external_common_name_may_be_wrapped)
{
	static const int64_t rules[] = { EXTERNAL_COMMON_NAME };
	static const struct external_conf conf = { rules, 1, S("u_"), S(".1") };
	static const struct external_case cases[] = {
		{ { 0 }, "romeo", NULL, "u_romeo.1@example.net" },
		{ { 0 }, "romeo", "romeo@example.net", "u_romeo.1@example.net" },
		{ { 0 }, "romeo", "u_romeo.1@example.net", "u_romeo.1@example.net" },
		{ { 0 }, "romeo", "u_romeo@example.net", "invalid-authzid" },
	};

	check(&conf, cases, ARRAY_LEN(cases));
}

TEST(external_auth_id_is_for_certificates_without_addresses)
{
	static const int64_t rules[] = { EXTERNAL_AUTH_ID };
	static const struct external_conf conf = { rules, 1, S(""), S("") };
	static const struct external_case cases[] = {
		{ { 0 }, "romeo", NULL, "not-authorized" },
		{ { 0 }, "romeo", "juliet@example.net", "juliet@example.net" },
		{ { 0 }, NULL, "Juliet@example.net", "juliet@example.net" },
		{ { 0 }, NULL, "juliet@example.org", "not-authorized" },
		{ { 0 }, NULL, "juliet", "invalid-authzid" },
		{ { 0 }, NULL, "juliet@example.net/x", "invalid-authzid" },
		{ { "romeo@example.net" }, NULL, "juliet@example.net", "not-authorized" },
		{ { "romeo@example.net" }, NULL, "romeo@example.net", "not-authorized" },
	};

	check(&conf, cases, ARRAY_LEN(cases));
}

/* The first that finds an account decides; if none does, the last says why. */
TEST(external_rules_are_tried_in_order)
{
	static const int64_t forth[] = { EXTERNAL_STANDARD, EXTERNAL_COMMON_NAME },
			     back[] = { EXTERNAL_COMMON_NAME, EXTERNAL_STANDARD };
	static const struct external_conf f = { forth, 2, S(""), S("") },
					  b = { back, 2, S(""), S("") },
					  nothing = { NULL, 0, S(""), S("") };
	static const struct external_case both[] = {
		{ { "romeo@example.net" }, "juliet", NULL, "romeo@example.net" },
		{ { 0 }, "juliet", NULL, "juliet@example.net" },
		{ { 0 }, NULL, NULL, "not-authorized" },
		{ { 0 }, "romeo", "juliet@example.net", "invalid-authzid" },
	};
	static const struct external_case other[] = {
		{ { "romeo@example.net" }, "juliet", NULL, "juliet@example.net" },
		{ { "romeo@example.net" }, NULL, NULL, "romeo@example.net" },
		{ { 0 }, "romeo", "juliet@example.net", "not-authorized" },
	};
	static const struct external_case none[] = {
		{ { "romeo@example.net" },
		  "romeo",
		  "romeo@example.net",
		  "not-authorized" },
	};

	check(&f, both, ARRAY_LEN(both));
	check(&b, other, ARRAY_LEN(other));
	check(&nothing, none, ARRAY_LEN(none));
}

TEST(external_takes_names_as_long_as_they_come)
{
	static const int64_t rules[] = { EXTERNAL_STANDARD, EXTERNAL_COMMON_NAME,
					 EXTERNAL_AUTH_ID };
	static const struct external_conf conf = { rules, 3, S("p"), S("s") };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	char *name = arena_alloc(a, 3072);
	struct external_case x = { { name }, name, name, "" };

	memset(name, 'a', 3071);
	name[3071] = '\0';
	CHECK(strcmp(resolve(a, &conf, &x), "not-authorized") == 0);
	x.addresses[0] = NULL;
	CHECK(strcmp(resolve(a, &conf, &x), "invalid-authzid") == 0);
}
