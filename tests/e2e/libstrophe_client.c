/* A client on libstrophe: logs in over STARTTLS, becomes available, sends itself a message, and
 * prints what comes back. Arguments: JID, password, port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

static const char text[] = "hello from libstrophe <&>";

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data)
{
	char *body = xmpp_message_get_body(stanza);
	int *done = data;

	if (body && strcmp(body, text) == 0) {
		printf("%s\n", body);
		*done = 1;
		xmpp_disconnect(conn);
	}
	xmpp_free(xmpp_conn_get_context(conn), body);
	return 1;
}

static int on_presence(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data)
{
	const char *from = xmpp_stanza_get_from(stanza);
	xmpp_stanza_t *message;

	if (from == NULL || strcmp(from, xmpp_conn_get_bound_jid(conn)) != 0)
		return 1;
	message = xmpp_message_new(xmpp_conn_get_context(conn), "chat",
				   xmpp_conn_get_bound_jid(conn), "strophe-1");
	xmpp_message_set_body(message, text);
	xmpp_send(conn, message);
	xmpp_stanza_release(message);
	return 0;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
			  xmpp_stream_error_t *stream_error, void *data)
{
	xmpp_ctx_t *ctx = xmpp_conn_get_context(conn);
	xmpp_stanza_t *presence;

	if (event != XMPP_CONN_CONNECT) {
		xmpp_stop(ctx);
		return;
	}
	if (!xmpp_conn_is_secured(conn))
		fprintf(stderr, "not secured\n");
	xmpp_handler_add(conn, on_message, NULL, "message", NULL, data);
	xmpp_handler_add(conn, on_presence, NULL, "presence", NULL, data);
	presence = xmpp_presence_new(ctx);
	xmpp_send(conn, presence);
	xmpp_stanza_release(presence);
}

static int trust(const xmpp_tlscert_t *cert, const char *const error)
{
	return 1;
}

int main(int argc, char **argv)
{
	int done = 0;
	xmpp_ctx_t *ctx;
	xmpp_conn_t *conn;

	if (argc != 4)
		return 2;
	xmpp_initialize();
	ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_DEBUG));
	conn = xmpp_conn_new(ctx);
	xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_MANDATORY_TLS);
	xmpp_conn_set_certfail_handler(conn, trust);
	xmpp_conn_set_jid(conn, argv[1]);
	xmpp_conn_set_pass(conn, argv[2]);
	if (xmpp_connect_client(conn, "127.0.0.1", (unsigned short)atoi(argv[3]),
				on_connection, &done) != XMPP_EOK)
		return 1;
	xmpp_run(ctx);
	xmpp_conn_release(conn);
	xmpp_ctx_free(ctx);
	xmpp_shutdown();
	return done ? 0 : 1;
}
