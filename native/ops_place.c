/* Operations that make places in the root file system: directories, files to mount on, devices, links. Each path is
 * resolved in the root; where a link of the image leads nowhere, what it points at is made, inside. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The directory part and the last name of `path`, the directory opened in the root. */
int open_parent(struct init *in, const char *path, const char **name)
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

/* Where `path` leads in the root, through links that point at nothing: the same place as text, without links. What is
 * there is told by descriptors only; what is not there is taken as it is written. (systemd's /etc/resolv.conf is such a
 * link.) */
int settle(struct init *in, const char *path, char *out)
{
	char rest[4096], link[4096], part[4096];
	size_t used = 0;
	if (strlen(path) >= sizeof rest)
		return -ENAMETOOLONG;
	strcpy(rest, path);
	out[0] = 0;
	for (int links = 0; *rest;) {
		char *name = rest + strspn(rest, "/"), *end = name + strcspn(name, "/");
		size_t len = (size_t)(end - name);
		if (len == 0)
			break;
		if ((len == 1 && *name == '.') || (len == 2 && name[0] == '.' && name[1] == '.')) {
			if (len == 2 && used)
				used = (size_t)(strrchr(out, '/') - out), out[used] = 0;
			memmove(rest, end, strlen(end) + 1);
			continue;
		}
		if (used + len + 2 > sizeof part)
			return -ENAMETOOLONG;
		snprintf(part, sizeof part, "%s/%.*s", out, (int)len, name);
		int fd = open_exactly(in, part, O_PATH | O_NOFOLLOW);
		ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", link, sizeof link - 1);
		if (fd >= 0)
			close(fd);
		if (n < 0) { /* no link, or nothing there */
			used = (size_t)snprintf(out, 4096, "%s", part);
			memmove(rest, end, strlen(end) + 1);
			continue;
		}
		link[n] = 0;
		if (++links > 40)
			return -ELOOP;
		if ((size_t)n + strlen(end) + 2 > sizeof rest)
			return -ENAMETOOLONG;
		if (link[0] == '/')
			used = 0, out[0] = 0;
		memmove(rest + n, end, strlen(end) + 1);
		memcpy(rest, link, (size_t)n);
	}
	return 0;
}

/* mkdir -p, one component at a time, each resolved anew in the root. */
static int mkdir_parents(struct init *in, const char *asked, mode_t mode)
{
	char part[4096], path[4096];
	int there = open_in_root(in, asked, O_PATH | O_DIRECTORY);
	if (there >= 0)
		return close(there), 0;
	int settled = settle(in, asked, path);
	if (settled < 0)
		return settled;
	size_t len = strlen(path);
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
	const char *name;
	char dir[4096], path[4096];
	int fd = open_in_root(in, op_text(o, 0), O_PATH);
	if (fd >= 0)
		return close(fd), 0;
	if (fd != -ENOENT)
		return fd;
	int settled = settle(in, op_text(o, 0), path);
	if (settled < 0)
		return settled;
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
	if (symlinkat(op_text(o, 0), parent, name) < 0)
		r = -errno;
	close(parent);
	return r;
}
