/* What stands beside containers for their network: the proxy of a container's published ports, which ends with it, and
 * the name server of a network, which ends with its last container. Both live in the host's network namespace, and know
 * by pidfds who lives. Their twins are src/network/proxy.ts and src/network/names.ts. */
#ifndef NC_NET_H
#define NC_NET_H
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Who an event of the one epoll set is for: the first member of what waits. */
struct waiter {
	void (*ready)(struct waiter *w, uint32_t events);
};

/* A port of the host, and where what comes there goes. */
struct port {
	struct waiter w;
	int fd;
	union address to;
	socklen_t to_len;
};

int proxy_main(int argc, char **argv);
int names_main(int argc, char **argv);

/* wait.c: so many events at most are heard in a round. */
enum { ROUND = 64 };
int wait_begin(void);                                    /* -1: not */
int wait_for(int fd, uint32_t events, struct waiter *w); /* 0, or -1 */
/* Closes what is waited for. Closing it alone would not do: a child that was forked meanwhile has it too, and while it has,
 * the set goes on naming a waiter that is gone. */
void wait_stop(int fd);
void wait_leave(void);           /* in a child: it waits for nothing of its parent's */
void wait_round(int timeout_ms); /* -1: as long as it takes */

/* tcp.c: a connection came to the port. After a round of events those that still move have another turn (tcp_turns() returns
 * whether there are any), and what was closed is freed. */
void tcp_ready(struct waiter *w, uint32_t events);
int tcp_turns(void);
void tcp_free_closed(void);
/* udp.c: before the first; a datagram came; udp_idle() forgets who has been silent, and returns how many are left. */
void udp_prepare(int fd);
void udp_ready(struct waiter *w, uint32_t events);
int udp_idle(void);

/* detach.c: a process of its own, with the descriptors 0 to 2 on /dev/null and all signals at their default. */
void detach(void);
#endif
