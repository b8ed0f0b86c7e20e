/*
 * Some variables more in the environment.
 *
 * JavaScriptCore takes its options from nowhere else. This one: no thread of its own that readies memory for a program
 * that will need much. A command ends before it would, and its 150 pages took it half a millisecond. Who sets it himself
 * is heard: of two equal names getenv(3) takes the first.
 *
 * mimalloc, which gives Bun its memory, asks the kernel for large pages if it is told to (folios.c says for whom).
 *
 * NANOCONTAINER_MONITOR tells src/runtime/monitor-process.ts at which descriptor a monitor waits (ahead.c). Only what is
 * said here counts, so a variable of that name that was there before is not any more.
 */
#include "start.h"

enum { SETTINGS = 4 }; /* an even number: the stack pointer must stay a multiple of 16 */

static const char option[] = "BUN_JSC_useWarmUpMarkedBlocks=0", large[] = "MIMALLOC_ALLOW_THP=1";
static const char waits[] = "NANOCONTAINER_MONITOR=3", none[] = "NANOCONTAINER_MONITOR=";

/*
 * What the kernel laid on the stack (argc, argv…, NULL, environment…, NULL, auxiliary vector) with the settings at the end
 * of the environment: all before that end moves down into the words that _start left free below. What there is nothing to
 * say of is the first once more.
 */
uintptr_t *add_settings(uintptr_t *stack, int monitor_waits, int large_pages) {
	uintptr_t *end = stack + 1 + stack[0] + 1;
	for (; *end; end++)
		if (begins_with((const char *)*end, none)) *end = (uintptr_t)option;
	uintptr_t *moved = stack - SETTINGS;
	for (uintptr_t *word = stack; word < end; word++) word[-SETTINGS] = *word;
	end[-4] = end[-3] = (uintptr_t)option;
	end[-2] = (uintptr_t)(large_pages ? large : option);
	end[-1] = (uintptr_t)(monitor_waits ? waits : none);
	return moved;
}
