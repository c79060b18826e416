#include "store/db_tls.h"

/* A path is no name, nor is that of an abstract socket. */
static const char *name_of(const char *host)
{
	return host[0] == '/' || host[0] == '@' ? "localhost" : host;
}

int db_tls_begin(struct db_tls *t, const struct store_sql *sql, struct buf *err)
{
	const char *option = "";
	struct buf why = BUF_INIT(2048);
	int r = 0;

	*t = (struct db_tls){ 0 };
	if (!sql->tls.on)
		return 0;
	r = tls_client_new(&sql->tls.options, &t->client, &option, &why);
	if (r < 0)
		buf_putf(err, "tls%s%s: %.1500s", option[0] ? "." : "", option,
			 buf_cstr(&why));
	else
		tls_foreign_begin(&t->over, t->client, name_of(sql->host));
	buf_free(&why);
	return r;
}

void db_tls_end(struct db_tls *t)
{
	if (t->client)
		tls_foreign_end(&t->over);
	tls_client_free(&t->client);
}
