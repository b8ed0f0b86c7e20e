/* How a process comes into namespaces that are there: a further one of a container (exec), with the right root directory;
 * the first one of a container that shares another's network. */
#define _GNU_SOURCE
#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_the_root(int fd, struct op *o)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == (dev_t)o->n[2] && st.st_ino == (ino_t)o->n[3];
}

/* The container's root above a directory into which its first process has chroot'ed itself, or -1. As far up as
 * containerRoot() in src/engine/container/exec.ts looks. */
static int root_above(int dir, struct op *o)
{
	int at = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int level = 0; level < 64 && at >= 0 && !is_the_root(at, o); level++) {
		int below = at;
		at = openat(below, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(below);
	}
	if (is_the_root(at, o))
		return at;
	close(at);
	return -1;
}

/*
 * Joining a mount namespace moves the process to the top of it. There lies the container's root, whatever the container's
 * first process has chroot'ed itself into meanwhile. Or, where pivot_root(2) could not reach the top, deeper down. n[2] and
 * n[3] tell whether it is the one: what lies at the top may be a host's. If it is not found, the root of the first process
 * has to do.
 */
int op_setns(struct init *in, struct op *o)
{
	int first = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC); /* the pidfd is good afterwards: so was the pid */
	if (first < 0 || setns((int)o->n[0], (int)o->n[1]) < 0)
		return -errno;
	close((int)o->n[0]);
	in->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (is_the_root(in->root, o))
		return close(first);
	close(in->root);
	int root = is_the_root(first, o) ? -1 : root_above(first, o);
	in->root = root < 0 ? first : root;
	return fchdir(in->root) < 0 || chroot(".") < 0 ? -errno : 0;
}

/* One namespace of another process, by its file in /proc. The number of the file tells that it is still the one that was
 * meant, and not that of a process which was given the same pid since. */
int op_join(struct init *in, struct op *o)
{
	struct stat st;
	(void)in;
	int fd = open(op_text(o, 0), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != (ino_t)o->n[1]) {
		close(fd);
		return -ESRCH;
	}
	int r = setns(fd, (int)o->n[0]) < 0 ? -errno : 0;
	close(fd);
	return r;
}
