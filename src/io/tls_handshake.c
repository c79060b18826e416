/* The server's flight, and all keys: they are known when it is written, those behind the client's
 * Finished, too, since what that must say is. tls_handshake_finish.c waits for it. */
#include "io/tls_handshake_priv.h"
#include "base/rand.h"
#include "io/tls_hello.h"

enum {
	SERVER_HELLO = 2,
	ENCRYPTED_EXTENSIONS = 8,
	CERTIFICATE_VERIFY = 15,
	FINISHED = 20
};
enum { HANDSHAKE = 22, CHANGE_CIPHER_SPEC = 20, ALERT = 21, DATA = 23 }; /* records */

const struct tls_suite tls_own_suites[TLS_OWN_SUITES] = {
	{ 0x1301, TLS_AES_128_GCM, DIGEST_SHA256, "TLS_AES_128_GCM_SHA256" },
	{ 0x1302, TLS_AES_256_GCM, DIGEST_SHA384, "TLS_AES_256_GCM_SHA384" },
	{ 0x1303, TLS_CHACHA20_POLY1305, DIGEST_SHA256, "TLS_CHACHA20_POLY1305_SHA256" },
};

bool tls_handshake_may_resume(const struct tls_ctx *ctx)
{
	return ctx->tickets && ctx->own_records && ctx->keylog_fd < 0 &&
	       (ctx->trust.verify == TLS_VERIFY_NONE || !ctx->trust.must_verify);
}

bool tls_handshake_may(const struct tls_ctx *ctx)
{
	return (ctx->shown && ctx->keylog_fd < 0) || tls_handshake_may_resume(ctx);
}

int tls_handshake_measure(struct strv in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t n;

	if (in.n && p[0] != HANDSHAKE)
		return -EPROTO;
	if (in.n < TLS_RECORD_HEADER)
		return 0;
	n = (size_t)p[3] << 8 | p[4];
	if (p[1] != 3 || n == 0 || n > TLS_HELLO_MAX)
		return -EPROTO;
	n += TLS_RECORD_HEADER;
	return in.n < n ? 0 : (int)n;
}

/* --- what the client comes with --- */

/* All that the flight is made of. */
struct flight {
	struct tls_hello hello;
	const struct tls_shown *shown; /* NULL: a ticket says it all */
	struct tls_ticket ticket;
	const struct tls_suite *suite;
	size_t identity;	 /* of the ticket */
	struct digest_key early; /* the early secret */
	unsigned char shared[X25519_LEN], share[X25519_LEN];
	/* The messages, one behind the other; the hash of those that are hashed. */
	unsigned char all[TLS_HELLO_MAX + TLS_CERTIFICATE_MAX + TLS_SIGNATURE_MAX + 512];
	size_t n, n_hashed;
	struct digest_so_far hash;
};

static bool has_number(struct strv list, unsigned wanted)
{
	const unsigned char *p = (const unsigned char *)list.p;
	bool has = false;

	for (size_t i = 0; i + 1 < list.n; i += 2)
		has |= ((unsigned)p[i] << 8 | p[i + 1]) == wanted;
	return has;
}

/* The suite of the ticket, if the client still has it. */
static const struct tls_suite *find_suite(const struct flight *f)
{
	if (!has_number(f->hello.suites, f->ticket.suite))
		return NULL;
	for (size_t i = 0; i < TLS_OWN_SUITES; i++)
		if (tls_own_suites[i].number == f->ticket.suite &&
		    digest_len(tls_own_suites[i].hash) == f->ticket.n)
			return &tls_own_suites[i];
	return NULL;
}

static bool find_ticket(struct tls_ctx *ctx, struct flight *f)
{
	if (!tls_handshake_may_resume(ctx) || !f->hello.dhe)
		return false;
	for (size_t i = 0; i < f->hello.n_identities; i++) {
		f->identity = i;
		if (!tls_ticket_open(ctx->tickets, f->hello.identities[i], &f->ticket))
			continue;
		f->suite = find_suite(f);
		if (f->suite)
			return true;
	}
	return false;
}

/* RFC 8446 4.2.3, 4.1.1. */
static bool find_certificate(const struct tls_ctx *ctx, struct flight *f)
{
	const struct tls_shown *s = ctx->keylog_fd < 0 ? ctx->shown : NULL;

	if (s == NULL || !has_number(f->hello.schemes, s->scheme) ||
	    (f->hello.below.p && !has_number(f->hello.below, s->below)))
		return false;
	for (size_t i = 0; i < s->n_suites && f->suite == NULL; i++)
		if (has_number(f->hello.suites, s->suites[i]->number))
			f->suite = s->suites[i];
	f->shown = s;
	return f->suite != NULL;
}

/* OpenSSL 3.5 and later would rather have a hybrid group than X25519 alone. */
static bool prefers_hybrid(const struct tls_hello *h)
{
	return h->hybrid && OpenSSL_version_num() >= 0x30500000L;
}

static bool is_ours(struct tls_ctx *ctx, struct flight *f)
{
	return !prefers_hybrid(&f->hello) && f->hello.v13 && f->hello.x25519 &&
	       f->hello.share.p && (find_ticket(ctx, f) || find_certificate(ctx, f));
}

/* --- secrets that others are made of (RFC 8446 7.1) --- */

static void next_secret(const struct flight *f, const struct digest_key *secret,
			struct strv with, struct digest_key *ret)
{
	unsigned char made[DIGEST_MAX_LEN];

	tls_next_secret(f->suite->hash, secret, with, made);
	tls_secret_key(ret, f->suite->hash, made);
	mem_wipe(made, sizeof(made));
}

static void derive_key(const struct flight *f, const struct digest_key *secret,
		       const char *label, const unsigned char *messages,
		       struct digest_key *ret)
{
	unsigned char made[DIGEST_MAX_LEN];

	tls_derive_secret(secret, strv_from(label), messages, made);
	tls_secret_key(ret, f->suite->hash, made);
	mem_wipe(made, sizeof(made));
}

/* RFC 8446 4.2.11.2. */
static bool check_binder(struct flight *f)
{
	enum digest_alg hash = f->suite->hash;
	size_t n = digest_len(hash);
	unsigned char nothing[DIGEST_MAX_LEN], so_far[DIGEST_MAX_LEN],
		wanted[DIGEST_MAX_LEN];
	struct strv binder = f->hello.binders[f->identity];
	struct digest_key key;
	bool ok;

	next_secret(f, NULL, strv_make((char *)f->ticket.psk, n), &f->early);
	digest(hash, STRV(""), nothing);
	derive_key(f, &f->early, "res binder", nothing, &key);
	digest(hash, strv_make(f->hello.message.p, f->hello.n_bound), so_far);
	tls_verify_data(&key, so_far, wanted);
	mem_wipe(&key, sizeof(key));
	ok = binder.n == n && mem_equal_ct(binder.p, wanted, n);
	mem_wipe(wanted, sizeof(wanted));
	return ok;
}

/* --- messages --- */

static void put(struct flight *f, const void *p, size_t n)
{
	ASSERT(n <= sizeof(f->all) - f->n);
	if (n)
		memcpy(f->all + f->n, p, n);
	f->n += n;
}

static void put_number(struct flight *f, size_t v, size_t n_bytes)
{
	while (n_bytes--) {
		unsigned char byte = (unsigned char)(v >> 8 * n_bytes);
		put(f, &byte, 1);
	}
}

/* From `start` on, where so many bytes were left for it. */
static void set_length(struct flight *f, size_t start, size_t n_bytes)
{
	size_t end = f->n, n = end - start - n_bytes;

	f->n = start;
	put_number(f, n, n_bytes);
	f->n = end;
}

static size_t begin_message(struct flight *f, unsigned char type)
{
	put_number(f, type, 1);
	put_number(f, 0, 3);
	return f->n - 3;
}

/* RFC 8446 4.1.3. */
static void put_server_hello(struct flight *f)
{
	size_t start = begin_message(f, SERVER_HELLO), extensions;
	unsigned char random[TLS_RANDOM_LEN];

	rand_bytes(random, sizeof(random));
	put_number(f, 0x0303, 2);
	put(f, random, sizeof(random));
	put_number(f, f->hello.session_id.n, 1);
	put(f, f->hello.session_id.p, f->hello.session_id.n);
	put_number(f, f->suite->number, 2);
	put_number(f, 0, 1); /* no compression */
	extensions = f->n;
	put_number(f, 0, 2);
	put_number(f, 43, 2); /* supported_versions */
	put_number(f, 2, 2);
	put_number(f, 0x0304, 2);
	put_number(f, 51, 2); /* key_share */
	put_number(f, 2 + 2 + X25519_LEN, 2);
	put_number(f, 29, 2);
	put_number(f, X25519_LEN, 2);
	put(f, f->share, X25519_LEN);
	if (!f->shown) {
		put_number(f, 41, 2); /* pre_shared_key */
		put_number(f, 2, 2);
		put_number(f, f->identity, 2);
	}
	set_length(f, extensions, 2);
	set_length(f, start, 3);
}

/* RFC 8446 4.3.1, RFC 7301 3.1. */
static void put_encrypted_extensions(struct flight *f)
{
	static const char protocol[] = "xmpp-client";
	size_t start = begin_message(f, ENCRYPTED_EXTENSIONS), extensions = f->n;
	size_t n = f->hello.xmpp ? sizeof(protocol) - 1 : 0;

	put_number(f, 0, 2);
	if (n) {
		put_number(f, 16, 2); /* application_layer_protocol_negotiation */
		put_number(f, 2 + 1 + n, 2);
		put_number(f, 1 + n, 2);
		put_number(f, n, 1);
		put(f, protocol, n);
	}
	set_length(f, extensions, 2);
	set_length(f, start, 3);
}

/* Of all messages up to here. */
static void so_far(struct flight *f, unsigned char *to)
{
	digest_add(&f->hash,
		   strv_make((const char *)f->all + f->n_hashed, f->n - f->n_hashed));
	f->n_hashed = f->n;
	digest_peek(&f->hash, to);
}

/* RFC 8446 4.4.2, 4.4.3. False: there is no signature. */
static bool put_certificate(struct flight *f)
{
	unsigned char hash[DIGEST_MAX_LEN], signature[TLS_SIGNATURE_MAX];
	size_t start, n;

	put(f, f->shown->message, f->shown->n);
	so_far(f, hash);
	n = tls_shown_sign(f->shown, strv_make((char *)hash, digest_len(f->suite->hash)),
			   signature);
	start = begin_message(f, CERTIFICATE_VERIFY);
	put_number(f, f->shown->scheme, 2);
	put_number(f, n, 2);
	put(f, signature, n);
	set_length(f, start, 3);
	return n > 0;
}

/* RFC 8446 4.4.4: it speaks of all messages before it. Returns how long it is. */
static size_t make_finished(const struct flight *f, const struct digest_key *base_key,
			    const unsigned char *messages, unsigned char *to)
{
	size_t n = digest_len(f->suite->hash);

	to[0] = FINISHED;
	to[1] = to[2] = 0;
	to[3] = (unsigned char)n;
	tls_verify_data(base_key, messages, to + 4);
	return 4 + n;
}

/* --- on the wire --- */

static int put_clear(struct buf *wire, unsigned char type, const void *p, size_t n)
{
	unsigned char header[] = { type, 3, 3, (unsigned char)(n >> 8),
				   (unsigned char)n };

	return buf_add_all(wire, strv_make((char *)header, sizeof(header)),
			   strv_make(p, n));
}

/* The messages from `from` on, in one record. */
static int put_sealed(const struct flight *f, size_t from, struct buf *wire,
		      const struct digest_key *secret)
{
	enum tls_aead aead = f->suite->aead;
	unsigned char key[TLS_KEY_MAX], iv[TLS_NONCE_LEN], type = HANDSHAKE;
	size_t n = f->n - from, n_body = n + 1 + TLS_TAG_LEN;
	unsigned char *to =
		(unsigned char *)buf_reserve(wire, TLS_RECORD_HEADER + n_body);

	if (to == NULL)
		return -EMSGSIZE;
	memcpy(to, (unsigned char[]){ DATA, 3, 3 }, 3);
	to[3] = (unsigned char)(n_body >> 8);
	to[4] = (unsigned char)n_body;
	tls_make_keys(secret, aead, key, iv); /* iv is the first nonce, too */
	tls_aead_seal(aead, key, iv, strv_make((char *)to, TLS_RECORD_HEADER),
		      strv_make((const char *)f->all + from, n),
		      strv_make((char *)&type, 1), to + TLS_RECORD_HEADER);
	tls_aead_forget(aead, key);
	mem_wipe(key, sizeof(key));
	mem_wipe(iv, sizeof(iv));
	wire->n += TLS_RECORD_HEADER + n_body;
	return 0;
}

/* --- what comes of the key schedule (RFC 8446 7.1) --- */

struct secrets {
	struct digest_key handshake, master, client, server;
	unsigned char exporter[DIGEST_MAX_LEN], resumption[DIGEST_MAX_LEN];
	struct tls_start start;
};

/* RFC 8446 4.2.9: only for who could come back with it. */
static void make_next_ticket(const struct flight *f, const struct secrets *s,
			     struct tls_handshake *r)
{
	r->has_ticket = tls_handshake_may_resume(r->ctx) && f->hello.dhe;
	if (!r->has_ticket)
		return;
	if (f->shown)
		r->ticket = (struct tls_ticket){ .suite = f->suite->number,
						 .begun = tls_ticket_now() };
	else
		r->ticket = f->ticket;
	tls_ticket_make_psk(&r->ticket, f->suite->hash, s->resumption);
}

/* With the whole flight: what comes behind the handshake. The client's Finished is known, and so is
 * what is made of it. */
static void make_last_keys(struct flight *f, struct secrets *s, struct tls_handshake *r)
{
	enum digest_alg hash = f->suite->hash;
	unsigned char messages[DIGEST_MAX_LEN];

	so_far(f, messages);
	next_secret(f, &s->handshake, STRV_NULL, &s->master);
	s->start =
		(struct tls_start){ .v13 = true, .aead = f->suite->aead, .hash = hash };
	tls_derive_secret(&s->master, STRV("c ap traffic"), messages, s->start.in.secret);
	tls_derive_secret(&s->master, STRV("s ap traffic"), messages,
			  s->start.out.secret);
	tls_derive_secret(&s->master, STRV("exp master"), messages, s->exporter);
	r->n_finished = (uint8_t)make_finished(f, &s->client, messages, r->finished);
	put(f, r->finished, r->n_finished);
	so_far(f, messages);
	tls_derive_secret(&s->master, STRV("res master"), messages, s->resumption);
	make_next_ticket(f, s, r);
	r->record = tls_record_new(&s->start);
	r->login = tls_login_own(hash, s->exporter, f->hello.sni,
				 f->shown ? &r->ctx->certs[0] : NULL);
	tls_make_keys(&s->client, f->suite->aead, r->key, r->iv);
}

static int send(struct flight *f, struct secrets *s, struct buf *wire)
{
	size_t start = f->n, sealed;
	unsigned char messages[DIGEST_MAX_LEN], finished[4 + DIGEST_MAX_LEN];
	int e;

	put_server_hello(f);
	sealed = f->n;
	next_secret(f, &f->early, strv_make((char *)f->shared, sizeof(f->shared)),
		    &s->handshake);
	so_far(f, messages);
	derive_key(f, &s->handshake, "c hs traffic", messages, &s->client);
	derive_key(f, &s->handshake, "s hs traffic", messages, &s->server);
	put_encrypted_extensions(f);
	if (f->shown && !put_certificate(f))
		return -EINVAL;
	so_far(f, messages);
	put(f, finished, make_finished(f, &s->server, messages, finished));
	e = put_clear(wire, HANDSHAKE, f->all + start, sealed - start);
	if (e == 0 && f->hello.session_id.n) /* RFC 8446 D.4 */
		e = put_clear(wire, CHANGE_CIPHER_SPEC, "\1", 1);
	return e ? e : put_sealed(f, sealed, wire, &s->server);
}

static int fail(struct tls_handshake *r, unsigned char alert, const char *why,
		struct buf *wire)
{
	unsigned char text[] = { SSL3_AL_FATAL, alert };
	int e = put_clear(wire, ALERT, text, sizeof(text));

	(void)e; /* who has no room for it goes without */
	r->error = why;
	return -EPROTO;
}

/* The early secret: of the ticket, whose key the client has (RFC 8446 7.1), or of nothing. */
static bool begin_secrets(struct flight *f)
{
	digest_begin(&f->hash, f->suite->hash);
	if (!f->shown)
		return check_binder(f);
	next_secret(f, NULL, STRV_NULL, &f->early);
	return true;
}

static int answer(struct flight *f, struct tls_handshake *r, struct buf *wire)
{
	struct secrets s;
	int e;

	if (!begin_secrets(f))
		return fail(r, SSL_AD_DECRYPT_ERROR, "a ticket without its key", wire);
	if (!x25519_exchange((const unsigned char *)f->hello.share.p, f->share,
			     f->shared))
		return fail(r, SSL_AD_ILLEGAL_PARAMETER, "a key share that is none",
			    wire);
	put(f, f->hello.message.p, f->hello.message.n);
	e = send(f, &s, wire);
	if (e == 0)
		make_last_keys(f, &s, r);
	mem_wipe(&s, sizeof(s));
	if (e == -EMSGSIZE)
		r->error = "the output is full";
	return e < 0 ? e : 1;
}

int tls_handshake_begin(struct tls_ctx *ctx, struct strv record, struct buf *wire,
			struct tls_handshake **ret)
{
	struct flight f;
	int r = 0;

	f.n = f.n_hashed = 0;
	f.suite = NULL;
	f.shown = NULL;
	if (tls_hello_read(strv_from_pos(record, TLS_RECORD_HEADER), &f.hello) &&
	    is_ours(ctx, &f)) {
		*ret = MEM_NEW(struct tls_handshake);
		(*ret)->error = "";
		(*ret)->suite = f.suite;
		(*ret)->resumed = f.shown == NULL;
		(*ret)->ctx = tls_ctx_ref(ctx);
		(*ret)->cut = BUF_INIT(TLS_RECORD_HEADER + TLS_RECORD_MAX_V13);
		r = answer(&f, *ret, wire);
		(*ret)->ended = r < 0 ? r : 0;
		if (r == -EINVAL) /* no signature, and nothing has been sent */
			tls_handshake_free(ret);
		r = r == -EINVAL ? 0 : r;
	}
	mem_wipe(&f.ticket, sizeof(f.ticket));
	mem_wipe(&f.early, sizeof(f.early));
	mem_wipe(f.shared, sizeof(f.shared));
	return r;
}

/* --- the end --- */

void tls_handshake_leave(const struct tls_handshake *r)
{
	tls_aead_forget(r->suite->aead, r->key);
	if (r->record)
		tls_record_leave(r->record);
}

void tls_handshake_free(struct tls_handshake **pr)
{
	struct tls_handshake *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	tls_handshake_leave(r);
	if (r->record)
		tls_record_free(&r->record);
	tls_login_free(&r->login);
	buf_free(&r->cut);
	tls_ctx_unref(&r->ctx);
	mem_wipe(r, sizeof(*r));
	mem_free(r);
}

struct tls_handshake_result tls_handshake_take(struct tls_handshake *r)
{
	struct tls_handshake_result ret = { r->record, r->login, r->suite->name,
					    r->resumed };

	r->record = NULL;
	r->login = NULL;
	return ret;
}

const char *tls_handshake_error(const struct tls_handshake *r)
{
	return r->record && r->error[0] == '\0' ? tls_record_error(r->record) : r->error;
}
