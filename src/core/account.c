#include "core/account.h"

struct store_call *account_get_call(struct jid account)
{
	return store_account_get(account);
}

int account_credentials(struct store_call *call, struct arena *a, struct credentials *ret,
			struct strv *row)
{
	struct strv password = arena_strv(a, call->text), details = arena_strv(a, call->text2);

	if (call->err < 0)
		return call->err;
	*row = details.n ? details : password;
	return credentials_parse(a, password, details, ret);
}

int account_put_call(const struct conf_auth *conf, struct jid account, struct strv password,
		     bool create, struct store_call **ret)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv plain = STRV(""), details = STRV_NULL, prepared;
	struct credentials c = { 0 };

	if (precis_password(a, password, &prepared) < 0)
		return -EINVAL;
	if (conf->store_plain) {
		plain = prepared;
	} else {
		credentials_derive(prepared, conf->hashes, conf->scram_iterations, &c);
		details = credentials_details(a, &c);
		credentials_wipe(&c);
	}
	*ret = create ? store_account_add(account, plain, details, conf->max_users_per_domain) :
			store_account_set(account, plain, details);
	if (prepared.p != password.p)
		mem_wipe((char *)prepared.p, prepared.n);
	return 0;
}
