/* Connections: each is two sockets and a pipe for each direction, through which splice(2) moves pages that no program
 * ever reads. A direction that has ended is ended on the other side too, and the other goes on (half-close). */
#define _GNU_SOURCE
#include "net.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, TURNS = 8 }; /* more would let one connection keep all others waiting */

struct flow;

/* One of the two ends. What comes from it goes through its pipe to the other. */
struct end {
	struct waiter w;
	struct flow *flow;
	int fd, pipe[2];
	size_t held; /* bytes in the pipe */
	int finished; /* 1: it sends no more; 2: and the other end has been told */
};

struct flow {
	struct end ends[2]; /* of the client, and of the container */
	int connected;      /* the container's end stands: before, nothing may be shut down there, or it would be undone */
	int busy;           /* it is on the list of those that go on */
	struct flow *next_closed, *next_busy;
};

static struct flow *closed;

/* It is freed once no event of this round can name it any more. */
static void flow_close(struct flow *f)
{
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->ends[i];
		if (e->fd >= 0)
			close(e->fd);
		if (e->pipe[0] >= 0) {
			close(e->pipe[0]);
			close(e->pipe[1]);
		}
		e->fd = e->pipe[0] = -1;
	}
	f->next_closed = closed;
	closed = f;
}

void tcp_free_closed(void)
{
	while (closed) {
		struct flow *f = closed;
		closed = f->next_closed;
		free(f);
	}
}

/* Returns 1 if something moved, 0 if nothing can now, -1 when the connection is broken. */
static int move(struct end *from, struct end *to)
{
	int moved = 0;
	if (!from->finished) {
		ssize_t n = splice(from->fd, NULL, from->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n > 0) {
			from->held += (size_t)n;
			moved = 1;
		} else if (n == 0)
			from->finished = 1;
		else if (errno != EAGAIN && errno != EINTR)
			return -1;
	}
	while (from->held) {
		ssize_t n = splice(from->pipe[0], NULL, to->fd, NULL, from->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n <= 0) {
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return -1;
			break;
		}
		from->held -= (size_t)n;
		moved = 1;
	}
	if (from->finished == 1 && !from->held && from->flow->connected) {
		shutdown(to->fd, SHUT_WR);
		from->finished = 2;
	}
	return moved;
}

static struct flow *busy;

static void flow_go_on(struct flow *f)
{
	int a = 1, b = 1;
	for (int turn = 0; turn < TURNS && a >= 0 && b >= 0 && (a || b); turn++) {
		a = move(&f->ends[0], &f->ends[1]);
		b = a < 0 ? a : move(&f->ends[1], &f->ends[0]);
	}
	if (a < 0 || b < 0 || (f->ends[0].finished == 2 && f->ends[1].finished == 2)) {
		flow_close(f);
	} else if ((a || b) && !f->busy) {
		f->busy = 1;
		f->next_busy = busy;
		busy = f;
	}
}

int tcp_turns(void)
{
	struct flow *f = busy;
	busy = NULL;
	while (f) {
		struct flow *next = f->next_busy;
		f->busy = 0;
		if (f->ends[0].fd >= 0)
			flow_go_on(f);
		f = next;
	}
	return busy != NULL;
}

static void end_ready(struct waiter *w, uint32_t events)
{
	struct flow *f = ((struct end *)w)->flow;
	if (f->ends[0].fd < 0)
		return; /* its other end, in the same round, has closed it */
	if (events & EPOLLERR) {
		flow_close(f);
		return;
	}
	if (w == &f->ends[1].w && events & EPOLLOUT && !(events & EPOLLHUP))
		f->connected = 1;
	flow_go_on(f);
}

static struct flow *flow_new(void)
{
	struct flow *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->ends[i];
		e->w.ready = end_ready;
		e->flow = f;
		e->fd = e->pipe[0] = e->pipe[1] = -1;
	}
	return f;
}

static int flow_begin(struct flow *f, struct port *p, int client)
{
	int on = 1;
	f->ends[0].fd = client;
	f->ends[1].fd = socket(p->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->ends[1].fd < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		setsockopt(f->ends[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(f->ends[i].fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* who vanishes without a word is noticed */
		setsockopt(f->ends[i].fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on); /* splice(2) stops at urgent data */
		if (pipe2(f->ends[i].pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			return -1;
	}
	if (connect(f->ends[1].fd, &p->to.any, p->to_len) < 0 && errno != EINPROGRESS)
		return -1;
	for (int i = 0; i < 2; i++)
		if (wait_for(f->ends[i].fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &f->ends[i].w) < 0)
			return -1;
	return 0;
}

/* With no descriptor left, a connection that cannot be accepted would be announced for ever: one is kept for refusing it. */
static int spare = -1;

static void refuse(int port)
{
	close(spare);
	int client = accept4(port, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		close(client);
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void tcp_ready(struct waiter *w, uint32_t events)
{
	struct port *p = (struct port *)w;
	(void)events;
	if (spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int client = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client < 0) {
		if (errno == EMFILE || errno == ENFILE)
			refuse(p->fd);
		return;
	}
	struct flow *f = flow_new();
	if (!f)
		close(client);
	else if (flow_begin(f, p, client) < 0)
		flow_close(f);
}
