/* What the reader's files share; nobody else includes it. */
#pragma once

#include "xml/chars.h"
#include "xml/xml.h"

/* One namespace declaration, linked to the one that was made before it. The default
 * namespace has an empty prefix. */
struct xml_binding {
	const struct xml_binding *up;
	struct strv prefix, uri;
	enum xml_ns ns;
	uint8_t depth;	/* of the element that made it; 0: the stream's header */
	uint8_t number; /* of those that an element made and this one is within */
};

/* What a stream's header declared when it was not the usual thing. */
struct xml_decls {
	struct strv qname;		 /* of the header, for its closing tag */
	const struct xml_binding *scope; /* the innermost, in the same block of memory */
};

enum {
	DEPTH_NONE = UINT8_MAX, /* no declaration is used: deeper than all */
};

/* --- one element --- */

struct xml_bounds {
	uint32_t nodes; /* elements, and attributes in all of them */
	uint16_t attrs; /* of one element */
	uint8_t scope;	/* declarations that hold in one place */
	uint32_t refs;	/* references and CDATA sections */
};

/* Reads [p, end), whose last byte is a '>': since none of names, white space and the like
 * can run over a '>', only values, text and CDATA look for the end. */
struct xml_parser {
	const char *p, *end;
	struct arena *a;
	const struct xml_binding *scope; /* before: what holds around the element */
	struct xml_attr *attr;		 /* room for n_room more */
	uint32_t n_room, n_chunk;
	uint32_t n_nodes, n_attrs, n_refs;
	uint32_t n_stops; /* of what passes over many characters at a time */
	const struct xml_bounds *max;
	uint8_t after; /* xml_stream.scan_state for when it is read */
	enum xml_error err;
};

enum parsed { PARSED, PARSED_PART, PARSED_WRONG };

static inline enum parsed xml_wrong(struct xml_parser *x, enum xml_error err)
{
	x->err = err;
	return PARSED_WRONG;
}
enum parsed xml_wrong_char(struct xml_parser *x, const char *p); /* not expected here */

/* A start tag, p behind its '<'. */
enum parsed xml_parse_tag(struct xml_parser *x, struct xml_el *parent,
			  struct xml_el **ret, bool *ret_empty);
/* Behind the name: its attributes. */
enum parsed xml_parse_attr(struct xml_parser *x, struct xml_el *e);
enum parsed xml_resolve(struct xml_parser *x, struct xml_el *e, struct strv prefix);
/* A whole element, p at its '<'. */
enum parsed xml_parse_element(struct xml_parser *x, struct xml_el **ret);
/* Its start tag only; the element ends at `end`. */
enum parsed xml_parse_start(struct xml_parser *x, const char *end, struct xml_el **ret);

const struct xml_binding *xml_lookup(const struct xml_binding *scope, struct strv prefix);

/* The scope of a place with that default namespace, and "stream". Not for NS_OTHER. */
const struct xml_binding *xml_scope_of(enum xml_ns outer);

/* Copies what the header declares, for when its bytes are gone. */
enum xml_error xml_decls_new(const struct xml_el *header, struct xml_decls **ret);

/* The prefix of an element's name as written; n == 0: none. */
static inline struct strv xml_el_prefix(const struct xml_el *e)
{
	const char *name = e->raw.p + 1;
	return strv_make(name, e->local.p > name ? (size_t)(e->local.p - name) - 1 : 0);
}

static inline struct strv xml_el_qname(const struct xml_el *e)
{
	return strv_make(e->raw.p + 1, (size_t)(e->local.p + e->local.n - e->raw.p) - 1);
}

/* --- frames --- */

enum scanned {
	SCAN_PART,
	SCAN_WHOLE, /* a start tag and what belongs to it, or a lone end tag, is there */
	SCAN_WRONG, /* no element comes of this */
};

/* xml_stream.scan_state beyond the scanner's own. */
enum {
	XML_CLOSES_ITSELF = 254, /* the header was "<.../>": XML_CLOSE comes next */
	XML_ENDED = 255,	 /* after XML_CLOSE */
};

/* Looks at the bytes of `in` that it has not seen; s->scanned says how far it has come.
 */
enum scanned xml_scan(struct xml_stream *s, struct strv in);

/* --- the XML declaration --- */

/* `in` starts with "<?". PARSED: *ret_used bytes belong to it. */
enum parsed xml_parse_declaration(struct strv in, size_t *ret_used, enum xml_error *err);
