/* The log: one line an event, to stderr, as text or as JSON. Any thread.
 *
 *     log_info("listener.open", "port %u is open", port);
 *
 * `event` is a fixed word that an operator can search for; the message is for people. What a
 * thread is working on (connection, JID, address) is set with log_context_set() and
 * stands in each line until it is set anew. Secrets never come here. */
#pragma once

#include "base/strv.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

void log_init(enum log_level level, bool json);
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	printf_like(3, 4);

#define log_error(...)	 log_event(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_event(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_event(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                     \
	do {                                               \
		if (unlikely(log_is_on(LOG_DEBUG)))        \
			log_event(LOG_DEBUG, __VA_ARGS__); \
	} while (0)

/* What the calling thread is working on. Each member may be NULL. */
struct log_context {
	const char *conn; /* "3/1207": worker/connection */
	const char *jid;
	const char *address; /* the peer's */
};
/* `fill` is called for each line that is written; what it gives has to stay until the next call on
 * this thread. NULL: nothing; so before `of` goes away. */
typedef void (*log_context_fn)(const void *of, struct log_context *to);
void log_context_set(log_context_fn fill, const void *of);

/* The last words before abort(): async-signal-safe, no locks. */
void log_raw_fatal(const char *file, int line, const char *func, const char *what);

/* At most `per_minute` true answers a minute for one static limit; the first false ones are
 * counted, and the count is returned by the next true one. */
struct log_limit {
	int64_t minute;
	unsigned n, dropped;
};
nodiscard bool log_limit_ok(struct log_limit *l, unsigned per_minute,
			    unsigned *ret_dropped);

/* What a peer can cause again and again: at most LOG_SOME lines a minute from one place in the source,
 * on each thread. "(3 more like it)" behind the text says how many were left out. */
enum { LOG_SOME = 60 };
#define log_some(level, ...)                                                \
	do {                                                                \
		static _Thread_local struct log_limit limit_of_place;       \
		log_limited(&limit_of_place, LOG_SOME, level, __VA_ARGS__); \
	} while (0)
#define log_some_errors(...)   log_some(LOG_ERROR, __VA_ARGS__)
#define log_some_warnings(...) log_some(LOG_WARNING, __VA_ARGS__)
void log_limited(struct log_limit *l, unsigned per_minute, enum log_level level,
		 const char *event, const char *fmt, ...) printf_like(5, 6);
