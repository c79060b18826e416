#include "forge.h"

static void make_keys(struct forge *f)
{
	if (!f->v13)
		return;
	tls_expand_label(f->hash, f->side.secret, "key", f->side.key,
			 tls_aead_key_len(f->aead));
	tls_expand_label(f->hash, f->side.secret, "iv", f->side.iv, TLS_NONCE_LEN);
}

void forge_init(struct forge *client, struct forge *server, const struct tls_start *s)
{
	*client = (struct forge){ s->v13, s->aead, s->hash, s->in };
	*server = (struct forge){ s->v13, s->aead, s->hash, s->out };
	make_keys(client);
	make_keys(server);
}

void forge_start(struct tls_start *s, bool v13, enum tls_aead aead, unsigned char seed)
{
	*s = (struct tls_start){ .v13 = v13, .aead = aead };
	s->hash = aead == TLS_AES_256_GCM ? DIGEST_SHA384 : DIGEST_SHA256;
	memset(&s->in, seed, offsetof(struct tls_side, seq));
	memset(&s->out, ~seed, offsetof(struct tls_side, seq));
	s->in.seq = s->out.seq = v13 ? 0 : 1;
}

void forge_update(struct forge *f)
{
	unsigned char next[DIGEST_MAX_LEN];

	tls_expand_label(f->hash, f->side.secret, "traffic upd", next,
			 digest_len(f->hash));
	memcpy(f->side.secret, next, sizeof(next));
	f->side.seq = 0;
	make_keys(f);
}

static bool has_explicit(const struct forge *f)
{
	return !f->v13 && f->aead != TLS_CHACHA20_POLY1305;
}

static void nonce_of(const struct forge *f, unsigned char nonce[TLS_NONCE_LEN])
{
	memcpy(nonce, f->side.iv, TLS_NONCE_LEN);
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (unsigned char)(f->side.seq >> 8 * i);
}

static struct strv ad_of(const struct forge *f, const unsigned char *header, size_t n,
			 unsigned char ad[13])
{
	if (f->v13)
		return strv_make((const char *)header, 5);
	for (int i = 0; i < 8; i++)
		ad[7 - i] = (unsigned char)(f->side.seq >> 8 * i);
	memcpy(ad + 8, header, 3);
	ad[11] = (unsigned char)(n >> 8);
	ad[12] = (unsigned char)n;
	return strv_make((const char *)ad, 13);
}

void forge_put(struct forge *f, unsigned char outer, unsigned char type,
	       struct strv content, size_t pad, struct buf *to)
{
	size_t explicit = has_explicit(f) ? 8 : 0;
	size_t n = content.n + (f->v13 ? 1 + pad : 0),
	       n_body = explicit + n + TLS_TAG_LEN;
	unsigned char header[] = { outer, 3, 3, (unsigned char)(n_body >> 8),
				   (unsigned char)n_body },
		      ad[13], nonce[TLS_NONCE_LEN], *text;
	char *p = buf_reserve(to, sizeof(header) + n_body);

	ASSERT(p != NULL);
	nonce_of(f, nonce);
	memcpy(p, header, sizeof(header));
	if (explicit)
		memcpy(p + sizeof(header), nonce + 4, 8);
	text = (unsigned char *)p + sizeof(header) + explicit;
	memset(text, 0, n);
	memcpy(text, content.p, content.n);
	if (f->v13)
		text[content.n] = type;
	tls_aead_seal(f->aead, f->side.key, nonce, ad_of(f, header, n, ad),
		      strv_make((char *)text, n), STRV(""), text);
	f->side.seq++;
	to->n += sizeof(header) + n_body;
}

int forge_open(struct forge *f, struct strv *wire, struct buf *to)
{
	const unsigned char *p = (const unsigned char *)wire->p;
	size_t explicit = has_explicit(f) ? 8 : 0, n, whole;
	unsigned char nonce[TLS_NONCE_LEN], ad[13], *text;
	int type;

	if (wire->n < 5 + explicit + TLS_TAG_LEN)
		return -1;
	whole = 5 + ((size_t)p[3] << 8 | p[4]);
	n = whole - 5 - explicit - TLS_TAG_LEN;
	text = (unsigned char *)buf_reserve(to, n + 1);
	ASSERT(wire->n >= whole && text != NULL);
	nonce_of(f, nonce);
	if (explicit)
		memcpy(nonce + 4, p + 5, 8);
	if (!tls_aead_open(f->aead, f->side.key, nonce, ad_of(f, p, n, ad),
			   p + 5 + explicit, n, text))
		return -1;
	f->side.seq++;
	*wire = strv_from_pos(*wire, whole);
	type = p[0];
	if (f->v13)
		type = text[--n];
	to->n += n;
	return type;
}
