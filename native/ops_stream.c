/* Operations on the process's terminal and standard streams. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>

static int send_with_fd(int sock, const void *data, unsigned len, int fd)
{
	char space[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return sendmsg(sock, &h, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A pty in the container's own devpts, so that tty(1) and /dev/pts agree inside. The master goes to the
 * monitor. That it is devpts is checked: a running container may have put anything at that path.
 * n: rows, columns */
int op_pty(struct init *in, struct op *o)
{
	struct statfs fs;
	struct init_msg m = { INIT_PTY, in->index, 0 };
	struct winsize ws = { (unsigned short)o->n[0], (unsigned short)o->n[1], 0, 0 };
	int unlock = 0, r = 0, master = open_in_root(in, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0)
		return master;
	if (fstatfs(master, &fs) < 0 || fs.f_type != NC_DEVPTS_SUPER_MAGIC)
		return close(master), -ENOTTY;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || (in->tty = ioctl(master, NC_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		r = -errno;
	if (r == 0 && ws.ws_row)
		ioctl(master, TIOCSWINSZ, &ws);
	if (r == 0)
		r = send_with_fd(in->monitor, &m, sizeof m, master);
	close(master);
	return r;
}

/* /dev/console is the container's terminal: a bind mount of the pty's slave on a file of our own tmpfs. */
int op_console(struct init *in, struct op *o)
{
	int fd = (int)syscall(SYS_open_tree, in->tty, "", NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (fd < 0)
		return -errno;
	int r = attach_in_root(in, fd, op_text(o, 0));
	close(fd);
	return r;
}

/* In place of a stream that the container has not: its own null device, never the host's, whose mode and owner it could
 * change through the descriptor. If there is none, a pipe that nobody writes to. */
static int nothing_to_read(struct init *in)
{
	int ends[2], fd = open_null(in, O_RDWR);
	if (fd >= 0)
		return fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	close(ends[1]);
	return ends[0];
}

/* n: uid, gid that will own the streams, so that an unprivileged process can reopen /dev/stdout */
int op_stdio(struct init *in, struct op *o)
{
	struct stat st;
	for (int i = 0; i < 3; i++) {
		int fd = in->tty >= 0 ? in->tty : in->stdio[i];
		int nothing = fd < 0 ? nothing_to_read(in) : -1;
		if (fd < 0 && nothing < 0)
			return nothing;
		if (dup2(fd < 0 ? nothing : fd, i) < 0)
			return -errno;
		if (nothing >= 0)
			close(nothing);
		else if (fstat(i, &st) == 0 && st.st_uid != (uid_t)o->n[0] && fchown(i, (uid_t)o->n[0], in->tty >= 0 ? st.st_gid : (gid_t)o->n[1]) < 0)
			return -errno;
	}
	if (in->tty >= 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		return -errno;
	return 0;
}
