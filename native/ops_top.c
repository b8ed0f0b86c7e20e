/* What is done at the top of the mount namespace. A process that has been chroot'ed sees a part of the mounts only; the
 * others are there all the same, above it, and whoever may chroot(2) gets at them by "..". */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* setns(2) into the mount namespace that we are in already takes root and working directory to its top. Returns a
 * descriptor of the root directory that we had, to come back by, or -errno. EPERM: there is no CAP_SYS_CHROOT; then no
 * container of ours has it either, and what lies above is in nobody's reach. */
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

/* Of all mounts: from the top, those above the root of a process that has been chroot'ed too; and from our own root,
 * which something may have been mounted over. That of a plain directory has no mounts of its own (EINVAL). */
int op_propagation(struct init *in, struct op *o)
{
	unsigned long flags = (unsigned long)o->n[0];
	(void)in;
	if (mount(NULL, "/", NULL, flags, NULL) < 0 && errno != EINVAL)
		return -errno;
	int root = go_to_top();
	if (root < 0)
		return root == -EPERM ? 0 : root;
	int r = mount(NULL, "/", NULL, flags, NULL) < 0 ? -errno : 0;
	return change_root(root) ?: r;
}

/* The new root becomes "/", the old one is stacked on it and taken off: no directory for it is needed (pivot_root(2),
 * NOTES, `pivot_root(".", ".")`). And all else that had been mounted over the old one: "/.." is what lies topmost. */
static int pivot(struct init *in)
{
	struct stat st;
	if (fchdir(in->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	do
		if (umount2(".", MNT_DETACH) < 0 || stat("/..", &st) < 0)
			return errno == EINVAL ? -EBUSY : -errno; /* EINVAL is pivot_root's alone */
	while (st.st_dev != in->plan->root_dev || st.st_ino != in->plan->root_ino);
	return chdir("/") < 0 ? -errno : 0;
}

/* An empty file system over "/", and into it. */
static int cover(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", NC_FSOPEN_CLOEXEC);
	int mount_fd = -1;
	if (fs >= 0 && syscall(SYS_fsconfig, fs, NC_FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount_fd = (int)syscall(SYS_fsmount, fs, NC_FSMOUNT_CLOEXEC, NC_MOUNT_ATTR_RDONLY);
	int r = mount_fd < 0 ? -errno : 0;
	if (!r && syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, "/", NC_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	close(fs);
	return r ? close(mount_fd), r : change_root(mount_fd);
}

/* The root of an initramfs is no mount that could be put elsewhere. But something can be mounted over it, entered, and
 * pivoted then. Twice: the second goes, and the first stays between the initramfs and the container, so that who may
 * unmount finds an empty directory beneath its root. */
static int pivot_over(struct init *in)
{
	int r = cover() ?: cover();
	if (r)
		return r;
	if (syscall(SYS_move_mount, in->root, "", AT_FDCWD, "/", NC_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return pivot(in);
}

/* At the top: what lay above the root of a chroot'ed NanoContainer would stay in reach of who may chroot(2). What cannot be
 * pivoted (EINVAL) is covered; who may not go to the top is left with its own root. */
int op_pivot_root(struct init *in, struct op *o)
{
	int before = go_to_top();
	(void)o;
	if (before < 0)
		return before == -EPERM ? pivot(in) : before;
	close(before);
	int r = pivot(in);
	return r == -EINVAL ? pivot_over(in) : r;
}
