#include "auth/directory_lookup.h"
#include "test.h"

#include <semaphore.h>

static atomic_bool ending;
static sem_t may_answer, has_answered;
static atomic_int asked;

static struct ldap_wait wait_until(msec_t until)
{
	return (struct ldap_wait){ .until = until, .ending = &ending };
}

static const msec_t long_ago = 0;

static msec_t much_later(void)
{
	return clock_mono_ms() + 60000;
}

/* A resolver that answers when it is told to. */
static int slow(const char *host, const char *port, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	int r;

	atomic_fetch_add(&asked, 1);
	sem_wait(&may_answer);
	r = strcmp(host, "nobody") == 0 ? EAI_NONAME
					: getaddrinfo("127.0.0.1", port, hints, ret);
	sem_post(&has_answered);
	return r;
}

__attribute__((constructor)) static void init(void)
{
	sem_init(&may_answer, 0, 0);
	sem_init(&has_answered, 0, 0);
}

static void begin(void)
{
	asked = 0;
	ending = false;
}

static void await_answers(int n)
{
	while (n--)
		sem_wait(&has_answered);
}

TEST(an_address_is_no_question)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	struct ldap_wait w = wait_until(long_ago);

	begin();
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct ldap_lookup *l = ldap_lookup_new(addresses[i], 389, slow);
		struct addrinfo *found = NULL;
		const char *why = NULL;
		CHECK(ldap_lookup_get(l, &w, &found, &why) == 0);
		CHECK(found != NULL && found->ai_next == NULL);
		freeaddrinfo(found);
		ldap_lookup_free(&l);
	}
	CHECK(asked == 0);
}

TEST(an_answer_that_is_late_is_for_the_next_call)
{
	struct ldap_lookup *l = ldap_lookup_new("somebody", 389, slow);
	struct ldap_wait now = wait_until(long_ago), later = wait_until(much_later());
	struct addrinfo *found = NULL;
	const char *why = NULL;

	begin();
	for (int i = 0; i < 3; i++)
		CHECK(ldap_lookup_get(l, &now, &found, &why) == -ETIMEDOUT);
	CHECK(found == NULL);
	sem_post(&may_answer);
	CHECK(ldap_lookup_get(l, &later, &found, &why) == 0);
	CHECK(found != NULL);
	CHECK(asked == 1);
	freeaddrinfo(found);
	sem_post(&may_answer);
	CHECK(ldap_lookup_get(l, &later, &found, &why) == 0); /* and another one */
	CHECK(asked == 2);
	await_answers(2);
	freeaddrinfo(found);
	ldap_lookup_free(&l);
}

TEST(a_name_that_nobody_has)
{
	struct ldap_lookup *l = ldap_lookup_new("nobody", 389, slow);
	struct ldap_wait later = wait_until(much_later());
	struct addrinfo *found = NULL;
	const char *why = NULL;

	begin();
	sem_post(&may_answer);
	CHECK(ldap_lookup_get(l, &later, &found, &why) == -EIO);
	await_answers(1);
	CHECK(found == NULL);
	CHECK_STR(strv_from(why), gai_strerror(EAI_NONAME));
	ldap_lookup_free(&l);
}

TEST(nobody_waits_when_all_ends)
{
	struct ldap_lookup *l = ldap_lookup_new("somebody", 389, slow);
	struct ldap_wait later = wait_until(much_later());
	struct addrinfo *found = NULL;
	const char *why = NULL;

	begin();
	ending = true;
	CHECK(ldap_lookup_get(l, &later, &found, &why) == -ETIMEDOUT);
	ldap_lookup_free(&l); /* before there is an answer */
	sem_post(&may_answer);
	await_answers(1);
}
