/* The options of a listener that depend on each other, and on the other listeners. */
#include "core/options/conf.h"
#include "core/module.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#define GENERAL \
	"[general]\nhosts = [\"example.com\"]\ndefault_server_domain = \"example.com\"\n"
#define LISTEN "[[listen.c2s]]\nport = 5222\n"

static int load(const char *text, struct conf **ret, struct buf *errors)
{
	char path[] = "/tmp/meerkat-listen-XXXXXX";
	int fd = mkstemp(path), r;

	modules_init();
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	r = conf_load(path, ret, errors);
	unlink(path);
	return r;
}

/* One error, which ends so; NULL: none. The address of the last listener, when it is good. */
static void check(const char *text, const char *address, const char *error)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	AUTO(conf_unref) struct conf *c = NULL;
	int r = load(text, &c, &errors);
	struct strv said;

	CHECK_INT(r, error ? -EINVAL : 0);
	if (error == NULL) {
		CHECK_STR(c->c2s[c->n_c2s - 1].ip_address, address);
		CHECK_INT(errors.n, 0);
		return;
	}
	said = buf_strv(&errors);
	CHECK(said.n > strlen(error));
	CHECK_STR(strv_from_pos(said, said.n - strlen(error)), error);
}

TEST(conf_listen_address_of_a_version)
{
	check(GENERAL LISTEN, "0.0.0.0", NULL);
	check(GENERAL LISTEN "ip_version = 4\n", "0.0.0.0", NULL);
	check(GENERAL LISTEN "ip_version = 6\n", "::", NULL);
	check(GENERAL LISTEN "ip_version = 6\nip_address = \"::1\"\n", "::1", NULL);
	check(GENERAL LISTEN "ip_version = 4\nip_address = \"192.0.2.1\"\n", "192.0.2.1",
	      NULL);
	check(GENERAL LISTEN "ip_address = \"2001:DB8:0::1\"\n", "2001:db8::1", NULL);
	check(GENERAL LISTEN "proto = \"tcp\"\n", "0.0.0.0", NULL);
}

TEST(conf_listen_version_must_fit_the_address)
{
	check(GENERAL LISTEN "ip_version = 6\nip_address = \"192.0.2.1\"\n", NULL,
	      "listen.c2s[1].ip_version: expected 4, as ip_address is one, found 6\n");
	check(GENERAL LISTEN "ip_version = 4\nip_address = \"::1\"\n", NULL,
	      "listen.c2s[1].ip_version: expected 6, as ip_address is one, found 4\n");
	check(GENERAL LISTEN "ip_version = 5\n", NULL,
	      "listen.c2s[1].ip_version: expected 4 or 6, found the integer 5\n");
	check(GENERAL LISTEN "ip_version = 7\n", NULL,
	      "listen.c2s[1].ip_version: expected 4 or 6, found the integer 7\n");
	check(GENERAL LISTEN "ip_address = \"localhost\"\n", NULL,
	      "expected an IP address, found the string \"localhost\"\n");
	check(GENERAL LISTEN "ip_address = \"::ffff:192.0.2.1\"\n", NULL,
	      "a listener of IPv6 takes no IPv4: give the IPv4 address\n");
	check(GENERAL LISTEN "proto = \"udp\"\n", NULL,
	      "listen.c2s[1].proto: expected \"tcp\", found the string \"udp\"\n");
}

TEST(conf_listen_one_port_for_both_versions)
{
	check(GENERAL LISTEN LISTEN "ip_version = 6\n", "::", NULL);
	check(GENERAL LISTEN "ip_address = \"127.0.0.1\"\n" LISTEN "ip_version = 6\n",
	      "::", NULL);
	check(GENERAL LISTEN "ip_address = \"127.0.0.1\"\n" LISTEN
			     "ip_address = \"127.0.0.2\"\n",
	      "127.0.0.2", NULL);
}

TEST(conf_listen_refuses_what_the_kernel_would)
{
	check(GENERAL LISTEN LISTEN, NULL,
	      "listen.c2s[2].port: listen.c2s[1] has this address and port\n");
	check(GENERAL LISTEN "ip_address = \"::1\"\n" LISTEN
			     "ip_address = \"0:0:0::1\"\n",
	      NULL, "listen.c2s[2].port: listen.c2s[1] has this address and port\n");
	check(GENERAL LISTEN "ip_version = 6\n" LISTEN "ip_address = \"::1\"\n", NULL,
	      "listen.c2s[2].port: listen.c2s[1] has this port, and one of both listens "
	      "on all addresses\n");
	check(GENERAL LISTEN "ip_address = \"127.0.0.1\"\nreuse_port = true\n" LISTEN,
	      NULL,
	      "listen.c2s[2].port: listen.c2s[1] has this port, and one of both listens "
	      "on all addresses\n");
	check(GENERAL LISTEN "ip_address = \"127.0.0.1\"\nreuse_port = true\n" LISTEN
			     "reuse_port = true\n",
	      "0.0.0.0", NULL);
}

static void check_limits(const char *options, int64_t ip, int64_t net, int64_t neg,
			 int64_t rate)
{
	AUTO(buf_free) struct buf text = BUF_INIT(4096), errors = BUF_INIT(1 << 20);
	AUTO(conf_unref) struct conf *c = NULL;

	buf_putf(&text, GENERAL LISTEN "%s", options);
	CHECK_INT(load(buf_cstr(&text), &c, &errors), 0);
	CHECK_INT(c->c2s[0].max_connections_per_ip, ip);
	CHECK_INT(c->c2s[0].max_connections_per_net, net);
	CHECK_INT(c->c2s[0].max_unauthenticated, neg);
	CHECK_INT(c->c2s[0].accept_rate, rate);
}

TEST(conf_listen_limits_of_clients)
{
	check_limits("", 5000, 20000, 10000, CONF_INFINITY);
	check_limits(
		"max_connections_per_ip = 0\nmax_connections_per_net = \"infinity\"\n"
		"max_unauthenticated = 0\naccept_rate = 0\n",
		CONF_INFINITY, CONF_INFINITY, CONF_INFINITY, CONF_INFINITY);
	check_limits("max_connections_per_ip = 1\nmax_connections_per_net = 2\n"
		     "max_unauthenticated = 3\naccept_rate = 4\n",
		     1, 2, 3, 4);
	check(GENERAL LISTEN "max_connections = 0\n", NULL,
	      "listen.c2s[1].max_connections: expected an integer from 1 to 2147483647 or "
	      "\"infinity\", found the integer 0\n");
}

TEST(conf_listen_trusted_proxies)
{
	check(GENERAL LISTEN "proxy_protocol = true\nproxy_protocol_trusted = "
			     "[\"192.0.2.1\", \"2001:db8::/32\"]\n",
	      "0.0.0.0", NULL);
	check(GENERAL LISTEN "proxy_protocol = true\nproxy_protocol_trusted = "
			     "[\"192.0.2.0/33\"]\n",
	      NULL,
	      "proxy_protocol_trusted[1]: expected an IP address or network, found the "
	      "string \"192.0.2.0/33\"\n");
	check(GENERAL LISTEN "proxy_protocol = true\nproxy_protocol_trusted = []\n", NULL,
	      "found an empty array\n");
	check(GENERAL LISTEN "proxy_protocol_trusted = [\"192.0.2.1\"]\n", NULL,
	      "it is about proxy_protocol, which is false\n");
}
