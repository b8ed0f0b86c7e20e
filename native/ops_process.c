/* Operations on the process itself: its credentials, its filter, its network messages, and the last one, execve(2). */
#define _GNU_SOURCE
#include "init.h"
#include "kernel.h"
#include "title.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

int op_cap_bounding(struct init *in, struct op *o)
{
	uint64_t keep = (uint64_t)o->n[0];
	(void)in;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

/* n: effective, permitted, inheritable */
int op_capset(struct init *in, struct op *o)
{
	struct { uint32_t version; int pid; } head = { 0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2];
	(void)in;
	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)((uint64_t)o->n[0] >> 32 * i);
		data[i].permitted = (uint32_t)((uint64_t)o->n[1] >> 32 * i);
		data[i].inheritable = (uint32_t)((uint64_t)o->n[2] >> 32 * i);
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int op_cap_ambient(struct init *in, struct op *o)
{
	(void)in;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int cap = 0; cap < 64; cap++)
		if ((uint64_t)o->n[0] >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

/* The C library's wrappers are avoided: they signal other threads, of which there are none. */
int op_setgroups(struct init *in, struct op *o)
{
	(void)in;
	return syscall(SYS_setgroups, (size_t)(op_str(o, 0)->len / 4), op_text(o, 0)) < 0 ? -errno : 0;
}

int op_setids(struct init *in, struct op *o)
{
	gid_t g = (gid_t)o->n[1];
	uid_t u = (uid_t)o->n[0];
	(void)in;
	return syscall(SYS_setresgid, g, g, g) < 0 || syscall(SYS_setresuid, u, u, u) < 0 ? -errno : 0;
}

/* strings: the BPF program, 8 bytes an instruction; n: SECCOMP_FILTER_FLAG_ */
int op_seccomp(struct init *in, struct op *o)
{
	struct { unsigned short len; void *filter; } prog = { (unsigned short)(op_str(o, 0)->len / 8), op_text(o, 0) };
	(void)in;
	return syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, (unsigned)o->n[0], &prog) < 0 ? -errno : 0;
}

/* strings: rtnetlink requests in one buffer, each with NLM_F_ACK; n: how many acknowledgements to expect */
int op_netlink(struct init *in, struct op *o)
{
	char buf[8192];
	int64_t left = o->n[0];
	int r = 0, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	(void)in;
	if (fd < 0)
		return -errno;
	if (send(fd, op_text(o, 0), op_str(o, 0)->len, 0) < 0)
		r = -errno;
	while (r == 0 && left > 0) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);
		if (n < 0)
			r = -errno;
		for (ssize_t at = 0; r == 0 && at + 20 <= n;) {
			uint32_t len;
			uint16_t type;
			memcpy(&len, buf + at, 4);
			memcpy(&type, buf + at + 4, 2);
			if (type == 2) { /* NLMSG_ERROR; error 0 is the acknowledgement */
				memcpy(&r, buf + at + 16, 4);
				left--;
			}
			at += len < 16 ? n : (ssize_t)((len + 3) & ~3u);
		}
	}
	close(fd);
	return r;
}

/* As docker's tini is seen: "/sbin/docker-init -- PROGRAM ARG…". */
static void show_as_docker_init(struct op *o)
{
	prctl(PR_SET_NAME, "docker-init", 0, 0, 0);
	while (o->code != OP_EXECVE)
		o = op_next(o);
	title_clear();
	title_add("/sbin/docker-init");
	title_add("--");
	for (int64_t i = 0; i < o->n[1] && title_add(op_text(o, (uint32_t)(o->n[0] + i))); i++)
		;
}

/* --init: this process stays as PID 1, passes signals on and reaps; its child goes on with the plan. */
int op_init(struct init *in, struct op *o)
{
	sigset_t all, before;
	siginfo_t info;
	int status;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		setpgid(0, 0); /* so that the terminal's signals reach the child's group, once, not through us */
		if (in->tty >= 0) {
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(0, getpid());
			signal(SIGTTOU, SIG_DFL);
		}
		return 0;
	}
	syscall(SYS_close_range, 0u, ~0u, 0u); /* the child's success is seen by its end of the socket closing */
	show_as_docker_init(o);
	for (;;) {
		int sig = sigwaitinfo(&all, &info);
		if (sig > 0 && sig != SIGCHLD)
			kill(child, sig);
		for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
			if (pid == child)
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

/* strings: candidates (the program's path, or one a PATH directory), arguments, environment;
 * n: number of candidates, of arguments. A name that is missing, or not a file to execute, in one directory
 * is looked for in the next, as execvp(3) does. */
int op_execve(struct init *in, struct op *o)
{
	uint32_t ncand = (uint32_t)o->n[0], argc = (uint32_t)o->n[1];
	char **v = calloc(o->nstr + 3, sizeof *v), **argv, **envp;
	int r = -ENOENT;
	(void)in;
	if (!v)
		return -ENOMEM;
	struct str *s = (struct str *)(o + 1);
	for (uint32_t i = 0, at = 0; i < o->nstr; i++) {
		v[at++] = s->text;
		if (i + 1 == ncand || i + 1 == ncand + argc)
			at++; /* the NULL that ends each list */
		s = (struct str *)((char *)s + ((4 + s->len + 1 + 3) & ~3u));
	}
	argv = v + ncand + 1;
	envp = argv + argc + 1;
	for (uint32_t i = 0; i < ncand; i++) {
		execve(v[i], argv, envp);
		if (ncand == 1 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES))
			return -errno;
		if (errno == EACCES)
			r = -EACCES;
	}
	return r;
}
