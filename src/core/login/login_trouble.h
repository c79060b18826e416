/* What the log tells the operator of methods that cannot say whose password is right. Each kind of
 * trouble has its own limit: a flood of one does not hide another. */
#pragma once

#include "core/options/conf.h"

struct question_answer;

/* What the method could not be asked, or answered oddly, and where to look. */
void login_trouble(enum auth_method m, const struct question_answer *a);

/* The database has not given what is stored. What failed there its own threads have told; this is whom
 * it hit. */
void login_trouble_database(enum auth_method m, int err);

/* More logins at the same time than it can take; some have been turned away. */
void login_trouble_busy(enum auth_method m);

/* The account's credentials are of no form that we know. */
void login_trouble_row(enum auth_method m, struct jid account);
