#include "world.h"
#include "core/listen/port.h"
#include "core/module.h"
#include "io/tls.h"
#include "ledger.h"
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 100u
enum {
	MAX_TURNS = 20000, /* of waiting for one answer */
};

#define HEADER                                                                \
	"<?xml version='1.0'?><stream:stream to='example.com' version='1.0' " \
	"xml:lang='en' xmlns='jabber:client' "                                \
	"xmlns:stream='http://etherx.jabber.org/streams'>"
#define AUTH "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
#define BIND                                                                    \
	"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" \
	"<resource>phone</resource></bind></iq>"
#define ROSTER "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"
#define PRESENCE                                                             \
	"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' " \
	"node='https://client.example' ver='zHyEOgxTrkpSdGcQKH8EFPLsriY='/>" \
	"</presence>"

struct world world;

/* --- the server --- */

/* The ledger is open for what the server does, and for nothing else. */
static void world_turn(void)
{
	ledger_open();
	loop_turn(world.worker->loop, 1);
	ledger_close();
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
	      getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void write_conf(const char *path, const char *cert)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	fprintf(f,
		"[general]\nhosts = [\"example.com\"]\nloglevel = \"error\"\n"
		"default_server_domain = \"example.com\"\n"
		"[auth]\nmethods = [\"dummy\"]\n"
		"[auth.dummy]\nbase_time = 0\nvariance = 0\n"
		"[internal_databases.sqlite]\npath = \"%s/db\"\n"
		"[[listen.c2s]]\nip_address = \"127.0.0.1\"\nport = %u\n"
		"[[listen.c2s]]\nip_address = \"127.0.0.1\"\nport = %u\n"
		"tls.mode = \"tls\"\ntls.verify_mode = \"none\"\n"
		"tls.certfile = \"%s\"\ntls.keyfile = \"%s\"\n",
		world.dir, world.port[0], world.port[1], cert, cert);
	fclose(f);
}

void world_start(void)
{
	static const char *const names[] = { "example.com", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(65536);
	char path[80], cert[80];

	strcpy(world.dir, "/tmp/meerkat-idle-XXXXXX");
	CHECK(mkdtemp(world.dir) != NULL);
	snprintf(path, sizeof(path), "%s/conf", world.dir);
	snprintf(cert, sizeof(cert), "%s/cert", world.dir);
	world.port[0] = free_port();
	world.port[1] = free_port();
	CHECK_INT(tls_make_self_signed(cert, cert, names, &err), 0);
	write_conf(path, cert);
	modules_init();
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, false);
	CHECK_INT(conf_load(path, &world.conf, &err), 0);
	CHECK_INT(server_new(world.conf, 1, &world.server, &err), 0);
	world.worker = world.server->workers[0];
	this_worker = world.worker;
	world.ctx = SSL_CTX_new(TLS_client_method());
	CHECK(world.ctx != NULL);
}

void world_stop(void)
{
	char command[128];

	SSL_CTX_free(world.ctx);
	server_start(world.server); /* its thread does what is left */
	server_stop(world.server);
	server_free(&world.server);
	conf_unref(&world.conf);
	snprintf(command, sizeof(command), "rm -r %s", world.dir);
	CHECK_INT(system(command), 0);
}

/* --- a client, which keeps nothing but its descriptor --- */

static bool read_some(struct client *c, char *to, size_t room, size_t *n)
{
	ssize_t r = c->ssl ? SSL_read(c->ssl, to + *n, (int)(room - *n - 1))
			   : recv(c->fd, to + *n, room - *n - 1, MSG_DONTWAIT);

	if (r <= 0)
		return false;
	*n += (size_t)r;
	to[*n] = '\0';
	return true;
}

void world_tell(struct client *c, const char *what)
{
	ssize_t r = c->ssl ? SSL_write(c->ssl, what, (int)strlen(what))
			   : send(c->fd, what, strlen(what), 0);

	CHECK(r == (ssize_t)strlen(what));
}

void world_await(struct client *c, const char *what)
{
	char got[65536] = "";
	size_t n = 0;

	for (int i = 0; i < MAX_TURNS && strstr(got, what) == NULL; i++)
		if (!read_some(c, got, sizeof(got), &n))
			world_turn();
	CHECK(strstr(got, what) != NULL);
}

static void begin_tls(struct client *c)
{
	c->ssl = SSL_new(world.ctx);
	CHECK(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
	SSL_set_connect_state(c->ssl);
}

static void await_tls(struct client *c)
{
	int r = 0;

	for (int i = 0; i < MAX_TURNS && (r = SSL_do_handshake(c->ssl)) != 1; i++)
		world_turn();
	CHECK_INT(r, 1);
}

static void connect_to(struct client *c, bool tls)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(world.port[tls]),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	*c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
	CHECK(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (tls)
		begin_tls(c);
}

static void tell_password(struct client *c, unsigned i)
{
	char credentials[32], auth[256], text[64];
	int n = snprintf(credentials, sizeof(credentials), "%cuser%05u%cpw", 0, i, 0);

	EVP_EncodeBlock((unsigned char *)text, (unsigned char *)credentials, n);
	snprintf(auth, sizeof(auth), AUTH "%s</auth>", text);
	world_tell(c, auth);
}

/* --- many clients, in step --- */

static void await_all(struct client *c, unsigned n, const char *what)
{
	for (unsigned i = 0; i < n; i++)
		world_await(&c[i], what);
}

static void ask_all(struct client *c, unsigned n, const char *what, const char *answer)
{
	for (unsigned i = 0; i < n; i++)
		world_tell(&c[i], what);
	await_all(c, n, answer);
}

static void log_in(struct client *c, unsigned first, unsigned n, bool tls)
{
	for (unsigned i = 0; i < n; i++)
		connect_to(&c[i], tls);
	for (unsigned i = 0; tls && i < n; i++)
		await_tls(&c[i]);
	ask_all(c, n, HEADER, "</stream:features>");
	for (unsigned i = 0; i < n; i++)
		tell_password(&c[i], first + i);
	await_all(c, n, "<success");
	ask_all(c, n, HEADER, "</stream:features>");
	ask_all(c, n, BIND, "</iq>");
	ask_all(c, n, ROSTER, "</iq>");
	ask_all(c, n, PRESENCE, "</presence>");
	for (unsigned i = 0; i < n; i++)
		SSL_free(c[i].ssl); /* says nothing to the server */
}

void world_settle(void)
{
	for (int i = 0; i < 50; i++)
		world_turn();
}

void world_log_in_all(struct client *all, unsigned from, unsigned to, bool tls)
{
	for (unsigned i = from; i < to; i += BATCH)
		log_in(&all[i], i, MIN(to - i, BATCH), tls);
	world_settle();
}

/* What malloc() has given out, and what the worker's slabs have: to the byte, whatever their blocks
 * have room for. */
size_t world_bytes(void)
{
	return ledger_bytes() + loop_slabs(world.worker->loop)->n_bytes;
}
