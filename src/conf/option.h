/* Option tables: each option of the configuration is one row, and from that row come its
 * check, its error messages, its default and its documentation.
 *
 *     struct roster_conf {
 *             bool versioning;
 *             int64_t max_items;
 *     };
 *     static const struct conf_option roster_options[] = {
 *             CONF_BOOL("versioning", struct roster_conf, versioning, "false",
 *                       "Offers roster versioning (RFC 6121, 2.6)."),
 *             CONF_INT_OR_INFINITY("max_items", struct roster_conf, max_items, "1000", 1,
 *                                  INT32_MAX, "How many contacts an account may have."),
 *             CONF_UNSUPPORTED("iqdisc"),
 *             { 0 },
 *     };
 *
 * Reading fills the struct, first with the defaults:
 *
 *     struct conf_errors errors = CONF_ERRORS_INIT(arena, path);
 *     struct roster_conf conf;
 *     int r = conf_read(arena, table, "modules.mod_roster", roster_options, &conf,
 *                       &errors);
 *
 * and a mistake becomes a message such as
 *
 *     mk.toml:12:14: error: modules.mod_roster.max_items: expected an integer from 1 to
 *     2147483647 or "infinity", found the string "infinite"; did you mean "infinity"?
 *
 * A row takes further members behind its doc text: `.mandatory = true`, `.check = fn`.
 * Defaults are TOML text ("5000", "\"infinity\"", "[\"a\"]", "false"); NULL: not set,
 * which reads as CONF_UNSET (numbers, enums), false, STRV_NULL, or no elements.
 *
 * Sections inside each other:
 *
 *     struct listener {
 *             int64_t port;
 *             int64_t mode;
 *             bool has_tls;
 *             struct tls tls;
 *     };
 *     struct listen {
 *             struct listener *c2s;
 *             size_t n_c2s;
 *     };
 *     static const struct conf_option c2s[] = {
 *             CONF_INT("port", struct listener, port, NULL, 1, 65535, "The TCP port.",
 *                      .mandatory = true, .restart = true),
 *             CONF_ENUM("mode", struct listener, mode, "\"starttls\"",
 *                       CONF_WORDS({ "tls", MODE_TLS }, { "starttls", MODE_STARTTLS }),
 *                       "When TLS starts."),
 *             CONF_OPTIONAL_TABLE("tls", struct listener, tls, tls_options,
 *                                 "TLS; without this section there is none."),
 *             { 0 },
 *     };
 *     static const struct conf_option listen[] = {
 *             CONF_TABLE_ARRAY("c2s", struct listen, c2s, c2s, "Listeners for clients."),
 *             CONF_UNSUPPORTED("http"),
 *             { 0 },
 *     };
 *
 * By convention an array `x` has its count in `n_x`, and an optional table `x` its
 * presence in `has_x`.
 *
 * Free keys: each [shaper.NAME] is one element, whose `name` is the key and whose other
 * members are filled as a single row, named "*", says:
 *
 *     struct shaper { struct strv name; int64_t max_rate; };
 *     struct conf { struct shaper *shapers; size_t n_shapers; };
 *     static const struct conf_option shaper[] = {
 *             CONF_INT("max_rate", struct shaper, max_rate, NULL, 1, INT32_MAX,
 *                      "Bytes/s.", .mandatory = true),
 *             { 0 },
 *     };
 *     static const struct conf_option any_shaper =
 *             CONF_SAME_TABLE("*", shaper, "A shaper.");
 *             ...
 *             CONF_MAP("shaper", struct conf, shapers, name, &any_shaper, "Shapers."),
 *
 * and for [access] RULE = [{ acl = .., value = .. }, ..], where an element is
 * struct access_rule { struct strv name; struct clause *clauses; size_t n_clauses; }:
 *
 *     static const struct conf_option any_rule =
 *             CONF_TABLE_ARRAY("*", struct access_rule, clauses, clause_options,
 *                              "A rule.");
 *             ...
 *             CONF_MAP("access", struct conf, rules, name, &any_rule, "Access rules."),
 *
 * Tables of rows may also be built while the program runs, e.g. one CONF_T_TABLE_NEW row
 * for each module. */
#pragma once

#include "conf/error.h"

#define CONF_INFINITY INT64_MAX
#define CONF_UNSET    INT64_C(-1)

enum conf_type {			 /* filled in: */
		 CONF_T_BOOL,		 /* bool */
		 CONF_T_INT,		 /* int64_t, min to max */
		 CONF_T_INT_OR_INFINITY, /* int64_t; "infinity" is CONF_INFINITY */
		 CONF_T_STRING, /* struct strv, NUL behind it; one of .words, if any */
		 CONF_T_PATH,	/* struct strv, not empty, NUL behind it */
		 CONF_T_FILE,	/* the same, and a file that can be read now */
		 CONF_T_ENUM,	/* int64_t, the word's value */
		 CONF_T_STRING_ARRAY, /* const struct strv *x; size_t n_x */
		 CONF_T_FILE_ARRAY,   /* the same, each as CONF_T_FILE */
		 CONF_T_ENUM_ARRAY,   /* const int64_t *x; size_t n_x */
		 CONF_T_TABLE,	      /* struct x, and bool has_x for an optional one */
		 CONF_T_TABLE_NEW, /* struct *x, allocated; NULL when the table is absent */
		 CONF_T_TABLE_ARRAY, /* struct *x; size_t n_x */
		 CONF_T_MAP,	     /* struct *x; size_t n_x: free keys */
		 CONF_T_CUSTOM,	     /* whatever .check fills in; zero when not set */
		 CONF_T_UNSUPPORTED, /* nothing: a warning */
		 CONF_T_IGNORED,     /* nothing: a warning, with the doc as the reason */
		 CONF_T_ALIAS, /* another name of the option whose name is in .dflt */
};

struct conf_word {
	const char *name;
	int64_t value;
	bool unsupported; /* a warning; the default stands, or the element is left out */
	const char *refused; /* an error: why there is no such thing here */
};

struct conf_ctx;

/* Looks at a value that has passed the row's other checks; not called for defaults,
 * except for CONF_T_CUSTOM. `dst` is what was filled in, and may be changed (a domain,
 * normalised); for arrays of strings and enums it is called for each element (struct
 * strv *, int64_t *), before duplicates are looked for. For tables, and each table of an
 * array or a map: `dst` is the struct, and nothing within is wrong. Complains with
 * conf_complain(). */
typedef void (*conf_check_fn)(struct conf_ctx *c, const struct toml_value *v, void *dst);

struct conf_option {
	const char *name;
	enum conf_type type;
	bool mandatory;
	bool unique;  /* arrays: no two elements are equal */
	bool restart; /* a change takes effect when the server starts anew */
	bool secret;  /* the value is never shown */
	bool is_rule; /* strings: the name of an access rule */
	bool repeats; /* sections: the documentation has these options elsewhere */
	bool has_range;
	int64_t min, max; /* of numbers, of the bytes of strings, the count of arrays */
	const char *dflt; /* TOML */
	const char *unit; /* for the documentation: "ms", "s", "bytes" */
	const char *allowed; /* "a domain": what messages and documentation expect;
			      * NULL: as the type has it */
	const struct conf_word *words;	   /* ended by .name == NULL */
	const struct conf_option *options; /* of the table, ended by .name == NULL; NULL:
					    * none; of a map: the one row of its values */
	size_t offset;			   /* of the member in the struct */
	size_t count_offset;		   /* of n_x, or of has_x */
	bool has_count;
	size_t size;	   /* of an element, or of the struct to allocate */
	size_t key_offset; /* maps: of the element's struct strv for its key */
	conf_check_fn check;
	const char *doc;
};

/* Fills *ret: the defaults, and what the table gives instead. `path` is the table's own
 * name in the messages, "" for the whole file. All mistakes are added to `e`: -EINVAL if
 * there was an error (warnings do not count). *ret is then still complete, for further
 * checks: the default where a value was wrong, arrays without their wrong elements. */
nodiscard int conf_read(struct arena *a, const struct toml_value *table, const char *path,
			const struct conf_option *options, void *ret,
			struct conf_errors *e);

/* The same for a whole file. */
nodiscard int conf_read_root(struct arena *a, const struct toml_table *root,
			     const struct conf_option *options, void *ret,
			     struct conf_errors *e);

/* As if an empty table had been read, mandatory options being not set. */
void conf_defaults(struct arena *a, const struct conf_option *options, void *ret);

/* --- for checks --- */
struct arena *conf_arena(const struct conf_ctx *c);

/* An error, or a warning, about the value (element, table) that is being checked. */
void conf_complain(struct conf_ctx *c, const char *fmt, ...) printf_like(2, 3);
void conf_warn(struct conf_ctx *c, const char *fmt, ...) printf_like(2, 3);

/* The same about a part of the table that is being checked: "mode", "pools[2].host". */
void conf_complain_at(struct conf_ctx *c, const char *member, const char *fmt, ...)
	printf_like(3, 4);
void conf_warn_at(struct conf_ctx *c, const char *member, const char *fmt, ...)
	printf_like(3, 4);

/* "expected ALLOWED, found the string "x"": the message of all wrong values. */
void conf_complain_expected(struct conf_ctx *c, const char *allowed);

/* Reads a table from within the check of a CONF_T_CUSTOM row; `part` is appended to the
 * path: ".name", "[2]", "". Errors go where the context's go; -EINVAL if there is one. */
nodiscard int conf_read_part(struct conf_ctx *c, const struct toml_value *table,
			     const char *part, const struct conf_option *options,
			     void *ret);

/* The known word that is spelled most like this one, or NULL when none comes near: for
 * "did you mean". `names` is ended by NULL. */
const char *conf_nearest(struct strv word, const char *const *names);

/* Appends Markdown: each option's name, what is allowed, default, doc. `path`: as in
 * conf_read. */
void conf_doc(const struct conf_option *options, const char *path, struct buf *b);

#include "conf/row.h" /* CONF_BOOL() and the other rows */
