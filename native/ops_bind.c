/* Bind mounts: what is mounted, or lies, at a path of the host is shown at one of the container. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
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

/* Before the mounts are made private: a copy taken now is still a peer of the host's mount, and hears of what is mounted
 * there (mount_namespaces(7)). strings: source, maybe its root; n: place in `trees`, AT_RECURSIVE or 0 */
int op_tree(struct init *in, struct op *o)
{
	if (o->n[0] < 0 || o->n[0] >= (int64_t)(sizeof in->trees / sizeof *in->trees))
		return -EMFILE;
	int fd = copied_tree(op_text(o, 0), o->nstr > 1 ? op_text(o, 1) : NULL, (unsigned)o->n[1]);
	in->trees[o->n[0]] = fd;
	return fd < 0 ? fd : 0;
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

/* By the name in its directory: a link in its place is not followed, and nothing of /proc is needed. */
int op_umount(struct init *in, struct op *o)
{
	const char *name;
	int parent = open_parent(in, op_text(o, 0), &name);
	if (parent < 0)
		return parent;
	int r = fchdir(parent) < 0 || umount2(name, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	close(parent);
	return r;
}
