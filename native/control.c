/* The control socket's clients. Each is a NanoContainer command that waits, attached or not; its standard streams
 * come here as descriptors (unix(7), SCM_RIGHTS) and its going away is the end of its attachment. */
#define _GNU_SOURCE
#include "monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes reading or writing it not wait. O_NONBLOCK belongs to the open file description, which the client shares with
 * its shell and its parents: so pipes and terminals are opened anew, and sockets, which have no path, are asked call
 * by call. Regular files never block. */
static int unblocked(struct watch *w, int fd, int flags)
{
	char path[32];
	struct stat st;
	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return fd;
	w->socket = S_ISSOCK(st.st_mode);
	if (w->socket)
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int fresh = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fresh < 0)
		return fd;
	close(fd);
	if (S_ISFIFO(st.st_mode) && flags == O_WRONLY)
		fcntl(fresh, F_SETPIPE_SZ, 1024 * 1024); /* fewer turns between us and who reads */
	return fresh;
}

static void attach(struct monitor *m, struct client *c, struct control_msg *msg, const unsigned char *keys, size_t nkeys, int *fds, int nfds)
{
	int used = 0;
	c->flags = msg->a;
	c->waits = 1;
	c->nkeys = nkeys > sizeof c->keys ? sizeof c->keys : (unsigned)nkeys;
	memcpy(c->keys, keys, c->nkeys);
	if (msg->a & ATTACH_STDIN && used < nfds) {
		c->in.fd = unblocked(&c->in, fds[used++], O_RDONLY);
		stdin_resume(m);
	}
	for (int i = 0; i < 2; i++)
		if (msg->a & (i ? ATTACH_STDERR : ATTACH_STDOUT) && used < nfds) {
			c->out[i].fd = unblocked(&c->out[i], fds[used++], O_WRONLY);
			c->sent[i] = m->out[i].len; /* what is in the buffer came before this client */
		}
	while (used < nfds)
		close(fds[used++]);
	if (m->exited && (c->told = 1))
		client_send(c, C_EXITED, (uint32_t)m->status, 0);
}

static void resize(struct monitor *m, uint32_t rows, uint32_t columns)
{
	struct winsize ws = { (unsigned short)rows, (unsigned short)columns, 0, 0 };
	if (m->terminal && m->out[0].open)
		ioctl(m->out[0].src.fd, TIOCSWINSZ, &ws); /* the kernel sends SIGWINCH to the foreground group */
}

void client_read(struct monitor *m, struct client *c)
{
	struct { struct control_msg msg; unsigned char data[64]; } in;
	char space[CMSG_SPACE(3 * sizeof(int))];
	struct iovec iov = { &in, sizeof in };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	int fds[4], nfds = 0; /* CMSG_SPACE of three has room for four */
	ssize_t n = recvmsg(c->sock.fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof in.msg) {
		if (c->in.fd >= 0)
			stdin_end(m);
		client_drop(m, c);
		return;
	}
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h);
	if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS) {
		nfds = (int)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		nfds = nfds > 4 ? 4 : nfds;
		memcpy(fds, CMSG_DATA(cm), (size_t)nfds * sizeof(int));
	}
	if (in.msg.type == C_ATTACH && in.msg.version == CONTROL_VERSION) {
		attach(m, c, &in.msg, in.data, (size_t)n - sizeof in.msg, fds, nfds);
		return;
	}
	for (int i = 0; i < nfds; i++)
		close(fds[i]);
	if (in.msg.version != CONTROL_VERSION)
		client_send(c, C_REFUSED, EPROTONOSUPPORT, 0);
	else if (in.msg.type == C_RESIZE)
		resize(m, in.msg.a, in.msg.b);
	else if (in.msg.type == C_GO)
		send(m->init.fd, "", 1, MSG_NOSIGNAL);
	else if (in.msg.type == C_WAIT) {
		c->waits = 1;
		c->late = in.msg.a == 1;
		if (m->exited && (!c->late || m->drained) && (c->told = 1))
			client_send(c, C_EXITED, (uint32_t)m->status, 0);
	} else if (in.msg.type == C_REAPED)
		c->flags &= ~(unsigned)ATTACH_LEASE, c->waits = in.msg.a ? 3 : 2;
	else
		client_send(c, C_REFUSED, EOPNOTSUPP, 0);
}
