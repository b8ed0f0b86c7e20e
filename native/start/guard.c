/*
 * Who builds may be deep in JavaScript when a signal comes: it hears of it when it next waits for something, which may be
 * never. So a build is begun by two processes: the child becomes NanoContainer, and this one passes signals on, ends as it
 * ends, and after a second ends it. What a killed build leaves, the next command takes away.
 *
 * A key on the terminal reaches both by itself (SI_KERNEL, sigaction(2)): that is not passed on, but the second runs.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "start.h"

enum { SIGHUP = 1, SIGINT = 2, SIGKILL = 9, SIGTERM = 15, SIGCHLD = 17, WNOHANG = 1 };
enum { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SI_KERNEL = 0x80, SET_BYTES = 8, PATIENCE_S = 1 };
#define BIT(signal) (1ul << ((signal) - 1))

/* siginfo_t begins so; all of it has 128 bytes. */
struct info {
	int signal, error, code, rest[29];
};

static int is_build(char **argv) {
	const char *verb = command_word(argv, 0);
	if (!verb) return 0;
	if (same(verb, "build")) return 1;
	if (!same(verb, "image") && !same(verb, "builder") && !same(verb, "buildx")) return 0;
	const char *member = command_word(argv, 1);
	return member && (same(member, "build") || same(member, "b"));
}

/* What a signal does: the kernel's struct sigaction has four words on both machines. */
struct action {
	unsigned long handler, flags, restorer, mask;
};
enum { SIG_DFL = 0, SIG_IGN = 1 };

static struct action action_of(int signal, const struct action *new) {
	struct action old = {0};
	call(SYS_rt_sigaction, signal, (long)new, (long)&old, SET_BYTES, 0, 0);
	return old;
}

/* Those that end a build: not what the caller ignores, as nohup(1) and shells do for what they put into the background. To
 * block a signal would keep it, ignored or not. */
static uint64_t ending(void) {
	static const unsigned char signals[] = {SIGHUP, SIGINT, SIGTERM};
	uint64_t set = 0;
	for (size_t i = 0; i < sizeof signals; i++)
		if (action_of(signals[i], 0).handler != SIG_IGN) set |= BIT(signals[i]);
	return set;
}

static void exit_now(int code) {
	for (;;) call(SYS_exit_group, code, 0, 0, 0, 0, 0);
}

/* Ends as the child has ended, if it has. */
static void follow(long child, int asked) {
	int status = 0;
	long ended = call(SYS_wait4, child, (long)&status, WNOHANG, 0, 0, 0);
	if (FAILED(ended)) exit_now(1);
	if (ended != child) return;
	if ((status & 0x7f) == 0) exit_now(status >> 8 & 0xff);
	exit_now(asked ? 1 : 128 + (status & 0x7f));
}

static void give_up(long child) {
	static const char text[] = "ERROR: failed to build: failed to solve: Canceled: context canceled\n";
	call(SYS_kill, child, SIGKILL, 0, 0, 0, 0);
	call(SYS_wait4, child, 0, 0, 0, 0, 0);
	call(SYS_write, 2, (long)text, sizeof text - 1, 0, 0, 0);
	exit_now(1);
}

static void watch(long child, uint64_t all) {
	int asked = 0;
	long until[2] = {0, 0};
	for (;;) {
		struct info info = {0};
		long now[2], left[2] = {0, 0};
		if (asked) {
			call(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, (long)now, 0, 0, 0, 0);
			long ns = (until[0] - now[0]) * 1000000000 + until[1] - now[1];
			if (ns <= 0) give_up(child);
			left[0] = ns / 1000000000;
			left[1] = ns % 1000000000;
		}
		call(SYS_rt_sigtimedwait, (long)&all, (long)&info, asked ? (long)left : 0, SET_BYTES, 0, 0);
		if (info.signal == SIGCHLD || info.signal == 0) follow(child, asked);
		if (info.signal == 0 || info.signal == SIGCHLD) continue;
		if (info.code != SI_KERNEL) call(SYS_kill, child, info.signal, 0, 0, 0, 0);
		if (asked++) continue;
		call(SYS_clock_gettime, 1, (long)until, 0, 0, 0, 0);
		until[0] += PATIENCE_S;
	}
}

/* Returns in the process that is to go on. */
void guard_build(char **argv) {
	if (!is_build(argv) || call(SYS_getpid, 0, 0, 0, 0, 0, 0) == 1) return;
	uint64_t all = ending() | BIT(SIGCHLD), before = 0;
	struct action usual = {0}, callers = action_of(SIGCHLD, &usual); /* where it is ignored nobody hears of an end */
	long parent = call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	/* Before there is a child: what comes in between waits for the loop, and for Bun's own handlers. */
	call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, SET_BYTES, 0, 0);
	long child = call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
	if (!FAILED(child) && child > 0) watch(child, all);
	action_of(SIGCHLD, &callers);
	if (child == 0) {
		call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
		if (call(SYS_getppid, 0, 0, 0, 0, 0, 0) != parent) exit_now(1);
	}
	call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&before, 0, SET_BYTES, 0, 0);
}
