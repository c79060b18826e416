#include "core/account/account_end.h"
#include "core/c2s/c2s.h"

void account_end_unbound(struct worker *w, struct jid account)
{
	struct c2s *c;

	ASSERT_ON(w);
	for (uint32_t at = 0; (c = slots_next(&w->streams, &at));)
		if (c->session == NULL && !c->st.closed && !c->anonymous &&
		    jid_eq(c->st.jid, account))
			stream_close(&c->st, STREAM_ERR_NOT_AUTHORIZED,
				     "the account has been removed");
}
