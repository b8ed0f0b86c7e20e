/* What the monitor leaves behind for those who come later: whose processes these are, and how it ended. */
#define _GNU_SOURCE
#include "monitor.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* "<pid of init> <pid of the monitor>\n" beside the control socket: if the command that started us dies before it has
 * noted them, the next command finds the container by this. */
void record_pids(struct monitor *m)
{
	char text[32];
	if (m->listen.fd < 0)
		return;
	int n = snprintf(text, sizeof text, "%d %d\n", m->pid, getpid());
	int fd = open("pids", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, (size_t)n) != n)
		unlink("pids");
	close(fd);
}

/* "<wait status> <seconds>.<nanoseconds>\n", whole or not there: written aside, then renamed. */
static void exit_aside(struct monitor *m, char *path, size_t size) { snprintf(path, size, "%s.tmp", m->exit_path); }

void record_exit(struct monitor *m)
{
	const char *path = m->exit_path;
	char aside[4200], text[64];
	struct timespec t;
	if (!*path)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	int n = snprintf(text, sizeof text, "%d %lld.%09ld\n", m->status, (long long)t.tv_sec, t.tv_nsec);
	exit_aside(m, aside, sizeof aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, (size_t)n) == n && ftruncate(fd, n) == 0)
		rename(aside, path);
	close(fd);
}

/* The file is made while there is room: a container may well end because there is none. */
void reserve_exit(struct monitor *m)
{
	char aside[4200], text[64];
	if (!*m->exit_path)
		return;
	memset(text, ' ', sizeof text);
	exit_aside(m, aside, sizeof aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, sizeof text) < 0)
		unlink(aside);
	close(fd);
}
