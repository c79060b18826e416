/* The options of [listen.c2s.tls]: one row each. */
#include "core/options/conf_priv.h"
#include "io/tls.h"

static const struct conf_word protocol_options[] = {
#define X(id, name) { name, TLS_OPTION_##id },
	TLS_OPTIONS(X)
#undef X
		{ 0 },
};

static void check_early_data(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const bool *on = dst;

	if (*on)
		conf_complain(c, "cannot be true: who records 0-RTT data can send it a "
				 "second time, and XMPP has nothing that makes this "
				 "harmless; session_tickets = \"stateless\" resumes "
				 "sessions without it");
}

const struct conf_option conf_tls_options[] = {
	CONF_ENUM(
		"mode", struct conf_tls, mode, "\"starttls\"",
		CONF_WORDS({ "tls", TLS_MODE_TLS }, { "starttls", TLS_MODE_STARTTLS },
			   { "starttls_required", TLS_MODE_STARTTLS_REQUIRED }),
		"`tls`: from the first byte (Direct TLS, XEP-0368). `starttls`: offered. "
		"`starttls_required`: nothing else before it."),
	CONF_FILE(
		"certfile", struct conf_tls, certfile, NULL,
		"PEM: the certificate, then its chain; the private key may follow, or stand in "
		"`keyfile`.",
		.mandatory = true),
	CONF_FILE("keyfile", struct conf_tls, keyfile, NULL, "PEM: the private key."),
	CONF_STRING("password", struct conf_tls, password, NULL,
		    "Opens an encrypted private key.", .secret = true),
	CONF_FILE_ARRAY(
		"sni_certfiles", struct conf_tls, sni_certfiles, NULL,
		"More certificates, each with its chain and key in one PEM file. A client that "
		"asks for a name (SNI) gets the one that is for it: by its dNSNames, of "
		"which `*.` stands for one label, or the common name if it has none. For all "
		"other names, and for none, there is `certfile`. (Not an option of "
		"MongooseIM's.)",
		.unique = true, .has_range = true, .min = 0, .max = 1024),
	CONF_FILE(
		"ocsp_file", struct conf_tls, ocsp_file, NULL,
		"DER: an OCSP response about the certificate in `certfile`, which must have its "
		"issuer in its chain. It is sent to clients that ask (stapling), until it is "
		"out of date; a new file is picked up by itself. (Not an option of "
		"MongooseIM's.)"),
	CONF_FILE("dhfile", struct conf_tls, dhfile, NULL,
		  "PEM: Diffie-Hellman parameters for the DHE suites of TLS 1.2."),
	CONF_STRING(
		"ciphers", struct conf_tls, ciphers, NULL,
		"OpenSSL's cipher string. It selects the suites of TLS 1.3, too: by their "
		"names, by `TLSv1.3`, and by words such as `HIGH` or `AESGCM`; a version "
		"that it selects nothing of is not spoken. Anonymous and unencrypted ones "
		"are never used. Not given: `TLSv1.2:TLSv1.3` with `fast_tls`, OpenSSL's "
		"own choice with `just_tls`."),
	CONF_ENUM_ARRAY(
		"versions", struct conf_tls, versions, NULL,
		CONF_WORDS({ "tlsv1", TLS_V1_0 }, { "tlsv1.1", TLS_V1_1 },
			   { "tlsv1.2", TLS_V1_2 }, { "tlsv1.3", TLS_V1_3 }),
		"The versions of TLS that are spoken, these and no others. `tlsv1` and "
		"`tlsv1.1` need OpenSSL's security level 0, for instance with `ciphers = "
		"\"DEFAULT:@SECLEVEL=0\"`. Only `just_tls`, whose default is `[\"tlsv1.2\", "
		"\"tlsv1.3\"]`.",
		.unique = true, .has_range = true, .min = 1, .max = 4),
	CONF_ENUM_ARRAY(
		"protocol_options", struct conf_tls, protocol_options, NULL,
		protocol_options,
		"OpenSSL's options (SSL_OP_...), in lower case; they stand in place of the "
		"default. Whatever they are, there is no renegotiation and no compression. "
		"Only `fast_tls`, whose default is `[\"no_sslv2\", \"no_sslv3\", "
		"\"no_tlsv1\", \"no_tlsv1_1\"]`.",
		.unique = true),
	CONF_ENUM(
		"module", struct conf_tls, module, NULL,
		CONF_WORDS({ "fast_tls", TLS_MODULE_FAST },
			   { "just_tls", TLS_MODULE_JUST }),
		"Which options there are, and what becomes of a client whose certificate "
		"does not pass: see [client-certificates.md](client-certificates.md). Not "
		"given: `just_tls` if an option is used that only it has, else "
		"`fast_tls`."),
	CONF_ENUM(
		"verify_mode", struct conf_tls, verify_mode, "\"peer\"",
		CONF_WORDS({ "peer", TLS_VERIFY_PEER },
			   { "selfsigned_peer", TLS_VERIFY_SELF_SIGNED },
			   { "none", TLS_VERIFY_NONE }),
		"Clients' certificates. `peer`: asked for; one passes that leads to a "
		"trust anchor and is for client authentication. `selfsigned_peer` (only "
		"`just_tls`): so does one that is signed by itself. `none`: not asked for."),
	CONF_FILE(
		"cacertfile", struct conf_tls, cacertfile, NULL,
		"PEM: the trust anchors for clients' certificates; with `peer` their names "
		"are sent with the request for one. Not given: the system's."),
	CONF_BOOL("disconnect_on_failure", struct conf_tls, disconnect_on_failure, "true",
		  "Only `just_tls`: no connection without a certificate that passes. "
		  "`false`: as with `fast_tls`, only EXTERNAL is not offered."),
	CONF_FILE_ARRAY(
		"crl_files", struct conf_tls, crl_files, NULL,
		"Only `just_tls`: revocation lists, PEM or DER. A certificate of an issuer "
		"that has one passes only if the list is up to date and does not have it; "
		"issuers that have none are not checked.",
		.unique = true),
	CONF_ENUM(
		"session_tickets", struct conf_tls, session_tickets, NULL,
		CONF_WORDS({ "stateless", 1 }),
		"Only `just_tls`: a client may resume its TLS 1.3 session within an hour, which "
		"saves the certificate and its signature. The tickets are opened with keys "
		"that the server makes, changes each hour, and forgets when it ends or its "
		"configuration is read again. A client that has shown a certificate gets no "
		"ticket, and neither do older versions. Not given: nobody does."),
	CONF_BOOL(
		"keep_secrets", struct conf_tls, keep_secrets, "false",
		"Only `just_tls`: writes the secrets of each connection to the file that the "
		"environment variable SSLKEYLOGFILE names, so that Wireshark can read recorded "
		"traffic. For tests."),
	CONF_ENUM(
		"record_layer", struct conf_tls, record_layer, "\"own\"",
		CONF_WORDS({ "own", TLS_RECORD_LAYER_OWN },
			   { "openssl", TLS_RECORD_LAYER_OPENSSL }),
		"What seals and opens the records of a connection once OpenSSL has shaken hands. "
		"`own`: a record layer of this server's own on OpenSSL's ciphers, which holds "
		"some 200 bytes for an idle connection; it knows AES-GCM and ChaCha20-Poly1305 "
		"of TLS 1.2 and 1.3, and what it does not know stays with OpenSSL. `openssl`: "
		"OpenSSL, which holds 14 KB. Connections keep what they have begun with when the "
		"configuration is read again. See [tls.md](tls.md). (Not an option of "
		"MongooseIM's.)"),
	CONF_BOOL(
		"early_data", struct conf_tls, early_data, "false",
		"Only `just_tls`: there is no 0-RTT data. `true` is refused: who records such "
		"data can send it a second time, and XMPP has nothing that makes this harmless.",
		.check = check_early_data),
	{ 0 },
};
