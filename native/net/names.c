/* The name server of a network, at its gateway's address: containers find each other by name, and through it the host's
 * servers. It has no memory of its own: the zone file says who is there, and the kernel who still lives. It ends with the
 * last of them.
 *
 * Started as: nanocontainer-names ZONES NETWORK_ID NETWORK_NAME, with the descriptors
 *   3  a UDP socket   4  a TCP socket that listens
 * The engine's side is src/engine/network/names.ts. */
#define _GNU_SOURCE
#include "names.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

enum { TICK_MS = 250 };

struct zone own_zone;
const char *network_name;
int zones;
static char zone_path[80], lock_path[80], pid_path[80];



static void member_ended(struct waiter *w, uint32_t events)
{
	struct member *m = (struct member *)w;
	(void)events;
	if (m->pidfd >= 0)
		wait_stop(m->pidfd);
	m->pidfd = -1;
}

static int alive(void)
{
	for (int i = 0; i < own_zone.n; i++)
		if (own_zone.members[i].pidfd >= 0)
			return 1;
	return 0;
}

/* Zones that have been replaced: events of this round may still name their members. */
static struct zone retired[ROUND + 1];
static int retired_n;

static void zone_load(void)
{
	struct zone *old = &retired[retired_n++];
	*old = own_zone;
	own_zone = (struct zone){ 0 };
	for (int i = 0; i < old->n; i++)
		member_ended(&old->members[i].w, 0);
	if (zone_read(&own_zone, zones, zone_path) < 0)
		return;
	for (int i = 0; i < own_zone.n; i++) {
		own_zone.members[i].w.ready = member_ended;
		if (own_zone.members[i].pidfd >= 0)
			wait_for(own_zone.members[i].pidfd, EPOLLIN, &own_zone.members[i].w);
	}
}

/* Asked at each question, which costs a microsecond, and is never late. */
void zone_refresh(void)
{
	if (zone_changed(&own_zone, zones, zone_path))
		zone_load();
}

/* Who adds a container holds the lock, and then sees whether we live: either he finds us, or we find his container. */
static void end_if_alone(void)
{
	if (alive())
		return;
	int lock = openat(zones, lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock >= 0)
		flock(lock, LOCK_EX);
	zone_load();
	if (!alive()) {
		close(3); /* before the lock goes: the addresses are free for who comes next */
		close(4);
		unlinkat(zones, pid_path, 0);
		_exit(0);
	}
	if (lock >= 0)
		close(lock);
}

const struct member *member_at(struct in_addr ip)
{
	for (int i = 0; i < own_zone.n; i++)
		if (own_zone.members[i].ip.s_addr == ip.s_addr && own_zone.members[i].pidfd >= 0)
			return &own_zone.members[i];
	return NULL;
}

static void question_came(struct waiter *w, uint32_t events)
{
	static uint8_t message[MAX_MESSAGE], out[MAX_MESSAGE];
	struct port *p = (struct port *)w;
	union address from;
	socklen_t from_len = sizeof from;
	struct question q;
	(void)events;
	ssize_t n = recvfrom(p->fd, message, sizeof message, MSG_DONTWAIT, &from.any, &from_len);
	if (n < 0)
		return;
	int code = question_read(message, (size_t)n, &q);
	if (code < 0)
		return;
	zone_refresh();
	/* Packets of other networks reach this address too: they learn nothing of this one. */
	const struct member *asker = from.any.sa_family == AF_INET ? member_at(from.v4.sin_addr) : NULL;
	if (!asker)
		code = REFUSED;
	size_t length = code ? answer_begin(out, message, (size_t)n, &q, code) : look_up(out, message, (size_t)n, &q, asker);
	if (!length) {
		forward(p->fd, &from, from_len, message, (size_t)n, &q, asker->servers);
		return;
	}
	length = answer_end(out, length, &q, q.limit);
	sendto(p->fd, out, length, MSG_DONTWAIT | MSG_NOSIGNAL, &from.any, from_len);
}

/* Only to end the waiting: they are seen off in the loop. */
static void child_ended(int sig)
{
	(void)sig;
}

int names_main(int argc, char **argv)
{
	static struct port udp = { .w = { question_came }, .fd = 3 }, tcp = { .w = { names_tcp_ready }, .fd = 4 };
	if (argc != 4 || strlen(argv[2]) > 64)
		return 1;
	detach();
	signal(SIGCHLD, child_ended);
	zones = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	network_name = argv[3];
	snprintf(zone_path, sizeof zone_path, "%s/names", argv[2]);
	snprintf(lock_path, sizeof lock_path, "%s/lock", argv[2]);
	snprintf(pid_path, sizeof pid_path, "%s/pid", argv[2]);
	if (zones < 0 || wait_begin() < 0 || wait_for(3, EPOLLIN, &udp.w) < 0 || wait_for(4, EPOLLIN, &tcp.w) < 0)
		return 1;
	zone_load();
	for (int waiting = 0;;) {
		wait_round(waiting ? TICK_MS : -1);
		names_tcp_ended();
		while (retired_n)
			zone_free(&retired[--retired_n]);
		waiting = forward_timeouts();
		end_if_alone();
	}
}
