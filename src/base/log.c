#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int max_level = LOG_NOTICE;
static atomic_bool as_json;
static _Thread_local log_context_fn fill_context;
static _Thread_local const void *context_of;

static const char *const names[] = { "error", "warning", "notice", "info", "debug" };

void log_init(enum log_level level, bool json)
{
	max_level = (int)level;
	as_json = json;
}

void log_set_level(enum log_level level)
{
	max_level = (int)level;
}

bool log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

void log_context_set(log_context_fn fill, const void *of)
{
	fill_context = fill;
	context_of = of;
}

static struct log_context context(void)
{
	struct log_context c = { 0 };

	if (fill_context)
		fill_context(context_of, &c);
	return c;
}

static void add_time(struct buf *b)
{
	wallus_t now = clock_wall_us();
	time_t sec = (time_t)(now / 1000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_putf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)(now % 1000000 / 1000));
}

/* Control characters would let a peer forge lines: they are escaped in both formats. */
static void add_plain(struct buf *b, const char *s)
{
	for (; *s && b->max - b->n > 64; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x20 || c == 0x7f)
			buf_putf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
}

static void add_pair(struct buf *b, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_putf(b, as_json ? ",\"%s\":\"" : " %s=", key);
	if (as_json) {
		json_escape(b, strv_from(value));
		buf_putc(b, '"');
	} else {
		add_plain(b, value);
	}
}

enum { TEXT_MAX = 2048 };

static void write_line(enum log_level level, const char *event, const char *text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(8192);
	struct log_context ctx;
	ssize_t r;

	if (as_json) {
		buf_putf(&b, "{\"time\":\"");
		add_time(&b);
		buf_putf(&b, "\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"",
			 names[level], event);
		json_escape(&b, strv_from(text));
		buf_putc(&b, '"');
	} else {
		add_time(&b);
		buf_putf(&b, " %-7s %s: ", names[level], event);
		add_plain(&b, text);
	}
	ctx = context();
	add_pair(&b, "conn", ctx.conn);
	add_pair(&b, "jid", ctx.jid);
	add_pair(&b, "address", ctx.address);
	buf_put(&b, as_json ? STRV("}\n") : STRV("\n"));
	r = write(STDERR_FILENO, b.p, b.n); /* one write: lines of threads do not mix */
	(void)r;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (!log_is_on(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, event, text);
}

void log_limited(struct log_limit *l, unsigned per_minute, enum log_level level,
		 const char *event, const char *fmt, ...)
{
	char text[TEXT_MAX], more[40] = "";
	unsigned dropped;
	va_list ap;
	int n;

	if (!log_is_on(level) || !log_limit_ok(l, per_minute, &dropped))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0 && dropped)
		snprintf(more, sizeof(more), " (%u more like it)", dropped);
	n = MIN(MAX(n, 0), (int)(sizeof(text) - sizeof(more)));
	memcpy(text + n, more, sizeof(more));
	write_line(level, event, text);
}

void log_raw_fatal(const char *file, int line, const char *func, const char *what)
{
	struct log_context ctx = context();
	char text[512];
	int n = snprintf(text, sizeof(text), "fatal: %s:%d: %s: %s%s%s\n", file, line,
			 func, what, ctx.conn ? " conn=" : "", ctx.conn ? ctx.conn : "");
	ssize_t r = write(STDERR_FILENO, text, (size_t)MIN(n, (int)sizeof(text) - 1));
	(void)r;
}

bool log_limit_ok(struct log_limit *l, unsigned per_minute, unsigned *ret_dropped)
{
	int64_t minute = clock_mono_ms() / 60000;

	if (l->minute != minute) {
		l->minute = minute;
		l->n = 0;
	}
	if (l->n >= per_minute) {
		l->dropped++;
		return false;
	}
	l->n++;
	*ret_dropped = l->dropped;
	l->dropped = 0;
	return true;
}
