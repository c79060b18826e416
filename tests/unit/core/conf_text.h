/* Configurations as texts, for tests of what is read out of them and what is complained of. */
#pragma once

#include "core/options/conf.h"
#include "test.h"

#define GENERAL \
	"[general]\nhosts = [\"example.com\"]\ndefault_server_domain = \"example.com\"\n"
#define LISTEN "[[listen.c2s]]\nport = 5222\n"

/* Loads this text; what it complained of is in `errors`, with the file's name taken out. */
int conf_text_load(const char *text, struct conf **ret, struct buf *errors);

/* It is wrong, or it is right with warnings, and this is what is said. */
void conf_text_fails(const char *text, const char *want);
void conf_text_warns(const char *text, const char *want);
