/* The one epoll(7) set of a program: what is waited for, and who hears of it. */
#define _GNU_SOURCE
#include "net.h"
#include <sys/epoll.h>
#include <unistd.h>

static int set;

int wait_begin(void)
{
	return set = epoll_create1(EPOLL_CLOEXEC);
}

int wait_for(int fd, uint32_t events, struct waiter *w)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

void wait_stop(int fd)
{
	epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
}

void wait_leave(void)
{
	close(set);
}

void wait_round(int timeout_ms)
{
	struct epoll_event events[ROUND];
	int n = epoll_wait(set, events, ROUND, timeout_ms);
	for (int i = 0; i < n; i++) {
		struct waiter *w = events[i].data.ptr;
		w->ready(w, events[i].events);
	}
}
