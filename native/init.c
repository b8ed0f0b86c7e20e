/* The interpreter: the new process runs the plan from its first operation to execve(2). One case an operation,
 * no decisions: what to do and in which order was settled in src/runtime/plan.ts. */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int result(long r) { return r < 0 ? -errno : 0; }

static int op_unshare(struct init *in, struct op *o) { (void)in; return result(unshare((int)o->n[0])); }
static int op_sethostname(struct init *in, struct op *o) { (void)in; return result(sethostname(op_text(o, 0), op_str(o, 0)->len)); }
static int op_setdomainname(struct init *in, struct op *o) { (void)in; return result(setdomainname(op_text(o, 0), op_str(o, 0)->len)); }
static int op_setrlimit(struct init *in, struct op *o)
{
	struct rlimit lim = { (rlim_t)o->n[1], (rlim_t)o->n[2] };
	(void)in;
	return result(setrlimit((int)o->n[0], &lim));
}
/* A session, and a session keyring (session-keyring(7)): the caller's keys stay the caller's. A kernel without keys has
 * none to keep. */
static int op_setsid(struct init *in, struct op *o)
{
	(void)in; (void)o;
	syscall(SYS_keyctl, NC_KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return result(setsid());
}
static int op_keepcaps(struct init *in, struct op *o) { (void)in; return result(prctl(PR_SET_KEEPCAPS, o->n[0], 0, 0, 0)); }
static int op_no_new_privs(struct init *in, struct op *o) { (void)in; (void)o; return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
static int op_umask(struct init *in, struct op *o) { (void)in; umask((mode_t)o->n[0]); return 0; }
/* Resolved in the root and without magic links: chdir(2) alone would follow one that a container has planted to
 * wherever a descriptor of this process leads (CVE-2024-21626). */
static int op_chdir(struct init *in, struct op *o)
{
	int fd = open_in_root(in, op_text(o, 0), O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	int r = result(fchdir(fd));
	close(fd);
	return r;
}
static int op_close_fds(struct init *in, struct op *o)
{
	(void)in; (void)o;
	return result(syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */));
}

/* Tells the monitor, who tells NanoContainer, and waits for its word (src/runtime/launch.ts draws it). */
static int op_sync(struct init *in, struct op *o)
{
	struct init_msg m = { INIT_SYNC, in->index, (uint32_t)o->n[0] };
	char go;
	if (send(in->monitor, &m, sizeof m, MSG_NOSIGNAL) < 0)
		return -errno;
	return recv(in->monitor, &go, 1, 0) == 1 ? 0 : -ECANCELED;
}
static int op_scratch_dir(struct init *in, struct op *o) { (void)in; return result(mkdir(op_text(o, 0), (mode_t)o->n[0])); }
/* The socket to the monitor closes with it, as it does at execve(2): all before has been done. */
static int op_exit(struct init *in, struct op *o) { (void)in; (void)o; _exit(0); }
static int op_skip(struct init *in, struct op *o) { (void)in; (void)o; return 0; }

static const op_fn ops[OP_COUNT] = {
	[OP_MONITOR] = op_skip, [OP_UNSHARE] = op_unshare, [OP_SETNS] = op_setns, [OP_WRITE_FILE] = op_write_file,
	[OP_PROPAGATION] = op_propagation, [OP_OVERLAY] = op_overlay, [OP_OVERLAY_OPTIONS] = op_overlay_options,
	[OP_ROOT] = op_root, [OP_MKDIR] = op_mkdir, [OP_TOUCH] = op_touch, [OP_MOUNT] = op_mount, [OP_BIND] = op_bind, [OP_TREE] = op_tree,
	[OP_SETATTR] = op_setattr, [OP_MASK] = op_mask, [OP_READONLY] = op_readonly, [OP_MKNOD] = op_mknod,
	[OP_SYMLINK] = op_symlink, [OP_PTY] = op_pty, [OP_CONSOLE] = op_console, [OP_STDIO] = op_stdio,
	[OP_PIVOT_ROOT] = op_pivot_root, [OP_SETHOSTNAME] = op_sethostname, [OP_SETDOMAINNAME] = op_setdomainname,
	[OP_SYSCTL] = op_sysctl, [OP_SETRLIMIT] = op_setrlimit, [OP_NETLINK] = op_netlink, [OP_SYNC] = op_sync,
	[OP_SETSID] = op_setsid, [OP_CAP_BOUNDING] = op_cap_bounding, [OP_CAPSET] = op_capset,
	[OP_CAP_AMBIENT] = op_cap_ambient, [OP_KEEPCAPS] = op_keepcaps, [OP_SETGROUPS] = op_setgroups,
	[OP_SETIDS] = op_setids, [OP_NO_NEW_PRIVS] = op_no_new_privs, [OP_SECCOMP] = op_seccomp, [OP_UMASK] = op_umask,
	[OP_CHDIR] = op_chdir, [OP_INIT] = op_init, [OP_CLOSE_FDS] = op_close_fds, [OP_EXECVE] = op_execve,
	[OP_SCRATCH] = op_scratch, [OP_SCRATCH_FILE] = op_scratch_file, [OP_SCRATCH_DIR] = op_scratch_dir, [OP_JOIN] = op_join,
	[OP_UMOUNT] = op_umount, [OP_EXIT] = op_exit,
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct op *operation(struct plan *p, uint32_t index)
{
	struct op *o = plan_first(p);
	while (index--)
		o = op_next(o);
	return o;
}

/* Runs the plan as far as, and with, the operation `code`: where a process begins it, and its child goes on. 0, or -errno */
int init_until(struct plan *p, struct init *in, uint32_t code)
{
	for (struct op *o = operation(p, in->index); in->index < p->nops; o = op_next(o)) {
		int r = o->code < OP_COUNT ? ops[o->code](in, o) : -ENOSYS;
		if (r < 0)
			return r;
		in->index++;
		if (o->code == code)
			return 0;
	}
	return -ENOENT;
}

void init_run(struct plan *p, struct init *in)
{
	char go;
	int r = 0;

	/* The namespaces were made while the plan was still being written: its header tells of all of it from here on. */
	if (recv(in->monitor, &go, 1, 0) != 1)
		_exit(127);
	int64_t *times = (int64_t *)((char *)p + p->results);
	struct op *o = operation(p, in->index);
	umask(0); /* modes in the plan are exact; OP_UMASK sets the container's own */
	for (; in->index < p->nops; in->index++, o = op_next(o)) {
		int64_t start = now_ns();
		r = o->code < OP_COUNT ? ops[o->code](in, o) : -ENOSYS;
		times[in->index] = now_ns() - start;
		if (r < 0)
			break;
	}
	struct init_msg m = { INIT_FAILED, in->index, (uint32_t)-r };
	send(in->monitor, &m, sizeof m, MSG_NOSIGNAL);
	_exit(127);
}
