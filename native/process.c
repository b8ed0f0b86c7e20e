/* What a process that is about to become a program is freed of. */
#define _GNU_SOURCE
#include "monitor.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Closes all descriptors but 0 to 2 and those given (-1: none). In the new process, before its plan: what it may
 * reach through /proc/self/fd, a planted link reaches too (CVE-2024-21626). */
void close_others(const int *keep, int n)
{
	unsigned from = 3;
	for (;;) {
		unsigned next = ~0u;
		for (int i = 0; i < n; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			syscall(SYS_close_range, from, next == ~0u ? ~0u : next - 1, 0u);
		if (next == ~0u)
			return;
		from = next + 1;
	}
}

void as_new_process(const int *keep, int n)
{
	sigset_t none;
	sigemptyset(&none);
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } plain = { 0 };
	for (int sig = 1; sig <= 64; sig++) /* ignored ones would stay ignored over execve(2); libc keeps two to itself */
		syscall(SYS_rt_sigaction, sig, &plain, NULL, sizeof plain.mask);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(keep, n);
}
