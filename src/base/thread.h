/* What a thread tells the kernel's scheduler about itself. Where the kernel does not take it, the
 * thread runs as others do: these change when it runs, and never what it does. */
#pragma once

#include "base/base.h"

/* Its work is short, and others wait for it: once woken it is to run before those who compute. A
 * slice of THREAD_PROMPT_US (Linux 6.12 and later; before, the kernel makes up its own mind). */
enum { THREAD_PROMPT_US = 100 };
void thread_be_prompt(void);

/* It computes, and leaves the cores to others who want them. */
void thread_be_nice(void);
