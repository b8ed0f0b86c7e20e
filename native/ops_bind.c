/* Bind mounts: what is mounted, or lies, at a path of the host is shown at one of the container. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* `path` as a process with the root directory `root` would open it: what an image or a build context has there may
 * be a link. */
static int open_beneath(const char *root, const char *path)
{
	struct init other = { .root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	if (other.root < 0)
		return -errno;
	int fd = open_in_root(&other, path, O_PATH);
	close(other.root);
	return fd;
}

/* A copy of what is mounted at a path of the host, resolved in `root` unless that is NULL. A descriptor, or -errno. */
static int copied_tree(const char *path, const char *root, unsigned recursive)
{
	int source = root ? open_beneath(root, path) : AT_FDCWD;
	if (source < 0 && source != AT_FDCWD)
		return source;
	int fd = (int)syscall(SYS_open_tree, source, root ? "" : path,
			      NC_OPEN_TREE_CLONE | NC_OPEN_TREE_CLOEXEC | recursive | (root ? AT_EMPTY_PATH : 0));
	int r = fd < 0 ? -errno : fd;
	if (source >= 0)
		close(source);
	return r;
}

/* Ids of files are seen as the user namespace maps them, and written back so (mount_setattr(2), MOUNT_ATTR_IDMAP): of the mount
 * itself, not of those below it, whose file systems may not know how. `path` leads to the namespace. */
static int map_ids(int tree, const char *path)
{
	struct nc_mount_attr attr = { NC_MOUNT_ATTR_IDMAP, 0, 0, 0 };
	int space = open(path, O_RDONLY | O_CLOEXEC);
	int r = 0;
	if (space < 0)
		return -errno;
	attr.userns_fd = (uint64_t)space;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		r = -errno;
	close(space);
	return r;
}

/* Before the mounts are made private: a copy taken now is still a peer of the host's mount, and hears of what is mounted
 * there (mount_namespaces(7)). strings: source, its root or "", maybe the user namespace that maps its ids;
 * n: place in `trees`, AT_RECURSIVE or 0 */
int op_tree(struct init *in, struct op *o)
{
	if (o->n[0] < 0 || o->n[0] >= (int64_t)(sizeof in->trees / sizeof *in->trees))
		return -EMFILE;
	int fd = copied_tree(op_text(o, 0), op_str(o, 1)->len ? op_text(o, 1) : NULL, (unsigned)o->n[1]);
	in->trees[o->n[0]] = fd;
	return fd < 0 ? fd : o->nstr > 2 ? map_ids(fd, op_text(o, 2)) : 0;
}

/* strings: source (a path of the host), target, and maybe the root directory that the source is resolved in;
 * n: AT_RECURSIVE or 0, attributes to set, MS_ propagation, how deep the attributes reach, place in `trees` or -1 */
int op_bind(struct init *in, struct op *o)
{
	unsigned recursive = (unsigned)o->n[0];
	struct nc_mount_attr attr = { (uint64_t)o->n[1], 0, (uint64_t)o->n[2], 0 };
	int fd = o->n[4] >= 0 ? in->trees[o->n[4]] : copied_tree(op_text(o, 0), o->nstr > 2 ? op_text(o, 2) : NULL, recursive);
	int r = 0;
	if (fd < 0)
		return fd;
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

/* The container may have moved what the path leads to since it was mounted, or put links to other mounts in its place: what is
 * there must be what was mounted. strings: target; n: st_dev and st_ino of what is mounted, or 0 and 0: a tmpfs, to which no link
 * leads. By the name in its directory, so that nothing of the container's /proc is needed; a mount point cannot be renamed. */
int op_umount(struct init *in, struct op *o)
{
	char path[4096];
	struct stat st;
	struct statfs fs;
	int known = o->n[0] || o->n[1];
	int r = op_str(o, 0)->len >= sizeof path ? -ENAMETOOLONG : 0;
	if (r == 0 && known)
		r = settle(in, op_text(o, 0), path);
	else if (r == 0)
		strcpy(path, op_text(o, 0));
	char *slash = r < 0 ? NULL : strrchr(path, '/');
	if (!slash)
		return r < 0 ? r : -EINVAL;
	*slash = 0;
	int parent = open_exactly(in, *path ? path : "/", O_PATH | O_DIRECTORY);
	int there = parent < 0 ? parent : openat(parent, slash + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (parent < 0)
		return parent;
	if (there < 0 || fstat(there, &st) < 0 || fstatfs(there, &fs) < 0)
		r = -errno;
	else if (known ? st.st_dev != (dev_t)o->n[0] || st.st_ino != (ino_t)o->n[1] : fs.f_type != NC_TMPFS_MAGIC)
		r = -ESTALE;
	else if (fchdir(parent) < 0)
		r = -errno;
	close(there);
	close(parent);
	return r < 0 || umount2(slash + 1, UMOUNT_NOFOLLOW) == 0 ? r : -errno;
}
