/* One health check. It is two processes: a helper, which joins the container's pid namespace with what it clones, waits for that, and
 * kills it when its time is up; and the program itself, by a plan like that of an exec. */
#define _GNU_SOURCE
#include "health.h"
#include "init.h"
#include "kernel.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the program's plan says "the container", it is this one. */
static void aim(struct monitor *m, struct plan *plan, int pidfd)
{
	struct op *o = plan_first(plan);
	for (uint32_t i = 0; i < plan->nops; i++, o = op_next(o)) {
		if (o->code != OP_SETNS)
			continue;
		o->n[0] = pidfd;
		o->n[2] = (int64_t)m->plan->root_dev;
		o->n[3] = (int64_t)m->plan->root_ino;
		snprintf(op_text(o, 0), op_str(o, 0)->len + 1, "/proc/%d/root", m->pid);
	}
}

/* The helper is in the container's root before its child can be seen in there: who may trace (CAP_SYS_PTRACE) would find the host's
 * behind /proc/<pid>/root. */
static pid_t program(struct monitor *m, struct plan *plan, int out, int pair[2])
{
	int pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	struct nc_clone_args args = { .exit_signal = SIGCHLD };
	struct init in = { .root = -1, .monitor = pair[1], .stdio = { -1, out, out }, .tty = -1, .plan = plan };

	if (pidfd < 0 || setns(pidfd, CLONE_NEWPID) < 0)
		return -1;
	if (m->plan->cgroup_fd >= 0) {
		args.flags = NC_CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)m->plan->cgroup_fd;
	}
	aim(m, plan, pidfd);
	if (init_until(plan, &in, OP_SETNS) < 0)
		return -1;
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0) {
		int keep[] = { in.monitor, out, in.root };
		as_new_process(keep, 3);
		init_run(plan, &in);
	}
	return pid;
}

/* Ends as the program does; by SIGALRM, if that took too long. */
void health_run(struct monitor *m, struct plan *plan, int timeout_ms, int out)
{
	int pair[2], status = 0;
	struct init_msg msg;
	char go = 0;

	int keep[] = { out, m->plan->cgroup_fd };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_others(keep, 2); /* clients are to hear when the monitor lets them go */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		_exit(126);
	pid_t pid = program(m, plan, out, pair);
	if (pid < 0)
		_exit(126);
	close(pair[1]);
	send(pair[0], &go, 1, MSG_NOSIGNAL);
	struct pollfd end = { (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
	if (poll(&end, 1, timeout_ms) == 0) {
		sigset_t none;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		sigemptyset(&none);
		signal(SIGALRM, SIG_DFL);
		kill(getpid(), SIGALRM);
		sigprocmask(SIG_SETMASK, &none, NULL);
	}
	waitpid(pid, &status, 0);
	if (recv(pair[0], &msg, sizeof msg, MSG_DONTWAIT) == (ssize_t)sizeof msg && msg.type == INIT_FAILED) {
		static const char none[] = "the check cannot be executed: no such file or directory", other[] = "the check cannot be executed";
		int is_missing = msg.error == ENOENT;
		if (write(out, is_missing ? none : other, is_missing ? sizeof none - 1 : sizeof other - 1) < 0)
			_exit(126);
		_exit(msg.error == ENOENT ? 127 : 126);
	}
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}
