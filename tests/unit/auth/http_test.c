/* What an end-to-end test cannot have: a resolver that does not answer. */
#include "auth/http.h"
#include "test.h"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>

static sem_t looked_up, answered, let_go;

/* Instead of the system's: curl is loaded by this program, and calls it. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	__typeof__(getaddrinfo) *real =
		(__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(name, "mute.example"))
		return real(name, service, hints, ret);
	sem_post(&looked_up);
	while (sem_wait(&let_go) < 0)
		;
	return EAI_NONAME;
}

static void on_done(struct auth_call *c)
{
	sem_post(&answered);
}

static void ask(struct auth_backend *b, struct auth_call *c)
{
	*c = (struct auth_call){ .op = AUTH_CHECK,
				 .user = STRV("romeo"),
				 .domain = STRV("example.net"),
				 .password = STRV("secret"),
				 .done = on_done };
	CHECK_INT(auth_backend_submit(b, c), 0);
	while (sem_wait(&answered) < 0)
		;
}

/* Neither the answer nor the end; and there is one look-up, not one for each question. */
TEST(http_waits_for_no_resolver)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_http_conf conf = { .host = "http://mute.example",
				       .path_prefix = "/",
				       .workers = *AUTH_POOL_PLAIN(1),
				       .request_timeout_ms = 50,
				       .call_timeout_ms = 20000 };
	struct tls_client_options tls = { .verify = TLS_CLIENT_NONE,
					  .versions = 1u << 3 };
	const char *option;
	struct auth_backend *b;
	struct auth_call c;
	int n = 0;

	sem_init(&looked_up, 0, 0);
	sem_init(&answered, 0, 0);
	sem_init(&let_go, 0, 0);
	CHECK_INT(auth_http_load(&err), 0);
	CHECK_INT(tls_client_new(&tls, &conf.tls, &option, &err), 0);
	b = auth_http_new(&conf);
	auth_backend_start(b);
	ask(b, &c);
	CHECK_INT(c.answer, -EIO);
	ask(b, &c);
	CHECK_INT(c.answer, -EAGAIN);
	CHECK(strstr(c.why, "its name has not been found in time") != NULL);
	auth_backend_free(&b);
	sem_getvalue(&looked_up, &n);
	CHECK_INT(n, 1);
	sem_post(&let_go);
}
