/* Health checks of the container that a monitor is for; health.c tells of them. */
#ifndef NC_HEALTH_H
#define NC_HEALTH_H

#include "monitor.h"

/* At the beginning of its file, before the plan. Twin of src/engine/plan/health-plan.ts. Times in milliseconds. */
struct health_conf {
	uint64_t interval, timeout, start_period, start_interval;
	uint32_t retries, on_failure;
	uint64_t pad[3];
};
enum { ON_FAILURE_KILL = 1, ON_FAILURE_RESTART = 2, ON_FAILURE_STOP = 3 };

/* In a process of its own: never returns. */
void health_run(struct monitor *m, struct plan *plan, int timeout_ms, int out) __attribute__((noreturn));

void health_open(int file);
void health_begin(struct monitor *m);
void health_tick(struct monitor *m);
void health_read(struct monitor *m);
int health_is(pid_t pid);
void health_ended(struct monitor *m, int status);
void health_end(struct monitor *m);
#endif
