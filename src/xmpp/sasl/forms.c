/* The forms in which a password may have been stored. */
#include "xmpp/sasl/password.h"
#include "xmpp/precis.h"
#include "xmpp/saslprep.h"

static void add(struct password_forms *f, struct strv form)
{
	for (unsigned i = 0; i < f->n; i++)
		if (strv_eq(f->form[i], form))
			return;
	f->form[f->n++] = form;
}

void password_forms(struct arena *a, struct strv typed, struct password_forms *ret)
{
	struct password_forms f = { 0 };
	struct strv form;

	if (saslprep(a, typed, &form) == 0)
		add(&f, form);
	if (precis_opaque(a, typed, &form) == 0)
		add(&f, form);
	add(&f, typed);
	*ret = f;
}

struct strv password_for_keys(struct arena *a, struct strv typed)
{
	struct password_forms f;

	password_forms(a, typed, &f);
	return f.form[0];
}

struct strv password_for_text(struct arena *a, struct strv typed)
{
	struct strv form;

	return precis_opaque(a, typed, &form) == 0 ? form : typed;
}

bool password_is_allowed(struct arena *a, struct strv typed)
{
	struct strv form;

	return saslprep(a, typed, &form) == 0 || precis_opaque(a, typed, &form) == 0;
}
