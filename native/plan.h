/* The plan: what TypeScript decided, as bytes. Twin of src/runtime/plan-encode.ts.
 *
 * A plan is one memfd, little endian, everything aligned to 8:
 *
 *   struct plan         64 bytes
 *   struct op           one after another, `size` bytes each
 *     string            u32 length, the bytes, a NUL, padding to 4   (`nstr` of them)
 *   int64_t[nops]       results: nanoseconds each operation took, written by init, read by --explain
 *
 * The monitor starts with a plan of one operation, its own; the whole one, which begins with the same bytes, is there
 * when the first C_GO comes. The file is as large as a plan may become, so that it is mapped once.
 */
#ifndef NC_PLAN_H
#define NC_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x4c50434e /* "NCPL" */
#define PLAN_VERSION 1

struct plan {
	uint32_t magic, version, nops, size;
	uint64_t clone_flags;  /* namespaces that the new process starts in */
	int32_t cgroup_fd;     /* cgroup v2 directory for CLONE_INTO_CGROUP, or -1 */
	int32_t pid_ns_fd;     /* pidfd whose pid namespace the new process joins (exec), or -1 */
	uint32_t results;      /* offset of the results */
	uint32_t pad;
	uint64_t root_dev, root_ino; /* st_dev and st_ino of the container's root directory; written by init */
	uint32_t pad2[2];
};

struct op {
	uint32_t code, size;
	int64_t n[6];
	uint32_t nstr, pad;
};

/* Numbers of the operations; src/runtime/operations.ts has the same table with each one's arguments. */
enum opcode {
	OP_MONITOR = 0,
	OP_UNSHARE = 1,
	OP_SETNS = 2,
	OP_WRITE_FILE = 3,
	OP_PROPAGATION = 4,
	OP_OVERLAY = 5,
	OP_OVERLAY_OPTIONS = 6,
	OP_ROOT = 7,
	OP_MKDIR = 8,
	OP_TOUCH = 9,
	OP_MOUNT = 10,
	OP_BIND = 11,
	OP_SETATTR = 12,
	OP_MASK = 13,
	OP_READONLY = 14,
	OP_MKNOD = 15,
	OP_SYMLINK = 16,
	OP_PTY = 17,
	OP_CONSOLE = 18,
	OP_STDIO = 19,
	OP_PIVOT_ROOT = 20,
	OP_SETHOSTNAME = 21,
	OP_SETDOMAINNAME = 22,
	OP_SYSCTL = 23,
	OP_SETRLIMIT = 24,
	OP_NETLINK = 25,
	OP_SYNC = 26,
	OP_SETSID = 27,
	OP_CAP_BOUNDING = 28,
	OP_CAPSET = 29,
	OP_CAP_AMBIENT = 30,
	OP_KEEPCAPS = 31,
	OP_SETGROUPS = 32,
	OP_SETIDS = 33,
	OP_NO_NEW_PRIVS = 34,
	OP_SECCOMP = 35,
	OP_UMASK = 36,
	OP_CHDIR = 37,
	OP_INIT = 38,
	OP_CLOSE_FDS = 39,
	OP_EXECVE = 40,
	OP_SCRATCH = 41,
	OP_SCRATCH_FILE = 42,
	OP_SCRATCH_DIR = 43,
	OP_TREE = 44,
	OP_JOIN = 45,
	OP_UMOUNT = 46,
	OP_EXIT = 47,
	OP_COUNT
};

struct str {
	uint32_t len;
	char text[];
};

static inline struct op *plan_first(struct plan *p) { return (struct op *)(p + 1); }
static inline struct op *op_next(struct op *o) { return (struct op *)((char *)o + o->size); }

/* The i-th string; NUL-terminated in place. */
static inline struct str *op_str(struct op *o, uint32_t i)
{
	struct str *s = (struct str *)(o + 1);
	while (i--)
		s = (struct str *)((char *)s + ((4 + s->len + 1 + 3) & ~3u));
	return s;
}
static inline char *op_text(struct op *o, uint32_t i) { return op_str(o, i)->text; }
#endif
