#include "../test.h"
#include "io/tls_rows.h"

TEST(tls_rows_find_what_they_name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TLS_CIPHER_ROWS && tls_cipher_row_name(i); i++, n++)
		CHECK_INT(tls_cipher_row(tls_cipher_row_name(i)), i);
	CHECK(n > 10);
	for (unsigned i = n; i < TLS_CIPHER_ROWS; i++)
		CHECK(tls_cipher_row_name(i) == NULL);
	for (unsigned i = 0; i < TLS_VERSION_ROWS; i++)
		CHECK_INT(tls_version_row(tls_version_row_name(i)), i);
}

TEST(tls_rows_know_the_usual)
{
	CHECK(tls_cipher_row("TLS_AES_128_GCM_SHA256") > 0);
	CHECK(tls_cipher_row("TLS_CHACHA20_POLY1305_SHA256") > 0);
	CHECK(tls_cipher_row("ECDHE-ECDSA-AES256-GCM-SHA384") > 0);
	CHECK(tls_cipher_row("DHE-RSA-AES128-SHA") > 0);
	CHECK_INT(tls_cipher_row("TLS_OF_NEXT_YEAR"), 0);
	CHECK_INT(tls_version_row("TLSv1.4"), 0);
	CHECK_STR(strv_from(tls_version_row_name(0)), "other");
	CHECK_STR(strv_from(tls_cipher_row_name(0)), "other");
}
