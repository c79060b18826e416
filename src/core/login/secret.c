/* The server's secret, which is in the database. */
#include "core/login/secret.h"
#include "base/base64.h"
#include "core/login/question.h"
#include "core/server/server.h"
#include "store/store.h"

_Static_assert(sizeof(((struct worker *)0)->secret) == SERVER_SECRET_LEN,
	       "a worker has room for it");

static struct store_call *call(void)
{
	return store_secret("scram-salt", SERVER_SECRET_LEN);
}

static int read_call(const struct store_call *c, unsigned char *ret)
{
	if (c->err < 0)
		return c->err;
	if (c->text.n != 2 * SERVER_SECRET_LEN)
		return -EINVAL;
	return hex_decode(c->text, ret);
}

int secret_wait(struct store *s, unsigned char ret[SERVER_SECRET_LEN])
{
	struct store_call *c = call();
	int r = store_wait(s, c);

	r = r ? r : read_call(c, ret);
	store_call_free(&c);
	return r;
}

struct secret_asking {
	struct secret_asking *next;
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void on_secret(struct worker *w, struct store_call *c, void *arg)
{
	struct secret_asking *a = w->secret_askings, *next;
	int r = read_call(c, w->secret);

	w->has_secret |= r == 0;
	w->secret_askings = NULL;
	w->n_secret_askings = 0;
	for (; a; a = next) {
		next = a->next;
		a->fn(w, r, a->arg);
		mem_free(a);
	}
}

void secret_need(struct worker *w, void (*fn)(struct worker *w, int err, void *arg),
		 void *arg)
{
	struct secret_asking *a;

	ASSERT_ON(w);
	if (w->has_secret) {
		fn(w, 0, arg);
		return;
	}
	if (w->n_secret_askings == STORE_MAX_CALLS ||
	    (w->n_secret_askings == 0 &&
	     question_store(w, call(), on_secret, NULL) < 0)) {
		fn(w, -EAGAIN, arg);
		return;
	}
	a = MEM_NEW(struct secret_asking);
	*a = (struct secret_asking){ w->secret_askings, fn, arg };
	w->secret_askings = a;
	w->n_secret_askings++;
}
