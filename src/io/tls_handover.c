/* From the SSL object to the record layer: which connections can go over, and with which keys. */
#include "io/tls_record.h"
#include "io/tls_ssl.h"

static bool find_aead(const SSL_CIPHER *cipher, enum tls_aead *ret)
{
	static const int nids[TLS_AEAD_MAX] = {
		[TLS_AES_128_GCM] = NID_aes_128_gcm,
		[TLS_AES_256_GCM] = NID_aes_256_gcm,
		[TLS_CHACHA20_POLY1305] = NID_chacha20_poly1305,
	};

	for (size_t i = 0; i < ARRAY_LEN(nids); i++) {
		*ret = (enum tls_aead)i;
		if (SSL_CIPHER_get_cipher_nid(cipher) == nids[i])
			return tls_aead_is_there(*ret);
	}
	return false;
}

static bool find_hash(const SSL_CIPHER *cipher, enum digest_alg *ret)
{
	int nid = EVP_MD_get_type(SSL_CIPHER_get_handshake_digest(cipher));

	*ret = nid == NID_sha384 ? DIGEST_SHA384 : DIGEST_SHA256;
	return nid == NID_sha384 || nid == NID_sha256;
}

/* --- TLS 1.3 --- */

static bool take_secrets(const struct tls_ssl *t, struct tls_start *s)
{
	size_t n = digest_len(s->hash);

	if (t->secrets.n[0] != n || t->secrets.n[1] != n)
		return false;
	memcpy(s->in.secret, t->secrets.secret[0], n);
	memcpy(s->out.secret, t->secrets.secret[1], n);
	s->out.seq = t->n_written;
	return true;
}

/* --- TLS 1.2 --- */

/* The explicit nonce of our Finished, from which ours go on: the last record of the flight, and the
 * only one with these keys. */
static bool find_nonce(const struct tls_ssl *t, struct strv flight, unsigned char *to)
{
	const unsigned char *last = NULL;

	while (flight.n >= TLS_RECORD_HEADER) {
		const unsigned char *p = (const unsigned char *)flight.p;
		size_t n = TLS_RECORD_HEADER + ((size_t)p[3] << 8 | p[4]);

		if (n > flight.n)
			return false;
		last = n >= TLS_RECORD_HEADER + 8 && p[0] == SSL3_RT_HANDSHAKE ? p : NULL;
		flight = strv_from_pos(flight, n);
	}
	if (flight.n || last == NULL || t->n_written != 1)
		return false;
	memcpy(to, last + TLS_RECORD_HEADER, 8);
	return true;
}

/* RFC 5246 6.3: both keys, then both IVs. */
static bool make_keys(const struct tls_ssl *t, struct strv flight, struct tls_start *s)
{
	unsigned char master[TLS_MASTER_LEN], client[TLS_RANDOM_LEN],
		server[TLS_RANDOM_LEN];
	unsigned char block[2 * (TLS_KEY_MAX + TLS_NONCE_LEN)];
	size_t n_key = tls_aead_key_len(s->aead);
	size_t n_iv = s->aead == TLS_CHACHA20_POLY1305 ? TLS_NONCE_LEN : 4;

	if (n_iv == 4 && !find_nonce(t, flight, s->out.iv + 4))
		return false;
	if (SSL_SESSION_get_master_key(SSL_get_session(t->ssl), master, sizeof(master)) !=
	    sizeof(master))
		return false; /* it is always so long, in TLS 1.2 */
	SSL_get_client_random(t->ssl, client, sizeof(client));
	SSL_get_server_random(t->ssl, server, sizeof(server));
	tls_key_block(s->hash, master, client, server, block, 2 * (n_key + n_iv));
	memcpy(s->in.key, block, n_key);
	memcpy(s->out.key, block + n_key, n_key);
	memcpy(s->in.iv, block + 2 * n_key, n_iv);
	memcpy(s->out.iv, block + 2 * n_key + n_iv, n_iv);
	s->in.seq = t->n_read;
	s->out.seq = t->n_written;
	mem_wipe(master, sizeof(master));
	mem_wipe(block, sizeof(block));
	return true;
}

/* --- both --- */

/* What the record layer does not know: CBC and CCM, versions before 1.2, smaller records (RFC 6066
 * 4), whatever has come in one record with Finished, and Finished in more than one. */
static bool prepare(const struct tls_ssl *t, struct strv flight, struct tls_start *s)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	int version = SSL_version(t->ssl);

	s->v13 = version == TLS1_3_VERSION;
	if ((!s->v13 && version != TLS1_2_VERSION) || !find_aead(cipher, &s->aead) ||
	    !find_hash(cipher, &s->hash) || t->n_read != (s->v13 ? 0 : 1) ||
	    SSL_has_pending(t->ssl) ||
	    SSL_SESSION_get_max_fragment_length(SSL_get_session(t->ssl)))
		return false;
	return s->v13 ? take_secrets(t, s) : make_keys(t, flight, s);
}

struct tls_record *tls_handover(const struct tls_ssl *t, struct strv flight)
{
	struct tls_start start = { 0 };
	struct tls_record *r = NULL;

	if (t->ctx->own_records && prepare(t, flight, &start))
		r = tls_record_new(&start);
	mem_wipe(&start, sizeof(start));
	return r;
}
