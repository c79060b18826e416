#include "auth/backend.h"

#include <stdarg.h>
#include <stdio.h>

int auth_fail(struct auth_call *c, int err, const char *fmt, ...)
{
	va_list ap;

	ASSERT(err < 0);
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return err;
}

static void work(struct auth_job *j, void *state)
{
	struct auth_call *c = container_of(j, struct auth_call, job);

	c->answer = c->backend->ending ? -ECANCELED
		    : clock_mono_ms() >= c->until
			    ? auth_fail(c, -ETIMEDOUT,
					"too many questions wait for an answer")
			    : c->backend->ops->call(state, c);
}

static void done(struct auth_job *j)
{
	struct auth_call *c = container_of(j, struct auth_call, job);

	c->done(c);
}

void auth_backend_start(struct auth_backend *b)
{
	if (b->shares == NULL)
		b->pool = auth_pool_new(&b->threads, b->ops->threads, b);
}

void auth_backend_hurry(struct auth_backend *b)
{
	b->ending = true;
}

void auth_backend_stop(struct auth_backend *b, bool at_once)
{
	if (at_once)
		auth_backend_hurry(b);
	if (b->pool)
		auth_pool_stop(b->pool);
}

void auth_backend_free(struct auth_backend **pb)
{
	struct auth_backend *b = *pb;

	*pb = NULL;
	if (b == NULL)
		return;
	auth_pool_free(&b->pool); /* NULL: never started */
	b->ops->free(b);
}

int auth_backend_submit(struct auth_backend *b, struct auth_call *c)
{
	ASSERT(b->ops->can & (1u << c->op));
	c->backend = b;
	c->until = clock_mono_ms() + b->timeout_ms;
	c->why[0] = '\0';
	c->job.work = work;
	c->job.done = done;
	return auth_pool_submit(b->shares ? b->shares->pool : b->pool, &c->job);
}
