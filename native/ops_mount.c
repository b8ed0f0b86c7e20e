/* Operations on the root file system. An image is hostile input: any directory of it may be a symlink that
 * points at the host. So no target is ever given to the kernel as a path from "/": it is opened beneath the
 * container's root with openat2(2) RESOLVE_IN_ROOT, and what is mounted is attached to that descriptor. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

int open_in_root(struct init *in, const char *path, int flags)
{
	struct nc_open_how how = { (uint64_t)(flags | O_CLOEXEC), 0, NC_RESOLVE_IN_ROOT | NC_RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, in->root, path, &how, sizeof how);
	return fd < 0 ? -errno : fd;
}

/* The same, but no part of the path may be a link. For what the container's safety hangs on: were /proc a link, we
 * would mount procfs in one place, and mask paths in another. */
int open_exactly(struct init *in, const char *path, int flags)
{
	struct nc_open_how how = { (uint64_t)(flags | O_CLOEXEC), 0,
				   NC_RESOLVE_IN_ROOT | NC_RESOLVE_NO_MAGICLINKS | NC_RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, in->root, path, &how, sizeof how);
	return fd < 0 ? -errno : fd;
}

/* The container's /dev/null, if it is the null device and nothing else: an image or a volume may have a link there, to
 * what is to be hidden (CVE-2025-31133). */
int open_null(struct init *in, int flags)
{
	struct stat st;
	int fd = open_exactly(in, "/dev/null", O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return close(fd), -ENODEV;
	if (flags & O_PATH)
		return fd;
	close(fd);
	return open_exactly(in, "/dev/null", flags);
}

static int attach(int mount_fd, int target)
{
	long r = syscall(SYS_move_mount, mount_fd, "", target, "", NC_MOVE_MOUNT_F_EMPTY_PATH | NC_MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? -errno : 0;
}

int attach_in_root(struct init *in, int mount_fd, const char *target)
{
	int fd = open_in_root(in, target, O_PATH);
	if (fd < 0)
		return fd;
	if (is_hidden_proc(fd, target))
		return close(fd), -EPERM;
	int r = attach(mount_fd, fd);
	close(fd);
	return r;
}

static int write_all(int fd, struct str *s)
{
	ssize_t n = write(fd, s->text, s->len);
	int r = n < 0 ? -errno : (uint32_t)n < s->len ? -EIO : 0;
	close(fd);
	return r;
}

/* Sets "key=value" or the flag "key". */
static long fs_option(int fs, char *option)
{
	char *eq = strchr(option, '=');
	if (!eq)
		return syscall(SYS_fsconfig, fs, NC_FSCONFIG_SET_FLAG, option, NULL, 0);
	*eq = 0;
	long r = syscall(SYS_fsconfig, fs, NC_FSCONFIG_SET_STRING, option, eq + 1, 0);
	*eq = '=';
	return r;
}

/* fsopen(2), the options, fsmount(2): a new file system, attached to nothing yet. */
static int new_mount(struct op *o, const char *type, uint32_t first, unsigned attr)
{
	int fs = (int)syscall(SYS_fsopen, type, NC_FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	/* The source is what mount(8) shows; a file system takes it once. */
	int named = first < o->nstr && strncmp(op_text(o, first), "source=", 7) == 0;
	long r = named ? 0 : syscall(SYS_fsconfig, fs, NC_FSCONFIG_SET_STRING, "source", type, 0);
	for (uint32_t i = first; i < o->nstr && r >= 0; i++)
		r = fs_option(fs, op_text(o, i));
	if (r >= 0)
		r = syscall(SYS_fsconfig, fs, NC_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r >= 0)
		r = syscall(SYS_fsmount, fs, NC_FSMOUNT_CLOEXEC, attr);
	int saved = errno;
	close(fs);
	return r < 0 ? -saved : (int)r;
}

/* strings: type, target, options...; n: MOUNT_ATTR_ flags, whether the target may be reached through links */
int op_mount(struct init *in, struct op *o)
{
	int fd = new_mount(o, op_text(o, 0), 2, (unsigned)o->n[0]);
	if (fd < 0)
		return fd;
	int target = o->n[1] ? open_in_root(in, op_text(o, 1), O_PATH) : open_exactly(in, op_text(o, 1), O_PATH);
	int r = target < 0 ? target : is_hidden_proc(target, op_text(o, 1)) ? -EPERM : attach(fd, target);
	if (target >= 0)
		close(target);
	close(fd);
	return r;
}

/* A new file system on a directory of the host, as this mount namespace alone sees it. */
static int mount_on_host(struct op *o, const char *type)
{
	if (mkdir(op_text(o, 0), 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = new_mount(o, type, 1, 0);
	if (fd < 0)
		return fd;
	int target = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = target < 0 ? -errno : attach(fd, target);
	close(target);
	close(fd);
	return r;
}

/* strings: directory on the host, options (lowerdir+=... one each). The kernel has lowerdir+ since 6.5. */
int op_overlay(struct init *in, struct op *o) { (void)in; return mount_on_host(o, "overlay"); }

/* A tmpfs to prepare mounts in: it ends with this mount namespace. strings: directory on the host, options */
int op_scratch(struct init *in, struct op *o) { (void)in; return mount_on_host(o, "tmpfs"); }

/* A file in it, of which no disk ever hears (a secret). strings: path, content; n: mode, uid, gid */
int op_scratch_file(struct init *in, struct op *o)
{
	(void)in;
	int fd = open(op_text(o, 0), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fchown(fd, (uid_t)o->n[1], (gid_t)o->n[2]) < 0 || fchmod(fd, (mode_t)o->n[0]) < 0) {
		int e = errno;
		return close(fd), -e;
	}
	return write_all(fd, op_str(o, 1));
}

/* The same for older kernels: strings: directory on the host, options before the layers, lower directories...
 * mount(2) takes one page of options, too little for 128 paths; /proc/self/fd/N is short and always fits. */
int op_overlay_options(struct init *in, struct op *o)
{
	char data[4096];
	if (mkdir(op_text(o, 0), 0700) < 0 && errno != EEXIST)
		return -errno;
	size_t len = (size_t)snprintf(data, sizeof data, "%slowerdir=", op_text(o, 1));
	int first = -1, last = -1;
	for (uint32_t i = 2; i < o->nstr; i++) {
		int fd = open(op_text(o, i), O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		first = first < 0 || fd < first ? fd : first;
		last = fd > last ? fd : last;
		len += (size_t)snprintf(data + len, sizeof data - len, "%s/proc/self/fd/%d", i > 2 ? ":" : "", fd);
		if (len >= sizeof data)
			return -E2BIG;
	}
	int r = mount("overlay", op_text(o, 0), "overlay", 0, data) < 0 ? -errno : 0;
	for (int fd = first; fd >= 0 && fd <= last; fd++)
		if (fd != in->monitor && fd != in->stdio[0] && fd != in->stdio[1] && fd != in->stdio[2])
			close(fd);
	return r;
}

int op_root(struct init *in, struct op *o)
{
	struct stat st;
	in->root = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->root < 0 || fstat(in->root, &st) < 0)
		return -errno;
	in->plan->root_dev = st.st_dev;
	in->plan->root_ino = st.st_ino;
	return 0;
}

/* strings: path; n: AT_RECURSIVE or 0, attributes to set */
int op_setattr(struct init *in, struct op *o)
{
	struct nc_mount_attr attr = { (uint64_t)o->n[1], 0, 0, 0 };
	int fd = open_in_root(in, op_text(o, 0), O_PATH);
	if (fd < 0)
		return fd;
	long r = syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (unsigned)o->n[0], &attr, sizeof attr);
	int e = errno;
	close(fd);
	return r < 0 ? -e : 0;
}

/* Opens what is to be masked or made read-only. 0: it is not there, or no file of the kernel's. Everything in /proc must
 * be procfs by now: if it is not, masking something else would hide nothing. */
static int open_kernel_path(struct init *in, const char *path)
{
	struct statfs fs;
	int fd = open_exactly(in, path, O_PATH), proc = strncmp(path, "/proc/", 6) == 0;
	if (fd == -ENOENT || fd == -ENOTDIR) {
		int top = proc ? open_exactly(in, "/proc", O_PATH) : -1;
		int r = proc && (top < 0 || fstatfs(top, &fs) < 0 || fs.f_type != NC_PROC_SUPER_MAGIC) ? -EXDEV : 0;
		if (top >= 0)
			close(top);
		return r;
	}
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != (proc ? NC_PROC_SUPER_MAGIC : NC_SYSFS_MAGIC))
		return close(fd), proc ? -EXDEV : 0;
	return fd;
}

/* A mount of the null device that nobody can change: the container's, or, where that is none, the host's. */
static int null_mount(struct init *in)
{
	struct nc_mount_attr attr = { NC_MOUNT_ATTR_RDONLY, 0, 0, 0 };
	int null = open_null(in, O_PATH);
	if (null < 0)
		null = open("/dev/null", O_PATH | O_CLOEXEC); /* we have not pivoted yet */
	if (null < 0)
		return -errno;
	int fd = (int)syscall(SYS_open_tree, null, "", NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int r = fd < 0 ? -errno : fd;
	close(null);
	if (fd >= 0 && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
		r = -errno;
		close(fd);
	}
	return r;
}

/* Hides a path: a file behind the null device, a directory behind an empty read-only tmpfs. */
int op_mask(struct init *in, struct op *o)
{
	struct stat st;
	int target = open_kernel_path(in, op_text(o, 0));
	if (target <= 0)
		return target;
	int directory = fstat(target, &st) == 0 && S_ISDIR(st.st_mode);
	int cover = directory ? new_mount(o, "tmpfs", 1, NC_MOUNT_ATTR_RDONLY) : null_mount(in);
	int r = cover < 0 ? cover : attach(cover, target);
	if (cover >= 0)
		close(cover);
	close(target);
	return r;
}

int op_readonly(struct init *in, struct op *o)
{
	struct nc_mount_attr attr = { NC_MOUNT_ATTR_RDONLY, 0, 0, 0 };
	int target = open_kernel_path(in, op_text(o, 0)), r = 0;
	if (target <= 0)
		return target;
	int fd = (int)syscall(SYS_open_tree, target, "", NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | NC_AT_RECURSIVE);
	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | NC_AT_RECURSIVE, &attr, sizeof attr) < 0)
		r = -errno;
	if (r == 0)
		r = attach(fd, target);
	close(fd);
	close(target);
	return r;
}

/* A file of the host (a cgroup's, /proc/self/oom_score_adj): strings: path, content */
int op_write_file(struct init *in, struct op *o)
{
	(void)in;
	int fd = open(op_text(o, 0), O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : write_all(fd, op_str(o, 1));
}

/* A sysctl through the container's /proc, once that has proved to be procfs, and by a path without links: a volume could
 * otherwise send the write elsewhere (CVE-2019-16884), or a fifo keep it waiting. */
int op_sysctl(struct init *in, struct op *o)
{
	struct statfs fs;
	int fd = open_exactly(in, op_text(o, 0), O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NC_PROC_SUPER_MAGIC)
		return close(fd), -EXDEV;
	return write_all(fd, op_str(o, 1));
}
