/* What the monitor's one loop waits for: descriptors in an epoll(7) set, each with who it belongs to. */
#include "monitor.h"
#include <sys/epoll.h>
#include <unistd.h>

/* Changes what is waited for; 0 takes the descriptor out. */
void watch_set(struct monitor *m, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	if (w->fd < 0 || events == w->events)
		return;
	int op = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	w->events = epoll_ctl(m->epoll, op, w->fd, &e) == 0 ? events : 0;
}

void watch_close(struct monitor *m, struct watch *w)
{
	if (w->fd < 0)
		return;
	watch_set(m, w, 0);
	close(w->fd);
	w->fd = -1;
}
