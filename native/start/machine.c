/* What must hold before Bun begins: said in a sentence here, it would be a crash there. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "start.h"

/* Linux 5.10: openat2 (5.6), clone3 into a cgroup (5.7), and with it pidfd and the mount calls. */
enum { NEEDED = 5 * 1000 + 10 };

long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#endif
}

/* The compiler may call these for loops and structures, wherever they are written. */
void *memcpy(void *to, const void *from, size_t size) {
	for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}
void *memset(void *to, int value, size_t size) {
	for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = (char)value;
	return to;
}

static size_t append(char *line, size_t at, size_t room, const char *text) {
	while (*text && at < room) line[at++] = *text++;
	return at;
}

void refuse(const char *first, const char *second, const char *third) {
	/* In one write: of the first process's end the kernel tells at length, and would get in between. */
	char line[256];
	const char *parts[] = {"NanoContainer: ", first, second, third};
	size_t length = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) length = append(line, length, sizeof line - 1, parts[i]);
	line[length++] = '\n';
	call(SYS_write, 2, (long)line, length, 0, 0, 0);
	if (call(SYS_getpid, 0, 0, 0, 0, 0, 0) == 1) call(SYS_ioctl, 2, TCSBRK, 1, 0, 0, 0); /* tcdrain(3) */
	for (;;) call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
}

static void check_kernel(void) {
	struct utsname name;
	call(SYS_uname, (long)&name, 0, 0, 0, 0, 0);
	int number[2] = {0, 0}, part = 0;
	for (const char *at = name.release;; at++) {
		if (*at >= '0' && *at <= '9') number[part] = number[part] * 10 + *at - '0';
		else if (*at == '.' && part == 0) part = 1;
		else break;
	}
	if (number[0] * 1000 + number[1] < NEEDED) refuse("Linux 5.10 or newer is needed; this is ", name.release, "");
}

#if defined(__x86_64__)
#include <cpuid.h>

/* x86-64-v2 (the psABI's name for what processors have had since 2009). */
static void check_processor(void) {
	const unsigned needed = bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B;
	unsigned a, b, c = 0, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & needed) != needed)
		refuse("a processor with SSE4.2 and POPCNT (x86-64-v2) is needed; this one is older", "", "");
}
#else
static void check_processor(void) {}
#endif

/*
 * Bun finds itself by /proc/self/exe, and the carried libraries are found there too. The first process of a machine
 * comes before anything is mounted, so it mounts what it needs; for any other process /proc is the host's to give.
 */
static void check_proc(void) {
	static const char self[] = "/proc/self/exe", proc[] = "/proc";
	char byte;
	if (!FAILED(call(SYS_readlinkat, AT_FDCWD, (long)self, (long)&byte, 1, 0, 0))) return;
	if (call(SYS_getpid, 0, 0, 0, 0, 0, 0) == 1) {
		call(SYS_mkdirat, AT_FDCWD, (long)proc, 0555, 0, 0, 0);
		long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
		if (!FAILED(call(SYS_mount, (long)"proc", (long)proc, (long)"proc", flags, 0, 0))) return;
	}
	refuse("/proc is not mounted: mount -t proc proc /proc", "", "");
}

void check_machine(void) {
	check_kernel();
	check_processor();
	check_proc();
}
