/* What Bun takes for granted, and a machine or a caller may not have given: /dev, and three standard streams. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "start.h"

static int is_first_process(void) { return call(SYS_getpid, 0, 0, 0, 0, 0, 0) == 1; }

static int is_there(const char *path) { return !FAILED(call(SYS_faccessat, AT_FDCWD, (long)path, 0, 0, 0, 0)); }

static void make_device(const char *path, int mode, unsigned major, unsigned minor) {
	call(SYS_mknodat, AT_FDCWD, (long)path, S_IFCHR | mode, major << 8 | minor, 0, 0);
}

/*
 * The first process of a machine comes before anything is mounted. Bun reads /dev/urandom while the kernel has not yet
 * gathered enough for getrandom(2), and opens /dev/null; without them it aborts, and the kernel panics.
 */
static void make_devices(void) {
	static const char dev[] = "/dev", type[] = "devtmpfs", mode[] = "mode=0755";
	if (is_there("/dev/null") && is_there("/dev/urandom")) return;
	call(SYS_mkdirat, AT_FDCWD, (long)dev, 0755, 0, 0, 0);
	if (!FAILED(call(SYS_mount, (long)type, (long)dev, (long)type, MS_NOSUID, (long)mode, 0))) return;
	make_device("/dev/null", 0666, 1, 3);
	make_device("/dev/random", 0666, 1, 8);
	make_device("/dev/urandom", 0666, 1, 9);
	make_device("/dev/console", 0600, 5, 1);
}

/* Where not even /dev/null is: one end of a pipe whose other end is closed. */
static void open_nothing(int fd) {
	int ends[2];
	if (FAILED(call(SYS_pipe2, (long)ends, 0, 0, 0, 0, 0))) return;
	if (fd > 0) call(SYS_dup3, ends[1], fd, 0, 0, 0, 0); /* the writing end; the reading one was here */
	call(SYS_close, ends[1], 0, 0, 0, 0, 0);
}

/* What is opened gets the lowest number that is free: with those below it taken, the one that is missing. */
static void open_streams(int first) {
	for (int fd = 0; fd <= 2; fd++) {
		if (!FAILED(call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0))) continue;
		long opened = first ? call(SYS_openat, AT_FDCWD, (long)"/dev/console", O_RDWR | O_NOCTTY, 0, 0, 0) : -1;
		if (FAILED(opened)) opened = call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0, 0, 0);
		if (FAILED(opened)) open_nothing(fd);
	}
}

void prepare_streams(void) {
	int first = is_first_process();
	if (first) make_devices();
	open_streams(first);
}
