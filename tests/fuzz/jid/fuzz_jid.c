/* What any peer can put into `to` and `from`, and a user into a name or a password.
 *
 * Needs: clang -fsanitize=fuzzer,address,undefined, the layer base, src/xmpp's jid*.c, precis*.c
 * and saslprep.c, libunistring, libidn2. The whole input is tried as a JID, as each of its
 * parts, and as a password: whatever is accepted must be canonical, so that taking it
 * again changes nothing and copies nothing, and whatever is refused must leave the result
 * alone. Run it with the seeds: fuzz_jid corpus/ */
#include "base/utf8.h"
#include "xmpp/jid.h"
#include "xmpp/precis.h"
#include "xmpp/saslprep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int prep_fn(struct arena *a, struct strv in, struct strv *ret);

static bool same(struct strv a, struct strv b)
{
	return a.p == b.p && a.n == b.n;
}

/* Returns whether `in` is one; its canonical form is then its own canonical form. */
static bool check_part(struct arena *a, prep_fn *prep, struct strv in, size_t max)
{
	struct strv once = STRV_NULL, twice = STRV_NULL;
	int r = prep(a, in, &once);
	if (r < 0) {
		ASSERT(r == -EINVAL && once.p == NULL);
		return false;
	}
	ASSERT(once.n > 0 && once.n <= max && utf8_is_valid(once));
	if (prep(a, once, &twice) < 0)
		UNREACHABLE();
	ASSERT(same(once, twice));
	return true;
}

/* RFC 7622 3.3.1, and no separator that would make a JID split elsewhere. */
static void check_characters(struct jid j)
{
	struct strv local = jid_local(j), domain = jid_domain(j);
	for (size_t i = 0; i < local.n; i++)
		ASSERT(strchr("\"&'/:<>@ ", local.p[i]) == NULL);
	ASSERT(strv_find(domain, '@') < 0 && strv_find(domain, '/') < 0);
	ASSERT(domain.p[domain.n - 1] != '.');
}

static bool check_jid(struct arena *a, struct strv in)
{
	struct jid j = { 0 }, again = { 0 };
	int r = jid_parse(a, in, &j);
	if (r < 0) {
		ASSERT(r == -EINVAL && jid_is_none(j));
		return false;
	}
	struct strv text = jid_text(j);
	ASSERT(j.n_domain > 0 && text.n <= JID_MAX && utf8_is_valid(text));
	check_characters(j);
	if (jid_parse(a, text, &again) < 0)
		UNREACHABLE();
	ASSERT(again.s == j.s && jid_eq(j, again));
	ASSERT(check_part(a, jid_prep_domain, jid_domain(j), JID_PART_MAX));
	ASSERT(!j.n_local || check_part(a, jid_prep_local, jid_local(j), JID_PART_MAX));
	ASSERT(!j.n_resource ||
	       check_part(a, jid_prep_resource, jid_resource(j), JID_PART_MAX));
	ASSERT(jid_eq(j, jid_make(a, jid_local(j), jid_domain(j), jid_resource(j))));
	return true;
}

/* It can make a text longer than it takes. */
static void check_saslprep(struct arena *a, struct strv in)
{
	struct strv out;

	if (saslprep(a, in, &out) == 0 && out.n <= PRECIS_INPUT_MAX)
		check_part(a, saslprep, out, PRECIS_INPUT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena *a = arena_new(64 * 1024);
	struct strv in = strv_make((const char *)data, size);
	bool is_jid = check_jid(a, in);
	bool is_domain = check_part(a, jid_prep_domain, in, JID_PART_MAX);
	bool has_separator = strv_find(in, '@') >= 0 || strv_find(in, '/') >= 0;

	ASSERT(!is_domain || is_jid);		      /* a domain is a JID */
	ASSERT(has_separator || is_jid == is_domain); /* and a JID without more is one */
	check_part(a, jid_prep_local, in, JID_PART_MAX);
	check_part(a, jid_prep_resource, in, JID_PART_MAX);
	check_part(a, precis_opaque, in, 3 * PRECIS_INPUT_MAX);
	check_saslprep(a, in);
	return 0;
}
