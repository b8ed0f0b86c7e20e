/* The monitor: one per running container (and one per exec). It starts init with clone3(2), holds the container's
 * streams and log, waits, records the exit, sees to the reaping, and ends. It is begun with one descriptor, 3: the first
 * client, which is the NanoContainer command that needs it. That sends it the others, once it knows them:
 *   4  the plan
 *   5… what the plan's numbers name (cgroup directory, pidfd)
 */
#define _GNU_SOURCE
#include "monitor.h"
#include "health.h"
#include "init.h"
#include "kernel.h"
#include "title.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { F_TERMINAL = 1, F_STDIN = 2, F_STDIN_ONCE = 4, F_TIED = 8, F_HEALTH = 16 }; /* n[0] of OP_MONITOR */
enum { S_CONTROL = 1, S_LOG = 2, S_EXIT = 3 }; /* its strings; 0 is the id, for ps(1); from 4 on the reaper's command */

/* A failure before init runs is reported as one of operation 0, the monitor itself. */
static void fail(struct client *c, int error)
{
	client_send(c, C_FAILED, 0, (uint32_t)error);
	_exit(1);
}

static int control_socket(const char *dir)
{
	struct sockaddr_un a = { AF_UNIX, "control" }; /* relative: sun_path holds only 107 bytes */
	int s;
	if (!*dir)
		return -1;
	umask(0177);
	if (chdir(dir) < 0 || (s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return -2;
	unlink("control");
	return bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 64) < 0 ? -2 : s;
}

static pid_t start_init(struct monitor *m, struct plan *p, struct op *conf, struct client *first)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, pair[2];
	struct init in = { .root = -1, .monitor = -1, .stdio = { -1, -1, -1 }, .tty = -1, .plan = p };
	struct nc_clone_args args = { .flags = p->clone_flags, .exit_signal = SIGCHLD };

	for (int i = 0; i < 3; i++) {
		if (m->terminal || (i == 0 && !(conf->n[0] & F_STDIN)))
			continue;
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			fail(first, errno);
		fcntl(pipes[i][1], F_SETPIPE_SZ, 1024 * 1024); /* fewer turns for a container that writes much */
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		fail(first, errno);
	/* setns(2): a process joins a pid namespace only through its children */
	int own = p->pid_ns_fd >= 0 ? open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) : -1;
	if (p->pid_ns_fd >= 0 && (own < 0 || setns(p->pid_ns_fd, CLONE_NEWPID) < 0))
		fail(first, errno);
	if (p->cgroup_fd >= 0) {
		args.flags |= NC_CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)p->cgroup_fd;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		fail(first, errno);
	if (pid == 0) {
		in.monitor = pair[1];
		in.stdio[0] = pipes[0][0];
		in.stdio[1] = pipes[1][1];
		in.stdio[2] = pipes[2][1];
		int keep[] = { in.monitor, in.stdio[0], in.stdio[1], in.stdio[2], p->pid_ns_fd };
		as_new_process(keep, 5);
		init_run(p, &in);
	}
	/* what else the monitor starts (checks, the reaper) is none of that namespace's business */
	if (own >= 0 && setns(own, CLONE_NEWPID) < 0)
		fail(first, errno);
	close(own);
	close(pair[1]);
	m->init = watch_of(W_INIT, pair[0], NULL);
	watch_set(m, &m->init, EPOLLIN);
	m->in = watch_of(W_STDIN, pipes[0][1], NULL);
	if (m->in.fd >= 0) {
		close(pipes[0][0]);
		fcntl(m->in.fd, F_SETFL, O_NONBLOCK);
	}
	for (int i = 0; i < 2 && !m->terminal; i++) {
		close(pipes[i + 1][1]);
		stream_open(m, i, pipes[i + 1][0]);
	}
	return pid;
}

/* A child that nobody has waited for stays in its pid namespace, which then cannot end (pid_namespaces(7)): left to
 * the first process of this machine, that is for ever where that one is no init. */
static void leave_without_init(struct monitor *m)
{
	waitpid(m->pid, NULL, 0);
	_exit(1);
}

/* The pty master, or -1 */
static int received_fd(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static void init_says(struct monitor *m, struct client *first)
{
	struct init_msg msg;
	char space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &msg, sizeof msg };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	ssize_t n = recvmsg(m->init.fd, &h, MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == ECONNRESET || errno == EINTR))
		return; /* its end closed with our "go" unread, which is told before what it sent: ask again */
	if (n == (ssize_t)sizeof msg && msg.type == INIT_SYNC) {
		client_send(first, C_SYNC, (uint32_t)m->pid, msg.error);
	} else if (n == (ssize_t)sizeof msg && msg.type == INIT_PTY) {
		int master = received_fd(&h);
		m->in.fd = fcntl(master, F_DUPFD_CLOEXEC, 3); /* its own number: epoll(7) takes each once */
		fcntl(m->in.fd, F_SETFL, O_NONBLOCK);
		/* Held until init ends: a program that closes its terminal and opens it again has not ended its output. */
		m->slave = ioctl(master, NC_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		stream_open(m, 0, master);
		stdin_resume(m);
	} else if (n == (ssize_t)sizeof msg && msg.type == INIT_FAILED) {
		client_send(first, C_FAILED, msg.index, msg.error);
		leave_without_init(m); /* it is leaving too */
	} else { /* closed: execve(2) succeeded, or init was killed, which waitpid(2) will tell */
		watch_set(m, &m->init, 0);
		close(m->init.fd);
		m->init.fd = -1;
		m->started = 1;
		client_send(first, C_STARTED, (uint32_t)m->pid, 0);
		health_begin(m);
	}
}

static void reap_children(struct monitor *m, struct client *first)
{
	struct signalfd_siginfo info;
	int status;
	while (read(m->signal.fd, &info, sizeof info) > 0)
		;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == m->pid) {
			m->exited = 1;
			m->status = status;
			health_end(m);
			if (m->slave >= 0)
				close(m->slave); /* now the last close of the container's side is the end of its output */
			m->slave = -1;
			while (m->init.fd >= 0) /* what init said before it ended comes first: started, then exited */
				init_says(m, first);
			record_exit(m);
			clients_tell(m, C_EXITED, (uint32_t)status, 0, 0);
		} else if (health_is(pid)) {
			health_ended(m, status);
		}
}

static void dispatch(struct monitor *m, struct watch *w, struct client *first)
{
	int s;
	switch (w->kind) {
	case W_SIGNAL: reap_children(m, first); break;
	case W_INIT: init_says(m, first); break;
	case W_LISTEN:
		if ((s = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			client_add(m, s);
		break;
	case W_CLIENT: client_read(m, w->owner); break;
	case W_CLIENT_IN: stdin_pump(m, w->owner); break;
	case W_CLIENT_OUT:
		watch_set(m, w, 0);
		stream_pump(m, &m->out[w == &((struct client *)w->owner)->out[1]]);
		break;
	case W_STREAM: stream_pump(m, w->owner); break;
	case W_STDIN: stdin_drain(m); break;
	case W_TIMER: health_tick(m); break;
	case W_HEALTH: health_read(m); break;
	}
}

static int lease_held(struct monitor *m)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (c->flags & ATTACH_LEASE)
			return 1;
	return 0;
}

/* 0: nobody has; 1: once and for all; 2: and the container is to be started again */
static int reaped(struct monitor *m)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (c->waits >= 2)
			return c->waits - 1;
	return 0;
}

/* Serves until the container has ended and its output is with everybody. */
static void serve(struct monitor *m, struct client *first, int quiet_ms)
{
	struct epoll_event events[16];
	while (!m->exited || !streams_done(m)) {
		int n = epoll_wait(m->epoll, events, 16, m->exited ? quiet_ms : -1);
		if (n == 0 && m->exited && !m->out[0].len && !m->out[1].len)
			break; /* somebody outside keeps a stream open, silently: don't wait for them */
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;
			if (w->fd >= 0 && w->events)
				dispatch(m, w, first);
		}
		/* the command died before the container lived; or is one without which it is of no use (a build) */
		if ((!m->started || m->tied) && first->gone) {
			if (!m->exited) /* else its number may be somebody else's */
				kill(m->pid, SIGKILL);
			leave_without_init(m);
		}
		int dropped = 0;
		for (struct client *c = m->clients; c; c = c->next)
			dropped |= c->gone;
		if (dropped)
			streams_flush(m); /* the one that held the others back may be gone */
		clients_sweep(m);
	}
}

/* Waits for who holds the lease. Returns as reaped() does. */
static int leased(struct monitor *m)
{
	struct epoll_event events[16];
	while (lease_held(m)) {
		int n = epoll_wait(m->epoll, events, 16, -1);
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;
			if (w->fd >= 0 && w->events && (w->kind == W_CLIENT || w->kind == W_LISTEN))
				dispatch(m, w, NULL);
			else if (w->fd >= 0)
				watch_set(m, w, 0);
		}
		if (reaped(m))
			break;
		clients_sweep(m);
	}
	return reaped(m);
}

/* Waits for the plan. The descriptors that come with it get the lowest numbers that are free: 4 and on. NULL: the
 * command has ended, and needed no monitor. `last`: the highest of the descriptors. */
static struct plan *receive_plan(int sock, int *last)
{
	struct control_msg msg = { CONTROL_VERSION, C_READY, (uint32_t)getpid(), 0 };
	char space[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { &msg, sizeof msg };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	struct stat st;

	send(sock, &msg, sizeof msg, MSG_NOSIGNAL);
	if (recvmsg(sock, &h, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof msg || msg.type != C_PLAN)
		return NULL;
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	*last = c ? 3 + (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 3;
	if (h.msg_flags & MSG_CTRUNC || fstat(4, &st) < 0) /* more than there may be open files */
		return NULL;
	struct plan *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
	return p == MAP_FAILED || p->magic != PLAN_MAGIC || p->version != PLAN_VERSION ? NULL : p;
}

/* A process of its own, that nothing of its caller's reaches but the socket. */
static void leave_caller(void)
{
	int null;
	sigset_t all;
	struct rlimit files;
	/* 0 to 2 may be closed: then what is opened next must not take their places */
	while ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && null <= 2)
		;
	if (null < 0)
		_exit(1);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	syscall(SYS_close_range, 4u, ~0u, 0u);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL); /* ignored, as a caller may have it, it would take init's end from us (wait(2)) */
	signal(SIGPIPE, SIG_IGN); /* pending from a reader that went away, it would end the reaper before it begins */
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* CVE-2016-9962: a process of the container must not trace init */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* for the container, as from docker's daemon: all there may be */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int monitor_main(int argc, char **argv)
{
	static struct monitor m;
	sigset_t child;
	char next;

	title_take(argc, argv);
	prctl(PR_SET_NAME, argv[0]);
	leave_caller();
	int last;
	struct plan *p = receive_plan(3, &last);
	if (!p)
		return 1;
	struct op *conf = plan_first(p);
	m.plan = p;
	m.conf = conf;
	if (conf->n[0] & F_HEALTH)
		health_open(last);
	title_clear();
	title_add("nanocontainer-monitor");
	title_add(op_text(conf, 0));
	m.epoll = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	m.signal = watch_of(W_SIGNAL, signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), NULL);
	watch_set(&m, &m.signal, EPOLLIN);
	struct client *first = client_add(&m, 3);
	m.listen = watch_of(W_LISTEN, control_socket(op_text(conf, S_CONTROL)), NULL);
	if (m.listen.fd == -2)
		fail(first, errno);
	watch_set(&m, &m.listen, EPOLLIN);
	m.log = *op_text(conf, S_LOG) ? open(op_text(conf, S_LOG), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : -1;
	if (m.log < 0 && *op_text(conf, S_LOG))
		fail(first, errno);
	m.terminal = !!(conf->n[0] & F_TERMINAL);
	m.in_once = !!(conf->n[0] & F_STDIN_ONCE);
	m.tied = !!(conf->n[0] & F_TIED);
	m.exit_path = op_text(conf, S_EXIT);
	m.in.fd = m.slave = -1;
	recv(3, &next, 1, MSG_PEEK); /* sent right behind the plan: who is attached, before there is output */
	client_read(&m, first);
	if (first->gone)
		return 1; /* the command was killed between the two */
	m.pid = start_init(&m, p, conf, first);
	stdin_resume(&m);
	record_pids(&m);
	client_send(first, C_SYNC, (uint32_t)m.pid, 0); /* so that links are made while init mounts */
	reserve_exit(&m);
	serve(&m, first, (int)conf->n[1]);
	log_end(m.log);
	m.drained = 1;
	clients_tell(&m, C_EXITED, (uint32_t)m.status, 0, 1);
	if (leased(&m) != 1)
		reap(conf);
	return 0;
}
