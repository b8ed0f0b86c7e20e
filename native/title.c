/* What ps(1) shows of a process is its memory: the words it was started with, one behind the other (proc(5), cmdline).
 * So a process can write there what it has become, in as much room as those words took. */
#include "title.h"
#include <string.h>

static char *title;
static size_t room, used;

void title_take(int argc, char **argv)
{
	title = argv[0];
	room = argc > 0 ? (size_t)(argv[argc - 1] - title) + strlen(argv[argc - 1]) + 1 : 0;
}

void title_clear(void)
{
	memset(title, 0, room);
	used = 0;
}

int title_add(const char *word)
{
	size_t length = strlen(word) + 1;
	if (length > room - used)
		length = room - used;
	memcpy(title + used, word, length);
	used += length;
	if (used && used == room)
		title[room - 1] = 0;
	return used < room;
}
