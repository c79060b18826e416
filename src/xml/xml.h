/* XMPP's subset of XML (RFC 6120 section 11): a reader that copies nothing.
 *
 * One `xml_reader` serves all connections of a thread; a connection holds only the few bytes
 * of `xml_stream`, and the raw bytes of a stanza that has not arrived whole. The tree that a
 * call returns lives in the reader until the next call, and points into the caller's bytes.
 *
 * All of well-formedness is checked, namespaces included; comments, processing instructions,
 * DTDs and entities other than the five predefined ones are XML_ERR_RESTRICTED. */
#pragma once

#include "base/arena.h"
#include "xml/ns.h"

struct xml_attr {
	struct strv local;  /* without its prefix */
	struct strv prefix; /* as written; n == 0: none */
	enum xml_ns ns; /* NS_NONE without a prefix. xmlns declarations are not listed */
	struct strv ns_uri;
	struct strv
		value;	 /* references resolved, white space normalised (XML 1.0 3.3.3) */
	struct strv raw; /* `name='value'` as written */
};

struct xml_el {
	struct strv local;
	enum xml_ns ns;
	struct strv ns_uri;
	struct strv raw;   /* the whole element, from '<' to '>' */
	struct strv inner; /* what stands between the tags, raw */
	struct xml_attr *attr;
	uint16_t n_attr;
	/* A prefix that something around it declares (for a child of the stream: the stream's
	 * header) is used in it or below it: its raw bytes mean nothing in another place.
	 * xml_write_el() takes care of this. */
	bool uses_outer_prefix;
	/* Its own or a child's name stands in the default namespace of what is around it. */
	bool uses_outer_default;
	struct xml_el *parent, *first, *last, *next; /* child elements only */

	/* For the reader and the writer only. */
	bool text_plain;       /* no reference, no CDATA, no CR directly in it */
	uint8_t depth;	       /* 1 below the stream */
	uint8_t prefix_depth;  /* of the outermost declaration used in it or below it */
	uint8_t default_depth; /* the same of the default namespace */
	const struct xml_binding
		*scope; /* the declarations that hold in it, innermost first */
};

enum xml_error {
	XML_OK,
	XML_ERR_MALFORMED, /* not well-formed, names, nesting, duplicates, prefixes, chars */
	XML_ERR_RESTRICTED, /* RFC 6120 11.1: comment, PI, DTD, entity */
	XML_ERR_ENCODING, /* not UTF-8: by the XML declaration or by the bytes (4.9.3.22) */
	XML_ERR_TOO_BIG, /* longer than xml_stream.max_bytes; a header declares too much */
	XML_ERR_TOO_DEEP, /* one of the XML_MAX_... below is passed */
};

enum {
	XML_MAX_DEPTH = 128,
	XML_MAX_ATTRS = 256,
	XML_MAX_SCOPE =
		128, /* prefixes that stanza elements have declared at one place */
	XML_MAX_NODES = 65536, /* elements in one stanza, and attributes in all of them */
	XML_MAX_REFS = 262144, /* references and CDATA sections in it */
};

enum {
	/* Bytes. Of a longer element there is the start tag, with no child: nobody takes it, and
	 * it is not looked into. A start tag of so much is XML_ERR_TOO_BIG. */
	XML_MAX_TREE = 8 << 20,
	XML_MAX_START = 64 << 10,
};

enum xml_event {
	XML_MORE,    /* nothing complete: come back with the rest and more behind it */
	XML_OPEN,    /* the stream's header; *ret has no children */
	XML_ELEMENT, /* a child of the stream, whole */
	XML_CLOSE,   /* the stream's closing tag */
	XML_FAIL,    /* *err says why; the stream is unusable from here on */
};

/* What one stream carries from call to call. Zeroed = before the header; 0 bytes of heap until
 * a header declares prefixes other than "stream" and the default. */
struct xml_stream {
	uint32_t scanned;   /* of the bytes given again: these need no second look */
	uint8_t scan_state; /* where in the markup the scanner stands */
	uint8_t scan_quote;
	uint16_t depth; /* of the scanner, below the stream */
	bool opened;
	bool declared;	    /* an XML declaration went by, or can no longer come */
	uint8_t tried;	    /* log2 of the bytes when they were last parsed in vain */
	uint32_t max_bytes; /* of one element or header, set by the owner; 0 = 64 MiB */
	struct xml_decls *decls; /* what the header declared; owned */
};

struct xml_reader;
nodiscard struct xml_reader *xml_reader_new(void);
void xml_reader_free(struct xml_reader **r);

void xml_stream_reset(struct xml_stream *s); /* frees decls; keeps max_bytes */

/* The default namespace that the header set: of the stream's content (RFC 6120 4.8.2). */
enum xml_ns xml_stream_default_ns(const struct xml_stream *s);

/* Reads the next thing from `in`. *ret_used bytes of it are done with (leading white space
 * and the XML declaration with XML_MORE); the caller presents what is left again, with more
 * behind it. What is wrong is reported at the next '>' in an element that is small or has
 * doubled, and at the latest when it is whole. After XML_CLOSE nothing but white space may
 * come. */
nodiscard enum xml_event xml_next(struct xml_reader *r, struct xml_stream *s,
				  struct strv in, size_t *ret_used, struct xml_el **ret,
				  enum xml_error *err);

/* How much work that was, in microseconds: by bytes, and by what is passed one by one. */
uint32_t xml_reader_work(const struct xml_reader *r);

/* Parses one whole element that stands alone, in the default namespace `outer` (NS_CLIENT for
 * a stanza from the database or another thread). The tree lives in `a`; it points into `in`.
 * Prefix "stream" is declared. The bounds are wider than a stream's: what was read from one may
 * be written with more attributes and declarations. -EBADMSG: not one well-formed element. */
nodiscard int xml_parse(struct arena *a, struct strv in, enum xml_ns outer,
			struct xml_el **ret);

/* --- looking at a tree --- */

static inline bool xml_is(const struct xml_el *e, enum xml_ns ns, const char *local)
{
	return e->ns == ns && strv_is(e->local, local);
}

/* The value of an attribute without a prefix; p == NULL when it is not there. */
struct strv xml_attr(const struct xml_el *e, const char *local);
struct strv xml_attr_ns(const struct xml_el *e, enum xml_ns ns,
			const char *local); /* xml:lang */

/* The first child of that name, or NULL; local == NULL: any name. */
struct xml_el *xml_child(const struct xml_el *e, enum xml_ns ns, const char *local);

/* The character data directly in `e`, references and CDATA resolved: a slice of the input where
 * it can be, else in `a`. Never p == NULL. */
struct strv xml_text(const struct xml_el *e, struct arena *a);

#define XML_EACH_CHILD(it, e) for (struct xml_el *it = (e)->first; it; it = it->next)
#define XML_EACH_ATTR(it, e)                                                            \
	for (const struct xml_attr *it = (e)->attr; it && it < (e)->attr + (e)->n_attr; \
	     it++)

/* --- writing --- */

#include "base/buf.h"

/* Each returns 0, or -EMSGSIZE when the buffer's maximum is reached (the buffer may then hold a
 * part: the caller drops it). Text is escaped; it must be valid XML characters in UTF-8. */
nodiscard int xml_write_text(struct buf *b, struct strv text);
nodiscard int xml_write_named(struct buf *b, struct strv name,
			      struct strv value); /* " n='v'" */
static inline nodiscard int xml_write_attr(struct buf *b, const char *name,
					   struct strv value)
{
	return xml_write_named(b, strv_from(name), value);
}

/* Writes `e` so that it means the same where the default namespace is `outer`: its raw bytes
 * when they do, re-serialised otherwise. */
nodiscard int xml_write_el(struct buf *b, const struct xml_el *e, enum xml_ns outer);

/* Writes what is inside `e`, for a place where the default namespace is e's own. */
nodiscard int xml_write_inner(struct buf *b, const struct xml_el *e);

/* A writer that keeps the first error, so that a reply reads as what it says:
 *
 *     struct xml_out o = xml_out(&b);
 *     xo_start(&o, "query", NS_ROSTER);
 *     xo_attr(&o, "ver", ver);
 *     xo_end(&o);
 *     return o.err;
 */
struct xml_out {
	struct buf *b;
	int err;
	bool open; /* the last start tag has no '>' yet */
	uint8_t depth;
	const char *name[16];
};
static inline struct xml_out xml_out(struct buf *b)
{
	return (struct xml_out){ .b = b };
}
void xo_start(struct xml_out *o, const char *name,
	      enum xml_ns ns); /* NS_NONE: no xmlns */
void xo_attr(struct xml_out *o, const char *name,
	     struct strv value); /* p == NULL: none */
void xo_attrf(struct xml_out *o, const char *name, const char *fmt, ...)
	printf_like(3, 4);
void xo_text(struct xml_out *o, struct strv text);
void xo_raw(struct xml_out *o, struct strv bytes); /* already XML */
void xo_el(struct xml_out *o, const struct xml_el *e,
	   enum xml_ns outer); /* xml_write_el */
void xo_end(struct xml_out *o);
void xo_leaf(struct xml_out *o, const char *name, enum xml_ns ns, struct strv text);
