/* The container's streams: output to the log and to every attached client, one client's input to the container.
 * A buffer of output is read again only when all clients have the last one: a slow reader slows the container,
 * as a pipe does; nothing is dropped and nothing grows. */
#define _GNU_SOURCE
#include "monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define STDIN_BUFFER (64 * 1024)

/* mmap, not malloc: buffers that were never used take no memory, and those of a stream that fell silent are
 * given back (see stream_pump). */
static char *buffer(size_t n) { return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

void stream_open(struct monitor *m, int which, int fd)
{
	struct stream *s = &m->out[which];
	fcntl(fd, F_SETFL, O_NONBLOCK);
	s->which = which;
	s->open = 1;
	s->src = watch_of(W_STREAM, fd, s);
	s->buf = buffer(STREAM_BUFFER);
	watch_set(m, &s->src, EPOLLIN);
}

static void stream_close(struct monitor *m, struct stream *s)
{
	watch_set(m, &s->src, 0);
	close(s->src.fd);
	s->open = 0;
}

/* Gives each client what it has not had of the buffer; true when all have everything. */
static int deliver(struct monitor *m, struct stream *s)
{
	int all = 1;
	for (struct client *c = m->clients; c; c = c->next) {
		struct watch *w = &c->out[s->which];
		while (w->fd >= 0 && c->sent[s->which] < s->len) {
			const char *from = s->buf + c->sent[s->which];
			size_t left = s->len - c->sent[s->which];
			ssize_t n = w->socket ? send(w->fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL) : write(w->fd, from, left);
			if (n >= 0) {
				c->sent[s->which] += (size_t)n;
			} else if (errno == EAGAIN) {
				watch_set(m, w, EPOLLOUT);
				all = 0;
				break;
			} else if (errno != EINTR) {
				client_send(c, C_BROKEN, (uint32_t)s->which, (uint32_t)errno);
				watch_close(m, w);
			}
		}
	}
	return all;
}

void stream_pump(struct monitor *m, struct stream *s)
{
	for (int turns = 0; turns < 64; turns++) { /* then let others have a turn */
		if (s->len) {
			if (!deliver(m, s)) {
				watch_set(m, &s->src, 0);
				return;
			}
			s->len = 0;
		}
		if (!s->open)
			return;
		ssize_t n = read(s->src.fd, s->buf, STREAM_BUFFER);
		if (n <= 0) {
			if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
				if (s->large)
					madvise(s->buf, STREAM_BUFFER, MADV_DONTNEED);
				s->large = 0;
				watch_set(m, &s->src, EPOLLIN);
				return;
			}
			stream_close(m, s); /* EOF; EIO on a pty whose last slave was closed */
			return;
		}
		log_write(m->log, s->which, s->buf, (size_t)n);
		s->large |= n > 4096;
		s->len = (size_t)n;
		for (struct client *c = m->clients; c; c = c->next)
			c->sent[s->which] = 0;
	}
	watch_set(m, &s->src, EPOLLIN);
}

void streams_flush(struct monitor *m)
{
	for (int i = 0; i < 2; i++)
		if (m->out[i].len || m->out[i].open)
			stream_pump(m, &m->out[i]);
}

int streams_done(struct monitor *m)
{
	return !m->out[0].open && !m->out[1].open && !m->out[0].len && !m->out[1].len;
}

static void stdin_close(struct monitor *m)
{
	watch_set(m, &m->in, 0);
	if (m->in.fd >= 0)
		close(m->in.fd);
	m->in.fd = -1;
	for (struct client *c = m->clients; c; c = c->next)
		watch_close(m, &c->in); /* so that who writes there learns that nobody reads */
}

/* A client's input is over: with -i the container's ends with it, when what is pending has gone through. */
void stdin_end(struct monitor *m)
{
	if (!m->in_once || m->terminal)
		return;
	m->in_ending = 1;
	if (!m->in_len)
		stdin_close(m);
}

/* Finds the detach keys in what was typed. Returns how many bytes to pass on, or -1 for "detach". Bytes of a
 * sequence begun are held back until the next key shows whether it goes on. */
static ssize_t scan_keys(struct client *c, char *to, const char *typed, size_t n)
{
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		if (c->nkeys && (unsigned char)typed[i] == c->keys[c->matched]) {
			if (++c->matched == c->nkeys)
				return -1;
			continue;
		}
		memcpy(to + out, c->keys, c->matched);
		out += c->matched;
		c->matched = 0;
		if (c->nkeys && (unsigned char)typed[i] == c->keys[0])
			c->matched = 1;
		else
			to[out++] = typed[i];
	}
	return (ssize_t)out;
}

/* Waits for input of the attached, if there is somewhere to put it. epoll(7) refuses regular files: those are always
 * ready, and read when the container takes more. */
void stdin_resume(struct monitor *m)
{
	for (struct client *c = m->clients; c && m->in.fd >= 0; c = c->next) {
		if (c->in.fd < 0)
			continue;
		watch_set(m, &c->in, EPOLLIN);
		c->in_always_ready = c->in.events == 0;
		if (c->in_always_ready)
			watch_set(m, &m->in, EPOLLOUT);
	}
}

/* Writes what is pending to the container; false while it takes no more. */
static int stdin_write(struct monitor *m)
{
	while (m->in_sent < m->in_len) {
		ssize_t n = m->in.fd < 0 ? -1 : write(m->in.fd, m->in_buf + m->in_sent, m->in_len - m->in_sent);
		if (n >= 0) {
			m->in_sent += (size_t)n;
		} else if (m->in.fd >= 0 && errno == EAGAIN) {
			watch_set(m, &m->in, EPOLLOUT);
			return 0;
		} else if (m->in.fd < 0 || errno != EINTR) {
			stdin_close(m); /* nobody reads any more */
			break;
		}
	}
	m->in_len = m->in_sent = 0;
	if (m->in_ending)
		stdin_close(m);
	return 1;
}

/* Input of client `c` is ready. */
void stdin_pump(struct monitor *m, struct client *c)
{
	char typed[1024];
	if (!m->in_buf)
		m->in_buf = buffer(STDIN_BUFFER);
	for (int turns = 0; turns < 64; turns++) {
		if (m->in_len && !stdin_write(m)) {
			watch_set(m, &c->in, 0);
			return;
		}
		if (c->in.fd < 0)
			return;
		int scan = c->nkeys > 0;
		char *to = scan ? typed : m->in_buf;
		size_t room = scan ? sizeof typed : STDIN_BUFFER;
		ssize_t n = c->in.socket ? recv(c->in.fd, to, room, MSG_DONTWAIT) : read(c->in.fd, to, room);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			watch_close(m, &c->in);
			stdin_end(m);
			return;
		}
		if (m->in.fd < 0)
			continue; /* the container closed its stdin: what is typed goes nowhere */
		if (scan && (n = scan_keys(c, m->in_buf, typed, (size_t)n)) < 0) {
			client_send(c, C_DETACHED, 0, 0);
			stdin_end(m);
			client_drop(m, c);
			return;
		}
		m->in_len = (size_t)n;
		m->in_sent = 0;
		if (!c->in_always_ready && !stdin_write(m)) {
			watch_set(m, &c->in, 0);
			return;
		}
		if (!c->in_always_ready && n < STDIN_BUFFER)
			return;
	}
	if (c->in_always_ready) /* no event will come for a regular file: go on when the container takes more */
		watch_set(m, &m->in, EPOLLOUT);
}

/* The container takes input again. */
void stdin_drain(struct monitor *m)
{
	watch_set(m, &m->in, 0);
	if (!stdin_write(m))
		return;
	for (struct client *c = m->clients; c; c = c->next)
		if (c->in.fd >= 0 && c->in_always_ready)
			stdin_pump(m, c); /* asks for more by itself */
		else if (c->in.fd >= 0)
			watch_set(m, &c->in, EPOLLIN);
}
