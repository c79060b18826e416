/* How many bytes the server holds for a session that is bound, available, and idle: a worker with
 * its database, its modules, and real sockets, driven from here, so that what its allocator gives
 * out can be counted. Who adds a field to what every session has meets his bytes here. */
#include "ledger.h"
#include "test.h"
#include "core/conf.h"
#include "core/module.h"
#include "core/port.h"
#include "core/server.h"
#include "core/worker.h"
#include "io/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* Bytes a session, malloc's own included. To be lowered whenever something gets smaller;
	 * to be raised only with a reason for every byte. */
	BUDGET_PLAIN = 625,
	BUDGET_TLS = 835,
	BUDGET_CONTACT = 37, /* of an account that is online; its address has 24 bytes */

	N_WARM = 100, /* these bring what is there once for all */
	N_COUNTED = 1000,
	BATCH = 100,
	N_CONTACTS = 50,   /* of an account that has any */
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

static struct {
	char dir[64];
	struct conf *conf;
	struct server *server;
	struct worker *worker;
	uint16_t port[2]; /* plain, TLS */
	SSL_CTX *ctx;
} world;

struct client {
	int fd;
	SSL *ssl; /* NULL: plain */
};

/* --- the server --- */

/* The ledger is open for what the server does, and for nothing else. */
static void turn(void)
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

static void start(void)
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

static void stop(void)
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

static void tell(struct client *c, const char *what)
{
	ssize_t r = c->ssl ? SSL_write(c->ssl, what, (int)strlen(what))
			   : send(c->fd, what, strlen(what), 0);

	CHECK(r == (ssize_t)strlen(what));
}

static void await(struct client *c, const char *what)
{
	char got[65536] = "";
	size_t n = 0;

	for (int i = 0; i < MAX_TURNS && strstr(got, what) == NULL; i++)
		if (!read_some(c, got, sizeof(got), &n))
			turn();
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
		turn();
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
	tell(c, auth);
}

/* --- many clients, in step --- */

static void await_all(struct client *c, unsigned n, const char *what)
{
	for (unsigned i = 0; i < n; i++)
		await(&c[i], what);
}

static void ask_all(struct client *c, unsigned n, const char *what, const char *answer)
{
	for (unsigned i = 0; i < n; i++)
		tell(&c[i], what);
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

/* --- counting --- */

/* What malloc() has given out, and what the worker's slabs have: to the byte, whatever their blocks
 * have room for. */
static size_t bytes(void)
{
	return ledger_bytes() + loop_slabs(world.worker->loop)->n_bytes;
}

static void settle(void)
{
	for (int i = 0; i < 50; i++)
		turn();
}

static void forget(struct store_call *c)
{
	store_call_free(&c);
}

/* In the database, without waiting for it. */
static void put(struct store_call *c)
{
	c->deliver = forget;
	CHECK_INT(store_submit(world.server->store, c), 0);
}

/* As many have them, at a server that cannot be reached. */
static void put_contacts(struct jid who)
{
	char contact[32], name[32];
	struct strv group = STRV("Friends");
	struct store_roster_item row = { .subscription = 'B',
					 .ask = 'N',
					 .listed = true,
					 .groups = &group,
					 .n_groups = 1 };

	for (unsigned i = 0; i < N_CONTACTS; i++) {
		snprintf(contact, sizeof(contact), "somebody%04u@example.net", i);
		snprintf(name, sizeof(name), "Somebody No. %u", i);
		row.jid = strv_from(contact);
		row.name = strv_from(name);
		put(store_roster_put(who, &row, STRV("v1")));
	}
}

/* Users from to `to` - 1; the last call is waited for, and so are those before it. */
static void put_rosters(unsigned from, unsigned to)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct store_call *c;
	struct jid who;
	char name[32];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "user%05u", i);
		who = jid_make(a, strv_from(name), STRV("example.com"), STRV(""));
		put(store_account_note_up_to(who, INT64_MAX));
		put_contacts(who);
	}
	c = store_account_note_up_to(who, INT64_MAX);
	CHECK_INT(store_wait(world.server->store, c), 0);
	store_call_free(&c);
}

static void log_in_all(struct client *all, unsigned from, unsigned to, bool tls)
{
	for (unsigned i = from; i < to; i += BATCH)
		log_in(&all[i], i, BATCH, tls);
	settle();
}

static void count(bool tls, size_t budget)
{
	static struct client all[N_WARM + N_COUNTED];
	size_t before, each;

	start();
	log_in_all(all, 0, N_WARM, tls);
	before = bytes();
	log_in_all(all, N_WARM, N_WARM + N_COUNTED, tls);
	each = (bytes() - before) / N_COUNTED;
	CHECK_INT(world.worker->n_streams, N_WARM + N_COUNTED);
	printf("%s: %zu bytes a session, of %zu\n", tls ? "TLS" : "plain", each, budget);
	ledger_print(N_WARM + N_COUNTED);
	for (unsigned i = 0; i < N_WARM + N_COUNTED; i++)
		close(all[i].fd);
	settle();
	stop();
	CHECK(each <= budget);
}

TEST(idle_session_keeps_to_its_budget)
{
	count(false, BUDGET_PLAIN);
}

TEST(idle_session_with_tls_keeps_to_its_budget)
{
	count(true, BUDGET_TLS);
}

static size_t growth(struct client *all, unsigned from, unsigned to)
{
	size_t before = bytes();

	log_in_all(all, from, to, false);
	return bytes() - before;
}

TEST(contact_keeps_to_its_budget)
{
	enum { WARM = 100, N = 200, ALL = WARM + 2 * N };
	static struct client all[ALL];
	size_t without, with, each;

	start();
	put_rosters(0, WARM);
	put_rosters(WARM + N, ALL);
	log_in_all(all, 0, WARM, false);
	without = growth(all, WARM, WARM + N);
	with = growth(all, WARM + N, ALL);
	each = (with - without) / (N * N_CONTACTS);
	printf("%zu bytes a contact, of %d\n", each, BUDGET_CONTACT);
	ledger_print(N);
	for (unsigned i = 0; i < ALL; i++)
		close(all[i].fd);
	settle();
	stop();
	CHECK(each <= BUDGET_CONTACT);
}
