/* The session IQ of RFC 3921, which older clients still send after bind. */
#include "core/module.h"
#include "core/stream/stream.h"

static enum verdict on_session(struct ctx *c)
{
	if (c->session == NULL ||
	    !c->session->stream->listener->backwards_compatible_session)
		return PASS;
	reply_result(c); /* the session has been open since bind (RFC 6121 1.4) */
	return HANDLED;
}

static const struct iq_handler iq[] = {
	{ NS_SESSION, "session", IQ_ON_SET | IQ_TO_OWN, on_session },
	{ NS_SESSION, "session", IQ_ON_SET | IQ_TO_SERVER, on_session },
	{ 0 },
};

const struct module mod_session = { .name = "session", .always = true, .iq = iq };
