/* The proxy of a container's published ports. It holds the ports, so that no other program takes them, and carries what
 * the rules of nf_tables do not: connections to the host's ::1, to IPv6 where the container has none, and everything
 * where the kernel has no nf_tables (docker's userland proxy does the same, one process a port).
 *
 * Started as: nanocontainer-proxy ID (tcp|udp|hold) ADDRESS PORT …, with the descriptors
 *   3  pidfd of the container's init
 *   4… a bound socket for each of the ports, in their order */
#define _GNU_SOURCE
#include "net.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PIDFD = 3, FIRST_PORT = 4, IDLE_MS = 30000 };

static void ended(struct waiter *w, uint32_t events)
{
	(void)w, (void)events;
	_exit(0);
}

static int parse(struct port *p, const char *address, const char *number)
{
	in_port_t port = htons((uint16_t)atoi(number));
	if (inet_pton(AF_INET, address, &p->to.v4.sin_addr) == 1) {
		p->to.v4.sin_family = AF_INET;
		p->to.v4.sin_port = port;
		p->to_len = sizeof p->to.v4;
	} else if (inet_pton(AF_INET6, address, &p->to.v6.sin6_addr) == 1) {
		p->to.v6.sin6_family = AF_INET6;
		p->to.v6.sin6_port = port;
		p->to_len = sizeof p->to.v6;
	} else
		return -1;
	return 0;
}

static int listen_at(struct port *p, int fd, char **words)
{
	p->fd = fd;
	if (parse(p, words[1], words[2]) < 0)
		return -1;
	if (strcmp(words[0], "hold") == 0) /* of a protocol that only rules can carry */
		return 0;
	p->w.ready = strcmp(words[0], "udp") == 0 ? udp_ready : tcp_ready;
	if (p->w.ready == udp_ready)
		udp_prepare(fd);
	return wait_for(fd, EPOLLIN, &p->w);
}

int proxy_main(int argc, char **argv)
{
	static struct waiter init = { ended };
	int n = (argc - 2) / 3, silent = -1;
	struct port *ports = calloc((size_t)n + 1, sizeof *ports);

	detach();
	if (n < 1 || !ports || wait_begin() < 0 || wait_for(PIDFD, EPOLLIN, &init) < 0)
		return 1;
	for (int i = 0; i < n; i++)
		if (listen_at(&ports[i], FIRST_PORT + i, argv + 2 + 3 * i) < 0)
			return 1;
	for (;;) {
		wait_round(silent);
		int moving = tcp_turns();
		tcp_free_closed();
		silent = udp_idle() ? IDLE_MS : -1;
		if (moving)
			silent = 0;
	}
}
