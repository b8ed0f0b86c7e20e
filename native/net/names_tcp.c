/* Questions over TCP (RFC 7766): they are rare, being those whose answers are long, so each connection has a process of its
 * own, which waits as it must and ends. */
#define _GNU_SOURCE
#include "names.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CHILDREN = 32, MAX_OF_ONE = 4, PATIENCE_S = 5, LIFE_S = 30 };

static int read_all(int fd, uint8_t *to, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = read(fd, to + got, n - got);
		if (k <= 0)
			return -1;
		got += (size_t)k;
	}
	return 0;
}

/* A message with its length before it. Returns the length, or -1. */
static int message_read(int fd, uint8_t *message)
{
	uint8_t length[2];
	if (read_all(fd, length, 2) < 0)
		return -1;
	int n = length[0] << 8 | length[1];
	return read_all(fd, message, (size_t)n) < 0 ? -1 : n;
}

static int message_write(int fd, const uint8_t *message, size_t n)
{
	static uint8_t whole[MAX_MESSAGE + 2];
	whole[0] = (uint8_t)(n >> 8);
	whole[1] = (uint8_t)n;
	memcpy(whole + 2, message, n);
	return send(fd, whole, n + 2, MSG_NOSIGNAL) == (ssize_t)n + 2 ? 0 : -1;
}

static void patience(int fd)
{
	struct timeval t = { PATIENCE_S, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* Returns the length of what a server answered, or -1. */
static int ask(const char *servers, const uint8_t *message, size_t n, uint8_t *out)
{
	char text[64];
	while ((servers = next_word(servers, text, sizeof text))) {
		union address to;
		int length = server_address(text, &to), got = -1;
		int fd = length ? socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
		if (fd < 0)
			continue;
		patience(fd);
		if (connect(fd, &to.any, (socklen_t)length) == 0 && message_write(fd, message, n) == 0)
			got = message_read(fd, out);
		close(fd);
		if (got > 0)
			return got;
	}
	return -1;
}

static void serve(int fd, const struct member *m)
{
	static uint8_t message[MAX_MESSAGE], out[MAX_MESSAGE];
	int n;
	patience(fd);
	alarm(LIFE_S);
	while ((n = message_read(fd, message)) > 0) {
		struct question q;
		int code = question_read(message, (size_t)n, &q);
		if (code < 0)
			return;
		size_t length = code ? answer_begin(out, message, (size_t)n, &q, code) : look_up(out, message, (size_t)n, &q, m);
		if (length)
			length = answer_end(out, length, &q, MAX_MESSAGE);
		else {
			int got = ask(m->servers, message, (size_t)n, out);
			length = got > 0 ? (size_t)got : answer_begin(out, message, (size_t)n, &q, SERVER_FAILURE);
		}
		if (message_write(fd, out, length) < 0)
			return;
	}
}

/* Who serves whom. */
static struct {
	pid_t pid;
	struct in_addr asker;
} children[MAX_CHILDREN];

void names_tcp_ended(void)
{
	pid_t pid;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < MAX_CHILDREN; i++)
			if (children[i].pid == pid)
				children[i].pid = 0;
}

/* A place for one more of this asker's, or -1: nobody takes the places of all others. */
static int free_place(struct in_addr asker)
{
	int place = -1, own = 0;
	for (int i = 0; i < MAX_CHILDREN; i++) {
		if (!children[i].pid)
			place = i;
		else
			own += children[i].asker.s_addr == asker.s_addr;
	}
	return own < MAX_OF_ONE ? place : -1;
}

void names_tcp_ready(struct waiter *w, uint32_t events)
{
	struct port *p = (struct port *)w;
	union address from;
	socklen_t length = sizeof from;
	(void)events;
	int fd = accept4(p->fd, &from.any, &length, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	zone_refresh();
	const struct member *m = from.any.sa_family == AF_INET ? member_at(from.v4.sin_addr) : NULL;
	int place = m ? free_place(m->ip) : -1;
	pid_t child = place < 0 ? -1 : fork();
	if (child == 0) {
		wait_leave();
		close(3); /* who comes after us may have the addresses */
		close(4);
		signal(SIGCHLD, SIG_DFL);
		serve(fd, m);
		_exit(0);
	}
	if (child > 0) {
		children[place].pid = child;
		children[place].asker = m->ip;
	}
	close(fd);
}
