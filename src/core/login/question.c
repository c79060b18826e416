#include "core/login/question.h"
#include "core/server/worker.h"

/* --- a backend --- */

/* Owned by the backend until its answer is in. */
struct asking {
	struct auth_call call;
	struct post post; /* brings the answer home */
	struct timer late;
	struct buf text;
	struct arena *arena; /* owns this and what is asked: wiped with the password */
	struct worker *worker;
	question_fn fn; /* NULL: nobody waits any more */
	void *arg;
};

static void asking_free(struct asking *q)
{
	struct arena *a = q->arena;

	if (q->text.n)
		mem_wipe(q->text.p, q->text.n);
	buf_free(&q->text);
	arena_free_wiped(&a);
}

static void on_answer(struct worker *w, struct post *p)
{
	struct asking *q = container_of(p, struct asking, post);
	struct question_answer a = { .err = q->call.answer,
				     .why = q->call.why,
				     .text = buf_strv(&q->text) };

	timer_cancel(w->loop, &q->late);
	if (q->fn)
		q->fn(w, &a, q->arg);
	asking_free(q);
}

static void on_late(struct timer *t)
{
	struct asking *q = container_of(t, struct asking, late);
	struct question_answer a = {
		.err = -ETIMEDOUT, .why = "no answer in time, and none that it gave up"
	};
	question_fn fn = q->fn;

	q->fn = NULL;
	fn(q->worker, &a, q->arg);
}

static void done(struct auth_call *call)
{
	struct asking *q = container_of(call, struct asking, call);

	q->post.fn = on_answer;
	worker_post(q->worker, &q->post, sizeof(*q));
}

static struct asking *asking_new(struct worker *w, const struct question *of)
{
	struct arena *a = arena_new(1024);
	struct asking *q = ARENA_NEW(a, struct asking);
	struct jid user = jid_dup(a, of->user);

	q->arena = a;
	q->worker = w;
	q->text = (struct buf)BUF_INIT(QUESTION_MAX_TEXT);
	q->call = (struct auth_call){
		.job = { .account_key = auth_pool_key(jid_text(user)),
			 .address_key = of->address_key },
		.op = of->op,
		.user = jid_local(user),
		.domain = jid_domain(user),
		.password = of->password.p ? arena_strv(a, of->password) : STRV_NULL,
		.text = &q->text,
		.done = done,
	};
	timer_init(&q->late, on_late);
	return q;
}

int question_ask(struct worker *w, const struct question *of, question_fn fn, void *arg)
{
	const struct conf_auth *auth = conf_auth_of(w->conf, jid_domain(of->user));
	struct auth_backend *b = auth->backends[of->method];
	struct asking *q;
	int r;

	if (b == NULL || !(b->ops->can & (1u << of->op)))
		return -ENOTSUP;
	q = asking_new(w, of);
	q->fn = fn;
	q->arg = arg;
	r = auth_backend_submit(b, &q->call);
	if (r < 0)
		asking_free(q);
	else
		timer_arm(w->loop, &q->late, b->timeout_ms + QUESTION_GRACE_MS);
	return r;
}

/* --- the database --- */

/* Owned by the call, which comes back in any case. */
struct looking {
	struct timer late;
	struct worker *worker;
	void (*fn)(struct worker *w, struct store_call *call,
		   void *arg); /* NULL: as above */
	void *arg;
};

static void on_found(struct worker *w, struct store_call *call, void *arg)
{
	struct looking *q = arg;

	timer_cancel(w->loop, &q->late);
	if (q->fn)
		q->fn(w, call, q->arg);
	mem_free(q);
}

static void on_late_call(struct timer *t)
{
	struct looking *q = container_of(t, struct looking, late);
	struct store_call call = { .err = -ETIMEDOUT };
	void (*fn)(struct worker * w, struct store_call * call, void *arg) = q->fn;

	q->fn = NULL;
	fn(q->worker, &call, q->arg);
}

int question_store(struct worker *w, struct store_call *call,
		   void (*fn)(struct worker *w, struct store_call *call, void *arg),
		   void *arg)
{
	struct looking *q = MEM_NEW(struct looking);
	int r;

	q->worker = w;
	q->fn = fn;
	q->arg = arg;
	timer_init(&q->late, on_late_call);
	r = worker_store(w, call, on_found, q);
	if (r < 0)
		mem_free(q);
	else
		timer_arm(w->loop, &q->late,
			  MAX(2 * w->conf->rdbms.query_timeout_ms,
			      (int64_t)QUESTION_STORE_MS) +
				  QUESTION_GRACE_MS);
	return r;
}
