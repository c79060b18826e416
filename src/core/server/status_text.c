#include "conf/option.h"
#include "core/server/status.h"

#include <stdio.h>

enum { LABEL_WIDTH = 44, NUMBER_WIDTH = 16 };

/* Rows that are shown even if they are 0: the first so many of the listener's own. */
enum { SHOWN_ALWAYS = PORT_COUNT_BYTES_OUT + 1 };

static void put_row(struct buf *b, const char *label, int64_t n)
{
	buf_putf(b, "  %-*s%*lld\n", LABEL_WIDTH, label, NUMBER_WIDTH, (long long)n);
}

/* "closed_tls_record" is "closed: tls record"; names of others stay as they are. */
static void own_label(const char *name, char *to, size_t size)
{
	static const char *const beginnings[] = { "refused_", "closed_", "paused_" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
		if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
			n = strlen(beginnings[i]);
	if (n)
		snprintf(to, size, "%.*s: %s", (int)n - 1, name, name + n);
	else
		snprintf(to, size, "%s", name);
	for (; *to; to++)
		if (*to == '_')
			*to = ' ';
}

static const char *group_label(const struct port_counter_group *g)
{
	static const struct {
		unsigned first;
		const char *label;
	} labels[] = {
		{ PORT_COUNT_STREAM_ERROR, "closed with" },
		{ PORT_COUNT_TLS_VERSION, "handshakes" },
		{ PORT_COUNT_TLS_CIPHER, "cipher" },
		{ PORT_COUNT_LOGIN, "logins" },
		{ PORT_COUNT_AUTH_FAILURE, "failed logins" },
	};

	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (labels[i].first == g->first)
			return labels[i].label;
	UNREACHABLE();
}

static void put_group(struct buf *b, const struct port_counter_group *g,
		      const struct status_listener *l)
{
	for (unsigned i = 0; i < g->n; i++) {
		const char *name = g->row_name(i);
		int64_t n = l->v[g->first + i];
		char label[96];

		if (name == NULL || (n == 0 && (g->name || i >= SHOWN_ALWAYS)))
			continue;
		if (g->name)
			snprintf(label, sizeof(label), "%s: %s", group_label(g), name);
		else
			own_label(name, label, sizeof(label));
		put_row(b, label, n);
	}
}

static void put_listener(struct buf *b, const struct status_listener *l)
{
	put_row(b, "open", l->open);
	if (l->max_connections != CONF_INFINITY)
		put_row(b, "of at most", l->max_connections);
	put_row(b, "unauthenticated", l->unauthenticated);
	for (unsigned i = 0; i < PORT_COUNTER_GROUPS; i++)
		put_group(b, &port_counter_groups[i], l);
}

static void put_uptime(struct buf *b, int64_t s)
{
	if (s >= 86400)
		buf_putf(b, "%lld d ", (long long)(s / 86400));
	buf_putf(b, "%02d:%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60),
		 (int)(s % 60));
}

static void put_server(struct buf *b, const struct status *st)
{
	static const char *const labels[COUNT_MAX] = {
#define X(id, name, text) text,
		COUNTERS(X)
#undef X
	};

	buf_putf(b, "meerkat %s, process %lld, up ", st->version, (long long)st->pid);
	put_uptime(b, (st->now - st->started) / 1000000);
	buf_putf(b, ", %u worker%s", st->workers, st->workers == 1 ? "" : "s");
	if (st->rss_bytes)
		buf_putf(b, ", %.1f MiB of memory", (double)st->rss_bytes / (1 << 20));
	buf_putc(b, '\n');
	for (unsigned i = 0; i < COUNT_MAX; i++)
		if (st->v[i])
			put_row(b, labels[i], st->v[i]);
}

void status_write_text(const struct status *st, struct buf *b)
{
	put_server(b, st);
	buf_put(b, STRV("\nall listeners\n"));
	put_listener(b, &st->total);
	for (size_t i = 0; i < st->n_listeners; i++) {
		const struct status_listener *l = &st->listeners[i];
		buf_putf(b, "\n%s%s\n", l->name,
			 l->listening ? "" : " (closed; these connections are left)");
		put_listener(b, l);
	}
}
