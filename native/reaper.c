/* After the container: NanoContainer tidies up, and says whether the container is to be started again, and when. The monitor
 * waits for that moment, and for as long as a command that is killed has not done its part. */
#define _GNU_SOURCE
#include "monitor.h"
#include "plan.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LATER = 100 };          /* src/cli/system/internal.ts: what it printed is the time until then */
enum { MOST_FAILURES = 10 };   /* the program may be gone; then the next command does it */
enum { FIRST_WAIT_MS = 50 };

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) < 0)
		;
}

static void run(char **argv, int out)
{
	char *envp[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	dup2(out, 1);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execve(argv[0], argv, envp);
	_exit(127);
}

/* Its exit status as wait(2) has it; `ms`: the number that it printed. */
static int call(char **argv, long *ms)
{
	char text[16];
	int pair[2], status = -1;
	ssize_t n, len = 0;

	if (pipe(pair) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		run(argv, pair[1]);
	close(pair[1]);
	while (pid > 0 && len < (ssize_t)sizeof text - 1 && (n = read(pair[0], text + len, sizeof text - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = 0;
	*ms = atol(text);
	close(pair[0]);
	/* others end here too: those whose parent was the container's (PR_SET_CHILD_SUBREAPER) */
	for (pid_t ended; pid > 0 && (ended = waitpid(-1, &status, 0)) > 0;)
		if (ended == pid)
			return status;
	return -1;
}

enum { FIRST = 4, MOST = 16 }; /* of the strings of OP_MONITOR that are the command: PROGRAM … internal reap ID */

/* Returns how many words it has, 0 for none. */
static int command(struct op *conf, char *argv[MOST])
{
	int n = 0;
	for (uint32_t i = FIRST; i < conf->nstr && n < MOST - 1; i++)
		argv[n++] = op_text(conf, i);
	argv[n] = NULL;
	return n;
}

/* Has NanoContainer do something with the container meanwhile, and does not wait for it. */
void reaper_call(struct op *conf, const char *verb)
{
	char *argv[MOST];
	int n = command(conf, argv);
	if (n < 4 || fork() != 0)
		return;
	argv[n - 3] = (char *)verb; /* in the place of "internal reap" */
	argv[n - 2] = argv[n - 1];
	argv[n - 1] = NULL;
	setsid();
	if (chdir("/") == 0)
		run(argv, 1);
	_exit(127);
}

void reap(struct op *conf)
{
	char *argv[MOST];
	long ms;

	if (command(conf, argv) == 0)
		return;
	syscall(SYS_close_range, 3u, ~0u, 0u); /* clients and streams: what is still to be told is told */
	if (chdir("/") < 0) /* from the container's directory, which goes */
		return;
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); /* the next monitor is nobody's child */
	for (int failures = 0; failures < MOST_FAILURES;) {
		int status = call(argv, &ms);
		if (WIFEXITED(status) && WEXITSTATUS(status) == LATER) {
			sleep_ms(ms);
			failures = 0;
		} else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			return;
		} else {
			sleep_ms(FIRST_WAIT_MS << failures++);
		}
	}
}
