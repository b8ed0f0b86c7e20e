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

/* The path of our own root directory from the top of our mount namespace, where this takes us: "/", unless NanoContainer
 * has been chroot'ed. A path is told from the root that the process has (proc(5)). */
static int root_from_top(char *path, size_t size)
{
	char link[16];
	int fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), root = go_to_top();
	snprintf(link, sizeof link, "%d", root);
	ssize_t n = root < 0 || fds < 0 ? -1 : readlinkat(fds, link, path, size - 1);
	int r = root < 0 ? root : n < 0 ? -errno : 0;
	path[n > 0 ? n : 0] = 0;
	close(fds);
	close(root);
	return r;
}

static int is_directory(int fd, struct op *o)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == (dev_t)o->n[2] && st.st_ino == (ino_t)o->n[3];
}

/*
 * Joining a mount namespace moves the process to the top of it. There lies the container's root, whatever the container's
 * first process has chroot'ed itself into meanwhile. Or, where pivot_root(2) could not reach the top, deeper down, where
 * NanoContainer's own root was. n[2] and n[3] tell whether it is the one: what lies there may be a host's. If neither is,
 * the root of the container's first process has to do.
 */
int op_setns(struct init *in, struct op *o)
{
	char path[PATH_MAX];
	int first = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC); /* the pidfd is good afterwards: so was the pid */
	int r = first < 0 ? -errno : root_from_top(path, sizeof path);
	if (r < 0)
		return r;
	if (setns((int)o->n[0], (int)o->n[1]) < 0)
		return -errno;
	close((int)o->n[0]);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!is_directory(root, o)) {
		close(root);
		root = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (!is_directory(root, o)) {
			close(root);
			root = dup(first);
		}
		r = change_root(root);
		root = r < 0 ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	close(first);
	in->root = root;
	return r < 0 ? r : root < 0 ? -errno : 0;
}
