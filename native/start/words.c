/* The words of the command line, as far as the start-up must know them (src/cli/command/global.ts has all of them). */
#include "start.h"

int same(const char *a, const char *b) {
	while (*a && *a == *b) a++, b++;
	return *a == *b;
}

int begins_with(const char *text, const char *start) {
	while (*start && *text == *start) text++, start++;
	return !*start;
}

static int takes_a_word(const char *option) {
	return same(option, "--root") || same(option, "--run") || same(option, "--config");
}

const char *command_word(char **argv, int number) {
	for (int i = 1; argv[0] && argv[i]; i++) {
		if (takes_a_word(argv[i])) {
			if (!argv[++i]) return 0;
		} else if (argv[i][0] != '-' && number-- == 0) {
			return argv[i];
		}
	}
	return 0;
}
