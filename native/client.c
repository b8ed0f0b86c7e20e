/* The list of clients: each is a NanoContainer command at the control socket. What they ask for is control.c. */
#define _GNU_SOURCE
#include "monitor.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client *client_add(struct monitor *m, int sock)
{
	struct client *c = calloc(1, sizeof *c);
	if (!c)
		return close(sock), NULL;
	c->sock = watch_of(W_CLIENT, sock, c);
	c->in = watch_of(W_CLIENT_IN, -1, c);
	c->out[0] = c->out[1] = watch_of(W_CLIENT_OUT, -1, c);
	c->next = m->clients;
	m->clients = c;
	watch_set(m, &c->sock, EPOLLIN);
	return c;
}

/* Freed by clients_sweep(), after the events of this turn, which may still name it. */
void client_drop(struct monitor *m, struct client *c)
{
	watch_close(m, &c->in);
	watch_close(m, &c->out[0]);
	watch_close(m, &c->out[1]);
	watch_close(m, &c->sock);
	c->gone = 1;
}

void clients_sweep(struct monitor *m)
{
	for (struct client **p = &m->clients; *p;) {
		struct client *c = *p;
		if (c->gone) {
			*p = c->next;
			free(c);
		} else {
			p = &c->next;
		}
	}
}

void client_send(struct client *c, enum control_type type, uint32_t a, uint32_t b)
{
	struct control_msg msg = { CONTROL_VERSION, (uint16_t)type, a, b };
	if (c->sock.fd >= 0)
		send(c->sock.fd, &msg, sizeof msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Tells those that wait, once. Who still has output to come is told when it has come; who only waits (stop, rm)
 * must not hang on a reader that has stopped reading. */
void clients_tell(struct monitor *m, enum control_type type, uint32_t a, uint32_t b, int with_streams)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (c->waits && !c->told && (with_streams || (!c->late && c->out[0].fd < 0 && c->out[1].fd < 0))) {
			client_send(c, type, a, b);
			c->told = 1;
		}
}
