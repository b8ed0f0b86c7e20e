/*
 * One setting for JavaScriptCore, which takes its options from the environment alone: no thread of its own that readies
 * memory for a program that will need much. A command ends before it would, and its 150 pages took it half a
 * millisecond. Who sets it himself is heard: of two equal names getenv(3) takes the first.
 */
#include "start.h"

/*
 * What the kernel laid on the stack (argc, argv…, NULL, environment…, NULL, auxiliary vector) with the setting at the
 * end of the environment: all before that end moves down into the two words that _start left free below. Two, because
 * the stack pointer must stay a multiple of 16; so the setting is there twice.
 */
uintptr_t *add_setting(uintptr_t *stack) {
	static const char setting[] = "BUN_JSC_useWarmUpMarkedBlocks=0";
	uintptr_t *end = stack + 1 + stack[0] + 1;
	while (*end) end++;
	uintptr_t *moved = stack - 2;
	for (uintptr_t *word = stack; word < end; word++) word[-2] = *word;
	end[-2] = end[-1] = (uintptr_t)setting;
	return moved;
}
