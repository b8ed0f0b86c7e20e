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
	int r = attach(mount_fd, fd);
	close(fd);
	return r;
}

int op_propagation(struct init *in, struct op *o)
{
	(void)in;
	return mount(NULL, "/", NULL, (unsigned long)o->n[0], NULL) < 0 ? -errno : 0;
}

/* The directory part and the last name of `path`, the directory opened in the root. */
static int open_parent(struct init *in, const char *path, const char **name)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= sizeof dir)
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = 0;
	return open_in_root(in, len ? dir : "/", O_PATH | O_DIRECTORY);
}

/* mkdir -p, one component at a time, each resolved anew in the root. */
static int mkdir_parents(struct init *in, const char *path, mode_t mode)
{
	char part[4096];
	size_t len = strlen(path);
	if (len >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		int fd = open_in_root(in, part, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT) {
			const char *name;
			int parent = open_parent(in, part, &name);
			if (parent < 0)
				return parent;
			int r = mkdirat(parent, name, mode) < 0 && errno != EEXIST ? -errno : 0;
			close(parent);
			if (r < 0)
				return r;
			fd = open_in_root(in, part, O_PATH | O_DIRECTORY);
		}
		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

int op_mkdir(struct init *in, struct op *o) { return mkdir_parents(in, op_text(o, 0), (mode_t)o->n[0]); }

/* Makes an empty file to mount a file on, unless something is there. */
int op_touch(struct init *in, struct op *o)
{
	const char *name, *path = op_text(o, 0);
	int fd = open_in_root(in, path, O_PATH);
	if (fd >= 0)
		return close(fd), 0;
	if (fd != -ENOENT)
		return fd;
	char dir[4096];
	const char *slash = strrchr(path, '/');
	if (slash && slash != path && (size_t)(slash - path) < sizeof dir) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = 0;
		int r = mkdir_parents(in, dir, 0755);
		if (r < 0)
			return r;
	}
	int parent = open_parent(in, path, &name);
	if (parent < 0)
		return parent;
	fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, (mode_t)o->n[0]);
	int r = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	close(parent);
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
	long r = syscall(SYS_fsconfig, fs, NC_FSCONFIG_SET_STRING, "source", type, 0); /* what mount(8) shows */
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

/* strings: type, target, options...; n: MOUNT_ATTR_ flags */
int op_mount(struct init *in, struct op *o)
{
	int fd = new_mount(o, op_text(o, 0), 2, (unsigned)o->n[0]);
	if (fd < 0)
		return fd;
	int r = attach_in_root(in, fd, op_text(o, 1));
	close(fd);
	return r;
}

/* strings: directory on the host, options (lowerdir+=... one each). The kernel has lowerdir+ since 6.5. */
int op_overlay(struct init *in, struct op *o)
{
	(void)in;
	int fd = new_mount(o, "overlay", 1, 0);
	if (fd < 0)
		return fd;
	int target = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = target < 0 ? -errno : attach(fd, target);
	close(target);
	close(fd);
	return r;
}

/* The same for older kernels: strings: directory on the host, options before the layers, lower directories...
 * mount(2) takes one page of options, too little for 128 paths; /proc/self/fd/N is short and always fits. */
int op_overlay_options(struct init *in, struct op *o)
{
	char data[4096];
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
	in->root = open(op_text(o, 0), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return in->root < 0 ? -errno : 0;
}

/* strings: source (a path of the host), target; n: AT_RECURSIVE or 0, attributes to set, MS_ propagation */
int op_bind(struct init *in, struct op *o)
{
	unsigned recursive = (unsigned)o->n[0];
	struct nc_mount_attr attr = { (uint64_t)o->n[1], 0, (uint64_t)o->n[2], 0 };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, op_text(o, 0), NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | recursive);
	if (fd < 0)
		return -errno;
	int r = 0;
	if (attr.propagation && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | recursive,
					&(struct nc_mount_attr){ 0, 0, attr.propagation, 0 }, sizeof attr) < 0)
		r = -errno;
	attr.propagation = 0;
	/* n[3]: how deep the attributes reach; "bind-recursive=writable" sets them on the top mount only */
	if (r == 0 && attr.attr_set && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (unsigned)o->n[3], &attr, sizeof attr) < 0)
		r = -errno;
	if (r == 0)
		r = attach_in_root(in, fd, op_text(o, 1));
	close(fd);
	return r;
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

/* Hides a path: a file behind the container's /dev/null, a directory behind an empty read-only tmpfs. */
int op_mask(struct init *in, struct op *o)
{
	struct stat st;
	int target = open_in_root(in, op_text(o, 0), O_PATH), cover, r;
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	if (fstat(target, &st) == 0 && S_ISDIR(st.st_mode)) {
		cover = new_mount(o, "tmpfs", 1, NC_MOUNT_ATTR_RDONLY);
	} else {
		int null = open_in_root(in, "/dev/null", O_PATH);
		cover = (int)syscall(SYS_open_tree, null, "", NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		cover = cover < 0 ? -errno : cover;
		close(null);
	}
	r = cover < 0 ? cover : attach(cover, target);
	if (cover >= 0)
		close(cover);
	close(target);
	return r;
}

int op_readonly(struct init *in, struct op *o)
{
	struct nc_mount_attr attr = { NC_MOUNT_ATTR_RDONLY, 0, 0, 0 };
	int target = open_in_root(in, op_text(o, 0), O_PATH), r = 0;
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
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

/* strings: path; n: mode with file type, major, minor, uid, gid */
int op_mknod(struct init *in, struct op *o)
{
	const char *name;
	int parent = open_parent(in, op_text(o, 0), &name), r = 0;
	if (parent < 0)
		return parent;
	if (mknodat(parent, name, (mode_t)o->n[0], makedev((unsigned)o->n[1], (unsigned)o->n[2])) < 0 ||
	    fchownat(parent, name, (uid_t)o->n[3], (gid_t)o->n[4], AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	close(parent);
	return r;
}

int op_symlink(struct init *in, struct op *o)
{
	const char *name;
	int parent = open_parent(in, op_text(o, 1), &name), r = 0;
	if (parent < 0)
		return parent;
	if (symlinkat(op_text(o, 0), parent, name) < 0 && !(o->n[0] && errno == EEXIST))
		r = -errno;
	close(parent);
	return r;
}

/* The new root becomes "/", the old one is stacked on it and taken off: no directory for it is needed.
 * pivot_root(2), NOTES, `pivot_root(".", ".")`. */
int op_pivot_root(struct init *in, struct op *o)
{
	(void)o;
	if (fchdir(in->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int write_all(int fd, struct str *s)
{
	ssize_t n = write(fd, s->text, s->len);
	int r = n < 0 ? -errno : (uint32_t)n < s->len ? -EIO : 0;
	close(fd);
	return r;
}

/* A file of the host (a cgroup's, /proc/self/oom_score_adj): strings: path, content */
int op_write_file(struct init *in, struct op *o)
{
	(void)in;
	int fd = open(op_text(o, 0), O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : write_all(fd, op_str(o, 1));
}

/* A sysctl through the container's /proc, once that has proved to be procfs: a volume mounted there could
 * otherwise send the write elsewhere (CVE-2019-16884). */
int op_sysctl(struct init *in, struct op *o)
{
	struct statfs fs;
	int fd = open_in_root(in, op_text(o, 0), O_WRONLY);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NC_PROC_SUPER_MAGIC)
		return close(fd), -EXDEV;
	return write_all(fd, op_str(o, 1));
}
