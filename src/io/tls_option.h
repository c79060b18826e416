/* OpenSSL's options, those of them that a server over TCP can have here: renegotiation, compression
 * and 0-RTT stay off whatever is asked for. One row each: SSL_OP_ID, and its name in lower case. */
#pragma once

#define TLS_OPTIONS(X)                                                          \
	X(NO_SSLv2, "no_sslv2")                                                 \
	X(NO_SSLv3, "no_sslv3")                                                 \
	X(NO_TLSv1, "no_tlsv1")                                                 \
	X(NO_TLSv1_1, "no_tlsv1_1")                                             \
	X(NO_TLSv1_2, "no_tlsv1_2")                                             \
	X(NO_TLSv1_3, "no_tlsv1_3")                                             \
	X(CIPHER_SERVER_PREFERENCE, "cipher_server_preference")                 \
	X(PRIORITIZE_CHACHA, "prioritize_chacha")                               \
	X(NO_COMPRESSION, "no_compression")                                     \
	X(NO_RENEGOTIATION, "no_renegotiation")                                 \
	X(NO_SESSION_RESUMPTION_ON_RENEGOTIATION,                               \
	  "no_session_resumption_on_renegotiation")                             \
	X(NO_TICKET, "no_ticket")                                               \
	X(NO_EXTENDED_MASTER_SECRET, "no_extended_master_secret")               \
	X(NO_ENCRYPT_THEN_MAC, "no_encrypt_then_mac")                           \
	X(ENABLE_MIDDLEBOX_COMPAT, "enable_middlebox_compat")                   \
	X(ALLOW_NO_DHE_KEX, "allow_no_dhe_kex")                                 \
	X(CLEANSE_PLAINTEXT, "cleanse_plaintext")                               \
	X(DISABLE_TLSEXT_CA_NAMES, "disable_tlsext_ca_names")                   \
	X(IGNORE_UNEXPECTED_EOF, "ignore_unexpected_eof")                       \
	X(TLSEXT_PADDING, "tlsext_padding")                                     \
	X(DONT_INSERT_EMPTY_FRAGMENTS, "dont_insert_empty_fragments")           \
	X(SAFARI_ECDHE_ECDSA_BUG, "safari_ecdhe_ecdsa_bug")                     \
	X(CRYPTOPRO_TLSEXT_BUG, "cryptopro_tlsext_bug")                         \
	X(TLS_ROLLBACK_BUG, "tls_rollback_bug")                                 \
	X(LEGACY_SERVER_CONNECT, "legacy_server_connect")                       \
	X(CISCO_ANYCONNECT, "cisco_anyconnect")                                 \
	X(ALL, "all")                                                           \
	/* Accepted by OpenSSL, and without a meaning since its version 1.1. */ \
	X(SINGLE_DH_USE, "single_dh_use")                                       \
	X(SINGLE_ECDH_USE, "single_ecdh_use")                                   \
	X(EPHEMERAL_RSA, "ephemeral_rsa")                                       \
	X(MICROSOFT_SESS_ID_BUG, "microsoft_sess_id_bug")                       \
	X(MICROSOFT_BIG_SSLV3_BUFFER, "microsoft_big_sslv3_buffer")             \
	X(MSIE_SSLV2_RSA_PADDING, "msie_sslv2_rsa_padding")                     \
	X(NETSCAPE_CA_DN_BUG, "netscape_ca_dn_bug")                             \
	X(NETSCAPE_CHALLENGE_BUG, "netscape_challenge_bug")                     \
	X(NETSCAPE_DEMO_CIPHER_CHANGE_BUG, "netscape_demo_cipher_change_bug")   \
	X(NETSCAPE_REUSE_CIPHER_CHANGE_BUG, "netscape_reuse_cipher_change_bug") \
	X(PKCS1_CHECK_1, "pkcs1_check_1")                                       \
	X(PKCS1_CHECK_2, "pkcs1_check_2")                                       \
	X(SSLEAY_080_CLIENT_DH_BUG, "ssleay_080_client_dh_bug")                 \
	X(SSLREF2_REUSE_CERT_TYPE_BUG, "sslref2_reuse_cert_type_bug")           \
	X(TLS_BLOCK_PADDING_BUG, "tls_block_padding_bug")                       \
	X(TLS_D5_BUG, "tls_d5_bug")

enum tls_option {
#define X(id, name) TLS_OPTION_##id,
	TLS_OPTIONS(X)
#undef X
		TLS_OPTION_MAX,
};
