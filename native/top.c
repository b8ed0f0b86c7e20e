/* The top of the mount namespace, and the way there out of a chroot. A process that has been chroot'ed sees a part of the
 * mounts only; the others are there all the same, above it, and whoever may chroot(2) gets at them by "..". */
#define _GNU_SOURCE
#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

/* setns(2) into the mount namespace that we are in already takes root and working directory to its top. Returns a
 * descriptor of the root directory that we had, to come back by, or -errno. */
int go_to_top(void)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = root < 0 || own < 0 || setns(own, CLONE_NEWNS) < 0 ? -errno : root;
	close(own);
	if (r < 0)
		close(root);
	return r;
}

/* The descriptor is closed. */
int change_root(int dir)
{
	int r = fchdir(dir) < 0 || chroot(".") < 0 ? -errno : 0;
	close(dir);
	return r;
}
