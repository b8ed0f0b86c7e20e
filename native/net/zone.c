/* A zone: the file in which the engine writes who is in a network, a line a container:
 *   ID PID START_TIME ADDRESS IPV6_ADDRESS NAMES SERVERS OTHER_NETWORKS LINKS   ("-" for none)
 * A line counts while the process lives: names are gone with their container, whoever was killed before he could say so. */
#define _GNU_SOURCE
#include "names.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIELDS = 9, STARTED = 22, LARGEST_ZONE = 16 << 20 };

int zone_changed(const struct zone *z, int dir, const char *path)
{
	struct stat st;
	if (fstatat(dir, path, &st, 0) < 0)
		return 1;
	/* the number of a file that is gone may be given to the next but one */
	return st.st_ino != z->file.st_ino || st.st_dev != z->file.st_dev || st.st_size != z->file.st_size ||
	       st.st_ctim.tv_sec != z->file.st_ctim.tv_sec || st.st_ctim.tv_nsec != z->file.st_ctim.tv_nsec;
}

void zone_free(struct zone *z)
{
	for (int i = 0; i < z->n; i++)
		if (z->members[i].pidfd >= 0)
			close(z->members[i].pidfd);
	free(z->members);
	free(z->text);
	*z = (struct zone){ 0 };
}

int member_lives(const struct member *m)
{
	struct pollfd p = { .fd = m->pidfd, .events = POLLIN };
	return m->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

/* The 22nd field of /proc/PID/stat: the second, the program's name, may hold anything. */
static unsigned long long start_time(int pid)
{
	char path[32], text[1024], *at;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < STARTED; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static int member_read(struct member *m, char *line)
{
	char *fields[FIELDS], *rest = line;
	for (int i = 0; i < FIELDS; i++)
		if (!(fields[i] = strsep(&rest, " ")))
			return -1;
	int pid = atoi(fields[1]);
	if (inet_pton(AF_INET, fields[3], &m->ip) != 1)
		return -1;
	m->has_ip6 = inet_pton(AF_INET6, fields[4], &m->ip6) == 1;
	m->names = fields[5];
	m->servers = fields[6];
	m->others = fields[7];
	m->links = fields[8];
	m->pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
	/* the number may be another process's by now: what the descriptor holds is compared after it was opened */
	if (m->pidfd >= 0 && start_time(pid) != strtoull(fields[2], NULL, 10)) {
		close(m->pidfd);
		m->pidfd = -1;
	}
	return 0;
}

int zone_read(struct zone *z, int dir, const char *path)
{
	struct stat st;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), lines = 1;
	zone_free(z);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_size > LARGEST_ZONE || !(z->text = calloc(1, (size_t)st.st_size + 1))) {
		close(fd);
		return -1;
	}
	ssize_t n = read(fd, z->text, (size_t)st.st_size);
	close(fd);
	for (ssize_t i = 0; i < n; i++)
		lines += z->text[i] == '\n';
	if (n < 0 || !(z->members = calloc((size_t)lines, sizeof *z->members)))
		return -1;
	z->file = st;
	char *rest = z->text, *line;
	while ((line = strsep(&rest, "\n")))
		if (*line && member_read(&z->members[z->n], line) == 0)
			z->n++;
	return 0;
}

const char *next_word(const char *list, char *word, size_t size)
{
	size_t n = 0;
	if (!list || !*list || strcmp(list, "-") == 0)
		return NULL;
	for (; *list && *list != ','; list++)
		if (n + 1 < size)
			word[n++] = *list;
	word[n] = 0;
	return *list ? list + 1 : list;
}

int has_word(const char *list, const char *word)
{
	char one[MAX_NAME];
	while ((list = next_word(list, one, sizeof one)))
		if (strcasecmp(one, word) == 0)
			return 1;
	return 0;
}
