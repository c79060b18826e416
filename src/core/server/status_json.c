/* The names are part of what docs/operations.md promises. */
#include "base/json.h"
#include "conf/option.h"
#include "core/server/status.h"

#include <time.h>

static void put_name(struct buf *b, const char *name)
{
	buf_putc(b, '"');
	json_escape(b, strv_from(name));
	buf_put(b, STRV("\":"));
}

static void put_string(struct buf *b, const char *name, const char *value)
{
	put_name(b, name);
	buf_putc(b, '"');
	json_escape(b, strv_from(value));
	buf_put(b, STRV("\","));
}

static void put_number(struct buf *b, const char *name, int64_t n)
{
	put_name(b, name);
	buf_putf(b, "%lld,", (long long)n);
}

/* In place of the last comma, if there was one. */
static void end(struct buf *b, char bracket)
{
	if (b->p[b->n - 1] == ',')
		b->n--;
	buf_putc(b, bracket);
}

static void put_time(struct buf *b, const char *name, wallus_t at)
{
	time_t sec = (time_t)(at / 1000000);
	char text[32];
	struct tm tm;

	gmtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put_string(b, name, text);
}

static void put_group(struct buf *b, const struct port_counter_group *g,
		      const struct status_listener *l)
{
	if (g->name) {
		put_name(b, g->name);
		buf_putc(b, '{');
	}
	for (unsigned i = 0; i < g->n; i++) {
		const char *name = g->row_name(i);
		int64_t n = l->v[g->first + i];
		if (name && (n || !g->sparse))
			put_number(b, name, n);
	}
	if (g->name) {
		end(b, '}');
		buf_putc(b, ',');
	}
}

static void put_counters(struct buf *b, const struct status_listener *l)
{
	put_number(b, "open", l->open);
	put_number(b, "unauthenticated", l->unauthenticated);
	for (unsigned i = 0; i < PORT_COUNTER_GROUPS; i++)
		put_group(b, &port_counter_groups[i], l);
	end(b, '}');
}

static void put_listener(struct buf *b, const struct status_listener *l)
{
	buf_putc(b, '{');
	put_string(b, "name", l->name);
	put_name(b, "listening");
	buf_put(b, l->listening ? STRV("true,") : STRV("false,"));
	if (l->max_connections != CONF_INFINITY) {
		put_number(b, "max_connections", l->max_connections);
	} else {
		put_name(b, "max_connections");
		buf_put(b, STRV("null,"));
	}
	put_counters(b, l);
	buf_putc(b, ',');
}

static void put_server(struct buf *b, const struct status *st)
{
	static const char *const names[COUNT_MAX] = {
#define X(id, name, text) name,
		COUNTERS(X)
#undef X
	};

	put_name(b, "server");
	buf_putc(b, '{');
	for (unsigned i = 0; i < COUNT_MAX; i++)
		put_number(b, names[i], st->v[i]);
	end(b, '}');
	buf_putc(b, ',');
}

void status_write_json(const struct status *st, struct buf *b)
{
	buf_putc(b, '{');
	put_string(b, "version", st->version);
	put_number(b, "pid", st->pid);
	put_time(b, "started", st->started);
	put_number(b, "uptime_s", (st->now - st->started) / 1000000);
	put_number(b, "workers", st->workers);
	put_number(b, "rss_bytes", st->rss_bytes);
	put_server(b, st);
	put_name(b, "total");
	buf_putc(b, '{');
	put_counters(b, &st->total);
	buf_putc(b, ',');
	put_name(b, "listeners");
	buf_putc(b, '[');
	for (size_t i = 0; i < st->n_listeners; i++)
		put_listener(b, &st->listeners[i]);
	end(b, ']');
	buf_put(b, STRV("}\n"));
}
