/* The names in certificates. */
#include "ca.h"

#include "io/cert.h"

#include <openssl/pem.h>

/* Of a certificate with these extensions and common names. */
static int read_names(const char *san, const char *const *common_names, struct arena *a,
		      struct cert_names *ret)
{
	const char *const ext[] = { "subjectAltName", san, NULL };
	struct made m =
		ca_make(&(struct spec){ .name = *common_names, .ext = san ? ext : NULL });
	int r;

	for (size_t i = 1; *common_names && common_names[i]; i++)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(m.x), "CN",
					   MBSTRING_UTF8,
					   (const unsigned char *)common_names[i], -1, -1,
					   0);
	memset(ret, 0xff, sizeof(*ret));
	r = cert_names_read(m.x, a, ret);
	made_free(&m);
	return r;
}

#define ADDR "otherName:id-on-xmppAddr;UTF8:"

TEST(cert_has_addresses_and_a_common_name)
{
	static const char *const romeo[] = { "Romeo", NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct cert_names n;

	CHECK_INT(read_names(ADDR "romeo@example.net", romeo, a, &n), 0);
	CHECK_INT(n.n_addresses, 1);
	CHECK_STR(n.address[0], "romeo@example.net");
	CHECK_STR(n.common_name, "Romeo");
	CHECK_INT(read_names("DNS:example.net,email:romeo@example.org," ADDR
			     "romeo@example.net,otherName:1.2.3.4;UTF8:other," ADDR
			     "montague@example.net",
			     romeo, a, &n),
		  0);
	CHECK_INT(n.n_addresses, 2);
	CHECK_STR(n.address[0], "romeo@example.net");
	CHECK_STR(n.address[1], "montague@example.net");
}

TEST(cert_may_have_none_of_them)
{
	static const char *const none[] = { NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct cert_names n;

	CHECK_INT(read_names(NULL, none, a, &n), 0);
	CHECK(n.n_addresses == 0 && n.common_name.p == NULL);
	CHECK_INT(read_names("DNS:example.net", none, a, &n), 0);
	CHECK(n.n_addresses == 0 && n.common_name.p == NULL);
}

TEST(cert_with_several_common_names_has_none)
{
	static const char *const two[] = { "Users", "Romeo", NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct cert_names n;

	CHECK_INT(read_names(ADDR "romeo@example.net", two, a, &n), 0);
	CHECK_INT(n.n_addresses, 1);
	CHECK(n.common_name.p == NULL);
}

TEST(cert_common_name_comes_as_utf8)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct made m = ca_make(&(struct spec){ 0 });
	X509_NAME *subject = X509_get_subject_name(m.x);
	struct cert_names n;

	X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_BMPSTRING,
				   (const unsigned char *)"\0R\0o\0m\0\xe9\0o", 10, -1,
				   0);
	CHECK_INT(cert_names_read(m.x, a, &n), 0);
	CHECK_STR(n.common_name, "Rom\xc3\xa9o");
	made_free(&m);
}

/* --- what must not be taken for something else --- */

TEST(cert_with_an_address_that_is_none_is_refused)
{
	static const char *const bad[] = {
		"otherName:id-on-xmppAddr;IA5:romeo@example.net",
		"otherName:id-on-xmppAddr;INT:5",
		ADDR "romeo@example.net,otherName:id-on-xmppAddr;IA5:juliet@example.net",
	};
	static const char *const romeo[] = { "Romeo", NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cert_names n;
		struct strv untouched = { (void *)-1, (size_t)-1 };
		CHECK_INT(read_names(bad[i], romeo, a, &n), -EINVAL);
		CHECK(n.common_name.p == untouched.p);
	}
}

/* An address of these bytes, whatever they are. */
static int read_address(struct arena *a, const void *p, size_t len)
{
	struct made m = ca_make(&(struct spec){ .name = "Romeo" });
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *s = ASN1_STRING_type_new(V_ASN1_UTF8STRING);
	struct cert_names n;
	int r;

	CHECK_INT(ASN1_STRING_set(s, p, (int)len), 1);
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, s);
	CHECK_INT(GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_XmppAddr), value), 1);
	sk_GENERAL_NAME_push(all, name);
	CHECK_INT(X509_add1_ext_i2d(m.x, NID_subject_alt_name, all, 0, 0), 1);
	GENERAL_NAMES_free(all);
	r = cert_names_read(m.x, a, &n);
	made_free(&m);
	return r;
}

TEST(cert_address_has_its_limits)
{
	AUTO(arena_free) struct arena *a = arena_new(8192);
	char text[CERT_MAX_NAME + 1];

	memset(text, 'a', sizeof(text));
	CHECK_INT(read_address(a, "romeo@example.net", 17), 0);
	CHECK_INT(read_address(a, "romeo@example.net\0@evil.example", 31), -EINVAL);
	CHECK_INT(read_address(a, "\xff\xfe", 2), -EINVAL);
	CHECK_INT(read_address(a, "", 0), -EINVAL);
	CHECK_INT(read_address(a, text, CERT_MAX_NAME), 0);
	CHECK_INT(read_address(a, text, CERT_MAX_NAME + 1), -EINVAL);
}

TEST(cert_has_so_many_addresses_at_most)
{
	static const char *const romeo[] = { "Romeo", NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf san = BUF_INIT(8192);
	struct cert_names n;

	for (int i = 0; i < CERT_MAX_ADDRESSES; i++)
		buf_putf(&san, "%s" ADDR "r%d@example.net", i ? "," : "", i);
	CHECK_INT(read_names(buf_cstr(&san), romeo, a, &n), 0);
	CHECK_INT(n.n_addresses, CERT_MAX_ADDRESSES);
	buf_putf(&san, "," ADDR "one@example.net");
	CHECK_INT(read_names(buf_cstr(&san), romeo, a, &n), -E2BIG);
}

/* --- of a connection --- */

TEST(cert_names_are_those_of_a_client_that_passes)
{
	const char *const ext[] = { "subjectAltName", ADDR "romeo@example.net", NULL };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct made root = ca_authority("Root", NULL),
		    client = ca_make(&(struct spec){
			    .name = "Romeo", .issuer = &root, .ext = ext });
	const struct made *one = &root;
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER,
				 .cacertfile = ca_write("names-root.pem", &one, 1) };
	struct cert_names n;
	struct pair t;

	ca_shake_hands(&t, &conf, &client, NULL, TLS1_3_VERSION);
	CHECK_INT(tls_peer_names(conn_tls(t.s.conn), a, &n), 0);
	CHECK_STR(n.address[0], "romeo@example.net");
	pair_close(&t);
	ca_shake_hands(&t, &conf, NULL, NULL, TLS1_3_VERSION);
	CHECK_INT(tls_peer_names(conn_tls(t.s.conn), a, &n), -ENOENT);
	pair_close(&t);
	conf.cacertfile = NULL; /* another authority's */
	ca_shake_hands(&t, &conf, &client, NULL, TLS1_3_VERSION);
	CHECK_INT(tls_peer_names(conn_tls(t.s.conn), a, &n), -ENOENT);
	pair_close(&t);
	made_free(&root);
	made_free(&client);
}

/* As PEM, under this name. */
static void add_pem(struct buf *b, const char *name, const unsigned char *der, long n)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	CHECK(PEM_write_bio(bio, name, "", der, n) > 0);
	len = BIO_get_mem_data(bio, &text);
	buf_put(b, strv_make(text, (size_t)len));
	BIO_free(bio);
}

TEST(cert_is_one_of_those_in_a_text)
{
	AUTO(buf_free) struct buf pem = BUF_INIT(1 << 16);
	static const unsigned char one[] = "first", two[] = "second";

	CHECK(!cert_pem_has(STRV(""), STRV("first")));
	CHECK(!cert_pem_has(STRV_NULL, STRV("first")));
	CHECK(!cert_pem_has(STRV("first"), STRV("first")));
	buf_put(&pem, STRV("words before\n"));
	add_pem(&pem, "CERTIFICATE", one, 5);
	add_pem(&pem, "PRIVATE KEY", two, 6);
	CHECK(cert_pem_has(buf_strv(&pem), STRV("first")));
	CHECK(!cert_pem_has(buf_strv(&pem), STRV("second"))); /* is a key */
	add_pem(&pem, "CERTIFICATE", two, 6);
	CHECK(cert_pem_has(buf_strv(&pem), STRV("second")));
	CHECK(!cert_pem_has(buf_strv(&pem), STRV("secon")));
	CHECK(!cert_pem_has(buf_strv(&pem), STRV("second ")));
	CHECK(!cert_pem_has(buf_strv(&pem), STRV("third")));
	CHECK(!cert_pem_has(buf_strv(&pem), STRV("")));
}
