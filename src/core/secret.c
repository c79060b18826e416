/* The server's secret, which is in the database. */
#include "core/secret.h"
#include "base/base64.h"
#include "core/question.h"
#include "core/server.h"
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

struct asking {
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void on_secret(struct worker *w, struct store_call *c, void *arg)
{
	AUTO(mem_freep) struct asking *a = arg;
	int r = read_call(c, w->secret);

	w->has_secret |= r == 0;
	a->fn(w, r, a->arg);
}

void secret_need(struct worker *w, void (*fn)(struct worker *w, int err, void *arg),
		 void *arg)
{
	struct asking *a;

	ASSERT_ON(w);
	if (w->has_secret) {
		fn(w, 0, arg);
		return;
	}
	a = MEM_NEW(struct asking);
	*a = (struct asking){ .fn = fn, .arg = arg };
	if (question_store(w, call(), on_secret, a) < 0) {
		mem_free(a);
		fn(w, -EAGAIN, arg);
	}
}
