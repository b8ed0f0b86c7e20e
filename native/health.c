/* Health checks (docker's HEALTHCHECK): a program that the monitor runs in the container now and then, by a plan like that of an
 * exec. Between two of them there is nothing but a timer. What came of them is in the file "health" beside the control socket. */
#define _GNU_SOURCE
#include "health.h"
#include "plan.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STARTING = 0, HEALTHY = 1, UNHEALTHY = 2 };
enum { KEEP = 5, OUTPUT = 4096 }; /* docker's: so many results, so much of each one's output */

struct result {
	long long began, ended; /* nanoseconds since 1970 */
	int code;               /* -1: it took too long */
	size_t len;
	char text[OUTPUT];
};

static struct {
	int file;
	struct health_conf *conf; /* NULL until the container runs */
	struct plan *plan;
	struct watch timer, out;
	pid_t helper;
	long long since; /* the container's start, in milliseconds of CLOCK_MONOTONIC */
	int status;
	unsigned streak, count;
} h = { .file = -1, .timer = { .fd = -1 }, .out = { .fd = -1 } };
static struct result results[KEEP], now; /* zeros: not in the file, and memory only where it is used */

static long long clock_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long running_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000 - h.since; }

static void arm(void)
{
	int early = h.status == STARTING && running_ms() < (long long)h.conf->start_period;
	uint64_t ms = early ? h.conf->start_interval : h.conf->interval;
	struct itimerspec t = { .it_value = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 } };
	timerfd_settime(h.timer.fd, 0, &t, NULL);
}

static int put(int fd, const char *text, size_t len) { return write(fd, text, len) == (ssize_t)len; }

/* Whole or not there: written aside, then renamed. */
static void note(struct monitor *m)
{
	char line[96];
	int fd = m->listen.fd < 0 ? -1 : open("health.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	int ok = put(fd, line, (size_t)snprintf(line, sizeof line, "%d %u %u\n", h.status, h.streak, h.count));
	for (unsigned i = 0; i < h.count && ok; i++) {
		struct result *r = &results[i];
		int n = snprintf(line, sizeof line, "%lld %lld %d %zu\n", r->began, r->ended, r->code, r->len);
		ok = put(fd, line, (size_t)n) && put(fd, r->text, r->len) && put(fd, "\n", 1);
	}
	close(fd);
	if (ok)
		rename("health.new", "health");
}

/* The descriptor of what struct health_conf and the plan will be in. */
void health_open(int file) { h.file = file; }

/* The container's program runs. */
void health_begin(struct monitor *m)
{
	struct stat st;
	if (h.file < 0 || fstat(h.file, &st) < 0)
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, h.file, 0);
	close(h.file);
	h.file = -1;
	if (map == MAP_FAILED)
		return;
	h.conf = map;
	h.plan = (struct plan *)((char *)map + sizeof *h.conf);
	h.since = clock_ns(CLOCK_MONOTONIC) / 1000000;
	h.timer = watch_of(W_TIMER, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), NULL);
	watch_set(m, &h.timer, EPOLLIN);
	note(m);
	arm();
}

/* Who is stopped does not answer: that is no failure. */
static int is_frozen(struct monitor *m)
{
	char frozen = '0';
	int fd = m->plan->cgroup_fd < 0 ? -1 : openat(m->plan->cgroup_fd, "cgroup.freeze", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, &frozen, 1) != 1)
		frozen = '0';
	close(fd);
	return frozen == '1';
}

void health_tick(struct monitor *m)
{
	uint64_t times;
	int out[2];

	if (read(h.timer.fd, &times, sizeof times) < 0 || h.helper || m->exited)
		return;
	if (is_frozen(m) || pipe2(out, O_CLOEXEC) < 0) {
		arm();
		return;
	}
	now.began = clock_ns(CLOCK_REALTIME);
	now.len = 0;
	h.helper = fork();
	if (h.helper == 0)
		health_run(m, h.plan, (int)h.conf->timeout, out[1]);
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	h.out = watch_of(W_HEALTH, out[0], NULL);
	watch_set(m, &h.out, EPOLLIN);
	if (h.helper < 0)
		health_ended(m, 126 << 8);
}

/* What is more than is kept is read, and dropped. */
void health_read(struct monitor *m)
{
	char drop[1024];
	ssize_t n;
	do {
		size_t room = OUTPUT - now.len;
		n = room ? read(h.out.fd, now.text + now.len, room) : read(h.out.fd, drop, sizeof drop);
		if (n > 0 && room)
			now.len += (size_t)n;
	} while (n > 0);
	if (n == 0)
		watch_close(m, &h.out);
}

int health_is(pid_t pid) { return h.helper > 0 && pid == h.helper; }

static void judge(void)
{
	if (now.code == 0) {
		h.streak = 0;
		h.status = HEALTHY;
		return;
	}
	/* who is still starting may fail */
	if (h.status == STARTING && running_ms() < (long long)h.conf->start_period)
		return;
	h.streak++;
	if (h.streak >= h.conf->retries)
		h.status = UNHEALTHY;
}

static void act(struct monitor *m)
{
	static const char *const verbs[] = { [ON_FAILURE_RESTART] = "restart", [ON_FAILURE_STOP] = "stop" };
	if (h.conf->on_failure == ON_FAILURE_KILL)
		kill(m->pid, SIGKILL); /* its policy says what comes then */
	else if (h.conf->on_failure)
		reaper_call(m->conf, verbs[h.conf->on_failure]);
}

/* `status`: the helper's wait status. */
void health_ended(struct monitor *m, int status)
{
	int before = h.status;
	if (h.out.fd >= 0)
		health_read(m);
	if (h.out.fd >= 0)
		watch_close(m, &h.out); /* something that the program left has it still */
	h.helper = 0;
	if (m->exited)
		return;
	now.ended = clock_ns(CLOCK_REALTIME);
	now.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (now.code < 0) {
		const char *unit = h.conf->timeout % 1000 ? "ms" : "s";
		unsigned long long value = h.conf->timeout / (h.conf->timeout % 1000 ? 1 : 1000);
		now.len = (size_t)snprintf(now.text, OUTPUT, "Health check exceeded timeout (%llu%s)", value, unit);
	}
	judge();
	if (h.count == KEEP)
		memmove(results, results + 1, sizeof *results * --h.count);
	results[h.count++] = now;
	note(m);
	if (h.status == UNHEALTHY && before != UNHEALTHY)
		act(m);
	arm();
}

void health_end(struct monitor *m)
{
	if (h.timer.fd >= 0)
		watch_close(m, &h.timer);
}
