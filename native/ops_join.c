/* How a further process comes into a container that runs (exec): the namespaces, and the right root directory. */
#define _GNU_SOURCE
#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path of our own root directory from the top of our mount namespace: "/", unless NanoContainer has been chroot'ed.
 * setns(2), to where we are already, takes us to the top; and a path is told from there (proc(5)). */
static int root_from_top(char *path, size_t size)
{
	char link[16];
	int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = top < 0 || fds < 0 || own < 0 || setns(own, CLONE_NEWNS) < 0 ? -errno : 0;
	snprintf(link, sizeof link, "%d", top);
	ssize_t n = r < 0 ? 0 : readlinkat(fds, link, path, size - 1);
	if (r == 0 && n < 0)
		r = -errno;
	path[n > 0 ? n : 0] = 0;
	close(own);
	close(fds);
	close(top);
	return r;
}

/*
 * Joining a mount namespace moves the process to the top of it. There lies the container's root, whatever the container's
 * first process has chroot'ed itself into meanwhile; or, if NanoContainer had been chroot'ed when it started the container,
 * deeper down, where NanoContainer's own root was: pivot_root(2) put it in that place. n[2] and n[3] tell whether it is
 * the one: what lies there may be a host's. If it is not, the root of the container's first process has to do.
 * chroot(2) is left out where there is nothing to change: a chroot'ed process may not make user namespaces.
 */
int op_setns(struct init *in, struct op *o)
{
	char path[PATH_MAX];
	struct stat st;
	int first = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC); /* the pidfd is good afterwards: so was the pid */
	int r = first < 0 ? -errno : root_from_top(path, sizeof path);
	if (r < 0)
		return r;
	if (setns((int)o->n[0], (int)o->n[1]) < 0)
		return -errno;
	close((int)o->n[0]);
	in->root = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in->root >= 0 && fstat(in->root, &st) == 0 && st.st_dev == (dev_t)o->n[2] && st.st_ino == (ino_t)o->n[3]) {
		close(first);
		if (!path[1])
			return 0;
	} else {
		close(in->root);
		in->root = first;
	}
	return fchdir(in->root) < 0 || chroot(".") < 0 ? -errno : 0;
}
