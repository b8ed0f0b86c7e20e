/*
 * The monitor, ahead of its time. A command that starts a container needs one (native/monitor.c), and the kernel half a
 * millisecond to make it: to copy the program into memory, to execute it. So it is begun here, where Bun has not even
 * been loaded, on another processor; it then waits for its plan at descriptor 3, or for us to end.
 *
 * The new process shares our memory until it executes the monitor (CLONE_VM), as vfork(2)'s does, but we don't wait for
 * it: it has a stack of its own and touches nothing else.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "start.h"

enum { SOCKET = 3, STACK = 4096 };
#define CLONE_VM 0x100
#define MFD_SEALABLE (1 | 2 | 0x10) /* MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC, which is of Linux 6.3 */
#define ALL_SEALS (1 | 2 | 4 | 8)

/* clone(2) with a new stack, on which `run` begins and never returns. */
long start_process(void *stack_end, void (*run)(void));
#if defined(__x86_64__)
__asm__("start_process:\n"
	"	mov %rsi, -16(%rdi)\n"
	"	lea -16(%rdi), %rsi\n"
	"	mov $0x111, %edi\n" /* CLONE_VM | SIGCHLD */
	"	xor %edx, %edx\n"
	"	xor %r10d, %r10d\n"
	"	xor %r8d, %r8d\n"
	"	mov $56, %eax\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jnz 1f\n"
	"	call *(%rsp)\n"
	"1:	ret\n");
#elif defined(__aarch64__)
__asm__("start_process:\n"
	"	mov x9, x1\n"
	"	mov x1, x0\n"
	"	mov x0, #0x111\n"
	"	mov x2, xzr\n"
	"	mov x3, xzr\n"
	"	mov x4, xzr\n"
	"	mov x8, #220\n"
	"	svc 0\n"
	"	cbnz x0, 1f\n"
	"	blr x9\n"
	"1:	ret\n");
#endif

/* Whether the command is one that starts a process in a container. If nothing comes of it, the monitor was begun in vain,
 * and ends with us. */
static int needs_monitor(char **argv) {
	const char *verb = command_word(argv, 0);
	if (verb && same(verb, "container")) verb = command_word(argv, 1);
	return verb && (same(verb, "run") || same(verb, "exec") || same(verb, "start"));
}

/* A sealed copy in memory of the monitor, which lies at the end of this file (src/runtime/monitor-process.ts). */
static long monitor_program(void) {
	struct { uint64_t size; char magic[8]; } trailer;
	long self = call(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long end = call(SYS_lseek, self, -(long)sizeof trailer, 2 /* SEEK_END */, 0, 0, 0);
	if (call(SYS_pread64, self, (long)&trailer, sizeof trailer, end, 0, 0) != sizeof trailer) return -1;
	if (!begins_with(trailer.magic, "NCMONITR")) return -1;
	long fd = call(SYS_memfd_create, (long)"nanocontainer-monitor", MFD_SEALABLE, 0, 0, 0, 0);
	if (FAILED(fd)) fd = call(SYS_memfd_create, (long)"nanocontainer-monitor", MFD_SEALABLE & 3, 0, 0, 0, 0);
	int64_t from = end - (long)trailer.size;
	while (from < end) {
		long n = call(SYS_sendfile, fd, self, (long)&from, end - from, 0, 0);
		if (FAILED(n) || n == 0) return -1;
	}
	call(SYS_fcntl, fd, 1033 /* F_ADD_SEALS */, ALL_SEALS, 0, 0, 0);
	return fd;
}

/* Where it fails, nobody hears it: the command, which waits for its first word, finds the socket closed, begins a monitor
 * itself, and tells. */
static void become_monitor(void) {
	char name[] = "nanocontainer-monitor", id[65];
	for (size_t i = 0; i < sizeof id; i++) id[i] = i < sizeof id - 1 ? '-' : 0;
	char *argv[] = {name, id, 0}, *environment[] = {0};
	call(SYS_dup3, SOCKET + 1, SOCKET, 0, 0, 0, 0);
	call(SYS_close_range, SOCKET + 1, ~0u, 0, 0, 0, 0);
	long program = monitor_program();
	call(SYS_execveat, program, (long)"", (long)argv, (long)environment, AT_EMPTY_PATH, 0);
	for (;;) call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
}

/* Descriptor 3 must be free: whose else it may be is the caller's affair. */
int start_monitor_ahead(char **argv) {
	int pair[2];
	if (!needs_monitor(argv) || call(SYS_getpid, 0, 0, 0, 0, 0, 0) == 1) return 0;
	if (!FAILED(call(SYS_fcntl, SOCKET, F_GETFD, 0, 0, 0, 0))) return 0;
	if (FAILED(call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, (long)pair, 0, 0))) return 0;
	long stack = call(SYS_mmap, 0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int started = pair[0] == SOCKET && pair[1] == SOCKET + 1 && !FAILED(stack) &&
		      !FAILED(start_process((void *)(stack + STACK), become_monitor));
	call(SYS_close, pair[1], 0, 0, 0, 0, 0);
	if (!started) call(SYS_close, pair[0], 0, 0, 0, 0, 0);
	return started;
}
