#include "auth/directory_filter.h"
#include "test.h"

static const char *const filters[] = {
	"(uid=romeo)",
	"(uid=)",
	"(cn=*)",
	"(cn=a*)",
	"(cn=*a*b*)",
	"(cn=*a)",
	"(uid=%u@%d)",
	"(mail>=a)",
	"(mail<=z)",
	"(cn~=a b)",
	"(&(objectClass=person)(|(sn=Jensen)(cn=Babs J*)))",
	"(!(employeeType=banned))",
	"(&)",
	"(|)",
	" (& (a=b) (! (c=d)) ) ",
	"(cn;lang-de;x-y=a)",
	"(2.5.4.3=a)",
	"(cn=\\28a\\29 \\2a \\5C)",
	"(cn=\\*\\(\\)\\\\)",
	"(cn=\xc3\xa9)",
	"(cn:dn:2.4.6.8.10:=Barney)",
	"(cn:caseExactMatch:=Fred)",
	"(o:dn:=Ace)",
	"(:1.2.3:=Wilma)",
	"(:DN:2.4.6.8.10:=Dino)",
	"(a=/=:~<>)",
};

TEST(directory_filter_is_one)
{
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		size_t at;
		const char *why = auth_ldap_filter_error(strv_from(filters[i]), &at);

		CHECK_STR(strv_from(why ? filters[i] : ""), "");
	}
}

static const struct {
	const char *text;
	size_t at;
} others[] = {
	{ "", 0 },
	{ "uid=romeo", 0 },
	{ "()", 1 },
	{ "(", 1 },
	{ "(&(uid=a)(b=c)", 0 },
	{ "(&(uid=a)(b=c)))", 15 },
	{ "(&(uid=a)(b=c", 9 },
	{ "(uid=romeo)(sn=romeo)", 11 },
	{ "(!)", 2 },
	{ "(!(a=b)(c=d))", 7 },
	{ "(&(a=b)x)", 7 },
	{ "((a=b))", 1 },
	{ "(uid)", 1 },
	{ "(=a)", 1 },
	{ "(>=a)", 1 },
	{ "(a b=c)", 1 },
	{ "(-a=c)", 1 },
	{ "(a;=c)", 1 },
	{ "(a;;b=c)", 1 },
	{ "(1..2=c)", 1 },
	{ "(1.2.=c)", 1 },
	{ "(1x=c)", 1 },
	{ "(a_b=c)", 1 },
	{ "(a=b(c)d)", 4 },
	{ "(a=**)", 4 },
	{ "(a=b**c)", 5 },
	{ "(a>=b*)", 5 },
	{ "(a~=*)", 4 },
	{ "(a:=b*)", 5 },
	{ "(a=\\)", 0 },
	{ "(a=\\2)", 5 },
	{ "(a=\\%u)", 4 },
	{ "(::=b)", 1 },
	{ "(:=b)", 1 },
	{ "(:dn:=b)", 1 },
	{ "(a:b:c:=d)", 1 },
	{ "(a::=d)", 1 },
	{ "(a=b) x", 6 },
};

TEST(directory_filter_is_none)
{
	size_t at;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const char *why = auth_ldap_filter_error(strv_from(others[i].text), &at);

		CHECK_STR(strv_from(why ? "" : others[i].text), "");
		CHECK_INT(at, others[i].at);
	}
	CHECK(auth_ldap_filter_error(STRV("(a=\0)"), &at) != NULL);
	CHECK(auth_ldap_filter_error(STRV("(a\0=b)"), &at) != NULL);
}

TEST(directory_filter_is_not_endless)
{
	char text[4096];
	size_t at;

	memset(text, '(', sizeof(text));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '!';
	CHECK(auth_ldap_filter_error(strv_make(text, sizeof(text)), &at) != NULL);
	CHECK_INT(at, 128);
}
