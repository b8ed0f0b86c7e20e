/* Shared by the interpreter and its operations: the state that one operation leaves for the next. */
#ifndef NC_INIT_H
#define NC_INIT_H

#include "kernel.h"
#include "plan.h"
#include <string.h>
#include <sys/vfs.h>

struct init {
	int root;      /* O_PATH descriptor of the container's root file system; every target is resolved beneath it */
	int monitor;   /* socket to the monitor: sync words, the pty master, failures */
	int stdio[3];  /* the container's ends of its standard streams, or -1 */
	int tty;       /* slave side of the pty, or -1 */
	uint32_t index; /* of the operation that runs; of the first, before it does */
	int trees[256];  /* what OP_TREE has taken, for OP_BIND */
	struct plan *plan;
};

/* What init sends to the monitor: one message each, the monitor's answer to a sync is one byte. */
enum { INIT_FAILED = 1, INIT_SYNC = 2, INIT_PTY = 3 };
struct init_msg {
	uint32_t type, index, error;
};

typedef int (*op_fn)(struct init *in, struct op *o); /* 0, or -errno */

int op_write_file(struct init *, struct op *);
int op_propagation(struct init *, struct op *);
int op_overlay(struct init *, struct op *);
int op_overlay_options(struct init *, struct op *);
int op_scratch(struct init *, struct op *);
int op_scratch_file(struct init *, struct op *);
int op_root(struct init *, struct op *);
int op_mkdir(struct init *, struct op *);
int op_touch(struct init *, struct op *);
int op_mount(struct init *, struct op *);
int op_bind(struct init *, struct op *);
int op_tree(struct init *, struct op *);
int op_setattr(struct init *, struct op *);
int op_mask(struct init *, struct op *);
int op_readonly(struct init *, struct op *);
int op_mknod(struct init *, struct op *);
int op_symlink(struct init *, struct op *);
int op_pivot_root(struct init *, struct op *);
int op_sysctl(struct init *, struct op *);
int op_pty(struct init *, struct op *);
int op_console(struct init *, struct op *);
int op_stdio(struct init *, struct op *);
int op_cap_bounding(struct init *, struct op *);
int op_capset(struct init *, struct op *);
int op_cap_ambient(struct init *, struct op *);
int op_setgroups(struct init *, struct op *);
int op_setids(struct init *, struct op *);
int op_seccomp(struct init *, struct op *);
int op_netlink(struct init *, struct op *);
int op_execve(struct init *, struct op *);
int op_setns(struct init *, struct op *);
int op_join(struct init *, struct op *);
int op_umount(struct init *, struct op *);
int op_init(struct init *, struct op *);

/* A link of the image may lead into /proc, where a mount would decide what masks, limits and security modules mean
 * (CVE-2019-16884). What may be mounted there is asked for by its own path, and checked (src/engine/plan/check-mounts.ts). */
static inline int is_hidden_proc(int fd, const char *path)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == NC_PROC_SUPER_MAGIC && strncmp(path, "/proc/", 6) != 0;
}

int open_in_root(struct init *, const char *path, int flags);
/* Where a path leads in the root, as text without links. */
int settle(struct init *, const char *path, char *out);
/* The directory part of a path, and its last name. */
int open_parent(struct init *, const char *path, const char **name);
int open_exactly(struct init *, const char *path, int flags);
int open_null(struct init *, int flags);
int attach_in_root(struct init *, int mount_fd, const char *target);
int go_to_top(void);
int change_root(int dir);
void init_run(struct plan *, struct init *) __attribute__((noreturn));
int init_until(struct plan *, struct init *, uint32_t code);
#endif
