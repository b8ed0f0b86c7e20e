/* Datagrams: for each client a socket of its own to the container, so that answers find their way back; forgotten after a
 * while of silence, as connection tracking forgets. An answer leaves from the address that the client wrote to. */
#define _GNU_SOURCE
#include "net.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 4096, SILENT_S = 90, BUCKETS = 1024 };

struct client {
	struct waiter w;
	struct port *port;
	struct client *next;
	union address from;
	/* Where the client wrote to: IP_PKTINFO's or IPV6_PKTINFO's message, given back as it came (ip(7), ipv6(7)). */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	size_t control_len;
	int fd;
	time_t last;
};

static struct client *clients[BUCKETS];
static int count;
static char data[65536];

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static unsigned bucket_of(const union address *a, const struct port *p)
{
	unsigned h = (unsigned)p->fd;
	const unsigned char *bytes = (const unsigned char *)a;
	size_t n = a->any.sa_family == AF_INET ? 8 : 24; /* family, port, address */
	for (size_t i = 0; i < n; i++)
		h = h * 31 + bytes[i];
	return h % BUCKETS;
}

static int same(const union address *a, const union address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return 0;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
	       memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static void answer_ready(struct waiter *w, uint32_t events)
{
	struct client *c = (struct client *)w;
	struct iovec v = { data, 0 };
	struct msghdr m = { .msg_name = &c->from, .msg_iov = &v, .msg_iovlen = 1 };
	(void)events;
	ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT); /* an error of the socket is taken with it */
	if (n < 0)
		return;
	v.iov_len = (size_t)n;
	m.msg_namelen = c->from.any.sa_family == AF_INET ? sizeof c->from.v4 : sizeof c->from.v6;
	m.msg_control = c->control_len ? c->control : NULL;
	m.msg_controllen = c->control_len;
	sendmsg(c->port->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	c->last = now();
}

static struct client *client_new(struct port *p, const union address *from)
{
	struct client *c;
	if (count >= MAX_CLIENTS || !(c = calloc(1, sizeof *c)))
		return NULL;
	c->w.ready = answer_ready;
	c->port = p;
	c->from = *from;
	c->fd = socket(p->to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, &p->to.any, p->to_len) < 0 || wait_for(c->fd, EPOLLIN, &c->w) < 0) {
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		return NULL;
	}
	unsigned b = bucket_of(from, p);
	c->next = clients[b];
	clients[b] = c;
	count++;
	return c;
}

static struct client *client_of(struct port *p, const union address *from)
{
	for (struct client *c = clients[bucket_of(from, p)]; c; c = c->next)
		if (c->port == p && same(&c->from, from))
			return c;
	return client_new(p, from);
}

/* Keeps what a message says of its destination, without the interface, which the route back may not be on. */
static void keep_destination(struct client *c, struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	c->control_len = 0;
	if (!h || h->cmsg_len > sizeof c->control)
		return;
	if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *i = (struct in_pktinfo *)CMSG_DATA(h);
		i->ipi_ifindex = 0;
		i->ipi_spec_dst = i->ipi_addr;
	} else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo *i = (struct in6_pktinfo *)CMSG_DATA(h);
		if (!IN6_IS_ADDR_LINKLOCAL(&i->ipi6_addr))
			i->ipi6_ifindex = 0;
	} else
		return;
	memcpy(c->control, h, h->cmsg_len);
	c->control_len = CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
}

void udp_prepare(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

void udp_ready(struct waiter *w, uint32_t events)
{
	struct port *p = (struct port *)w;
	union address from;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct iovec v = { data, sizeof data };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control };
	(void)events;
	ssize_t n = recvmsg(p->fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return;
	struct client *c = client_of(p, &from);
	if (!c)
		return; /* as many as there may be: datagrams may be lost */
	keep_destination(c, &m);
	c->last = now();
	send(c->fd, data, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int udp_idle(void)
{
	static time_t looked;
	time_t t = now();
	if (!count || t - looked < SILENT_S / 3)
		return count;
	looked = t;
	for (int b = 0; b < BUCKETS; b++)
		for (struct client **at = &clients[b]; *at;) {
			struct client *c = *at;
			if (t - c->last < SILENT_S) {
				at = &c->next;
				continue;
			}
			*at = c->next;
			close(c->fd);
			free(c);
			count--;
		}
	return count;
}
