#include "io/proxy.h"

static const char v1_start[] = "PROXY ";
static const char v2_start[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
	V2_START = sizeof(v2_start) - 1,
	V2_COMMAND = 12, /* and the version */
	V2_FAMILY = 13,	 /* and the protocol */
	V2_LENGTH = 14,
	V2_PROXY = 0x21,
	V2_LOCAL = 0x20,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_BODY_TCP4 = 4 + 4 + 2 + 2,
	V2_BODY_TCP6 = 16 + 16 + 2 + 2,
	V2_BODY_UNIX = 108 + 108,
	TLV_HEAD = 3, /* type, length */
	TLV_CRC32C = 3,
	CRC32C_LEN = 4,
};

/* --- version 1: a line --- */

/* The word up to the next space, which is taken, too; false: there is none. */
static bool take_word(struct strv *line, struct strv *ret)
{
	ptrdiff_t space = strv_find(*line, ' ');

	if (space < 0)
		return false;
	*ret = strv_make(line->p, (size_t)space);
	*line = strv_from_pos(*line, (size_t)space + 1);
	return true;
}

static bool is_port(struct strv s)
{
	uint64_t port;

	return strv_to_u64(s, 65535, &port) == 0 && (s.n == 1 || s.p[0] != '0');
}

static bool is_address(struct strv text, bool v6, struct net *ret)
{
	return (strv_find(text, ':') >= 0) == v6 && net_parse_address(text, ret) == 0;
}

static enum proxy_verdict read_line(struct proxy_reader *p, struct strv line)
{
	struct strv family, source, destination, port;
	struct net other;
	bool v6;

	if (strv_is(line, "UNKNOWN") || strv_starts(line, STRV("UNKNOWN ")))
		return PROXY_DONE; /* what follows is to be ignored */
	if (!take_word(&line, &family) || !take_word(&line, &source) ||
	    !take_word(&line, &destination) || !take_word(&line, &port))
		return PROXY_BAD;
	v6 = strv_is(family, "TCP6");
	if ((!v6 && !strv_is(family, "TCP4")) || !is_port(port) || !is_port(line) ||
	    !is_address(source, v6, &p->address) || !is_address(destination, v6, &other))
		return PROXY_BAD;
	p->has_address = true;
	return PROXY_DONE;
}

static enum proxy_verdict look_v1(struct proxy_reader *p)
{
	size_t start = sizeof(v1_start) - 1;

	if (p->n <= start)
		return p->got[p->n - 1] == v1_start[p->n - 1] ? PROXY_MORE : PROXY_BAD;
	if (p->got[p->n - 1] == '\n' && p->got[p->n - 2] == '\r')
		return read_line(p, strv_make((char *)p->got + start, p->n - start - 2));
	/* Neither ends a line alone. */
	if (p->got[p->n - 1] == '\n' || p->got[p->n - 2] == '\r')
		return PROXY_BAD;
	return p->n < PROXY_V1_MAX ? PROXY_MORE : PROXY_BAD;
}

/* --- version 2: binary --- */

static void add_to_sum(struct proxy_reader *p, unsigned char byte)
{
	uint32_t c = p->tlv.computed ^ byte;

	for (int i = 0; i < 8; i++)
		c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0); /* Castagnoli's, bits reversed */
	p->tlv.computed = c;
}

static bool is_tlv_head_good(struct proxy_reader *p)
{
	p->tlv.left = (uint16_t)(p->tlv.head[1] << 8 | p->tlv.head[2]);
	if (p->n + p->tlv.left > p->end)
		return false;
	if (p->tlv.head[0] != TLV_CRC32C)
		return true;
	if (p->tlv.left != CRC32C_LEN || p->tlv.has_sum)
		return false;
	p->tlv.has_sum = true;
	return true;
}

/* The next byte behind the addresses. The sum itself counts as zeros. */
static bool take_tlv(struct proxy_reader *p, unsigned char byte)
{
	bool good = true;

	if (p->tlv.n_head < TLV_HEAD) {
		p->tlv.head[p->tlv.n_head++] = byte;
		good = p->tlv.n_head < TLV_HEAD || is_tlv_head_good(p);
	} else {
		p->tlv.left--;
		if (p->tlv.head[0] == TLV_CRC32C) {
			p->tlv.sum = p->tlv.sum << 8 | byte;
			byte = 0;
		}
	}
	add_to_sum(p, byte);
	if (p->tlv.n_head == TLV_HEAD && p->tlv.left == 0)
		p->tlv.n_head = 0;
	return good;
}

static bool are_tlvs_good(const struct proxy_reader *p)
{
	return p->tlv.n_head == 0 && (!p->tlv.has_sum || p->tlv.sum == ~p->tlv.computed);
}

/* How much must stand before what may follow; -1: no such family or protocol. */
static int body_of(unsigned char family)
{
	static const int sizes[] = { 0, V2_BODY_TCP4, V2_BODY_TCP6, V2_BODY_UNIX };

	if (family >> 4 > 3 || (family & 15) > 2)
		return -1;
	return (family & 15) ? sizes[family >> 4] : 0;
}

static enum proxy_verdict read_head(struct proxy_reader *p)
{
	unsigned body = (unsigned)p->got[V2_LENGTH] << 8 | p->got[V2_LENGTH + 1];
	bool local = p->got[V2_COMMAND] == V2_LOCAL; /* its family means nothing */
	int least = local ? 0 : body_of(p->got[V2_FAMILY]);

	if ((!local && p->got[V2_COMMAND] != V2_PROXY) || least < 0 ||
	    body < (unsigned)least || body > PROXY_V2_MAX_BODY)
		return PROXY_BAD;
	p->end = (uint16_t)(PROXY_V2_HEAD + body);
	if (least == 0) /* no addresses, or none whose length is known */
		return PROXY_MORE;
	p->tlv.start = (uint16_t)(PROXY_V2_HEAD + least);
	p->tlv.computed = UINT32_MAX;
	for (size_t i = 0; i < PROXY_V2_HEAD; i++)
		add_to_sum(p, p->got[i]);
	return PROXY_MORE;
}

/* UDP and UNIX sockets are valid, too, but no client of ours. */
static enum proxy_verdict read_body(struct proxy_reader *p)
{
	unsigned char family = p->got[V2_FAMILY];

	if (!are_tlvs_good(p))
		return PROXY_BAD;
	if (p->got[V2_COMMAND] == V2_LOCAL || (family != V2_TCP4 && family != V2_TCP6))
		return PROXY_DONE;
	p->address = net_from_raw(family == V2_TCP6, p->got + PROXY_V2_HEAD);
	p->has_address = true;
	return PROXY_DONE;
}

static enum proxy_verdict look_v2(struct proxy_reader *p, unsigned char byte)
{
	enum proxy_verdict v = PROXY_MORE;

	if (p->n <= V2_START && p->got[p->n - 1] != (unsigned char)v2_start[p->n - 1])
		return PROXY_BAD;
	if (p->n == PROXY_V2_HEAD)
		v = read_head(p);
	else if (p->tlv.start && p->n <= p->tlv.start)
		add_to_sum(p, byte);
	else if (p->tlv.start && !take_tlv(p, byte))
		v = PROXY_BAD;
	return v == PROXY_MORE && p->n == p->end ? read_body(p) : v;
}

enum proxy_verdict proxy_read(struct proxy_reader *p, struct strv in, size_t *ret_used)
{
	enum proxy_verdict v = PROXY_MORE;
	size_t used = 0;

	while (v == PROXY_MORE && used < in.n) {
		unsigned char byte = (unsigned char)in.p[used++];

		if (p->n < sizeof(p->got))
			p->got[p->n] = byte;
		p->n++;
		v = p->got[0] == v2_start[0] ? look_v2(p, byte) : look_v1(p);
	}
	*ret_used = used;
	return v;
}
