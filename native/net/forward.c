/* Names that no container has are asked of the servers that the host knows, or those of --dns, one after the other. Each
 * question goes from a port of its own, with a number of its own: nobody who sees neither can answer in the server's place. */
#define _GNU_SOURCE
#include "names.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WAITING = 512, MAX_OF_ONE = 64, PATIENCE_MS = 2000, PORT = 53 };

struct waiting {
	struct waiter w;
	struct waiting *next;
	int server;    /* the socket connected to it; -1: over */
	int client;    /* the socket on which the question came */
	union address from;
	socklen_t from_len;
	char servers[256];
	const char *rest; /* those still to ask */
	int64_t until;
	struct question q;
	uint8_t id[2];
	size_t n;
	uint8_t message[];
};

static struct waiting *waiting;
static int count;

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int server_address(const char *text, union address *to)
{
	memset(to, 0, sizeof *to);
	if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(PORT);
		return sizeof to->v4;
	}
	if (inet_pton(AF_INET6, text, &to->v6.sin6_addr) == 1) {
		to->v6.sin6_family = AF_INET6;
		to->v6.sin6_port = htons(PORT);
		return sizeof to->v6;
	}
	return 0;
}

static void answer_came(struct waiter *w, uint32_t events);

/* Asks the next server; 0, or -1 when there is none left. */
static int ask_next(struct waiting *a)
{
	char text[64];
	union address to;
	if (a->server >= 0)
		wait_stop(a->server);
	a->server = -1;
	while ((a->rest = next_word(a->rest, text, sizeof text))) {
		int length = server_address(text, &to);
		if (!length)
			continue;
		a->server = socket(to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (a->server < 0)
			continue;
		if (getrandom(a->message, 2, 0) == 2 && connect(a->server, &to.any, (socklen_t)length) == 0 &&
		    send(a->server, a->message, a->n, MSG_NOSIGNAL) == (ssize_t)a->n && wait_for(a->server, EPOLLIN, &a->w) == 0) {
			a->until = now_ms() + PATIENCE_MS;
			return 0;
		}
		wait_stop(a->server);
		a->server = -1;
	}
	return -1;
}

static void fail(struct waiting *a)
{
	static uint8_t out[MAX_MESSAGE];
	memcpy(a->message, a->id, 2);
	size_t n = answer_begin(out, a->message, a->n, &a->q, SERVER_FAILURE);
	n = answer_end(out, n, &a->q, a->q.limit);
	sendto(a->client, out, n, MSG_DONTWAIT | MSG_NOSIGNAL, &a->from.any, a->from_len);
}

/* The question of the answer must be ours, letter by letter. */
static int is_answer(const struct waiting *a, const uint8_t *answer, size_t n)
{
	return n >= a->q.end && memcmp(answer, a->message, 2) == 0 && answer[2] & 0x80 &&
	       memcmp(answer + 12, a->message + 12, a->q.end - 12) == 0;
}

static void answer_came(struct waiter *w, uint32_t events)
{
	static uint8_t answer[MAX_MESSAGE];
	struct waiting *a = (struct waiting *)w;
	(void)events;
	if (a->server < 0)
		return;
	ssize_t n = recv(a->server, answer, sizeof answer, MSG_DONTWAIT);
	if (n < 0) { /* nobody is at the port */
		if (ask_next(a) < 0)
			fail(a);
		return;
	}
	if (!is_answer(a, answer, (size_t)n))
		return;
	memcpy(answer, a->id, 2);
	sendto(a->client, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, &a->from.any, a->from_len);
	wait_stop(a->server);
	a->server = -1;
}

void forward(int client, const union address *from, socklen_t from_len, const uint8_t *message, size_t n,
	     const struct question *q, const char *servers)
{
	int own = 0;
	for (struct waiting *w = waiting; w; w = w->next)
		own += w->from.v4.sin_addr.s_addr == from->v4.sin_addr.s_addr;
	struct waiting *a = count < MAX_WAITING && own < MAX_OF_ONE ? calloc(1, sizeof *a + n) : NULL;
	if (!a)
		return; /* as many as there may be: the client asks again */
	a->w.ready = answer_came;
	a->server = -1;
	a->client = client;
	a->from = *from;
	a->from_len = from_len;
	a->q = *q;
	a->n = n;
	memcpy(a->message, message, n);
	memcpy(a->id, message, 2);
	strncpy(a->servers, servers, sizeof a->servers - 1);
	if (strlen(servers) >= sizeof a->servers) /* more than there can be: whole addresses of them */
		*strrchr(a->servers, ',') = 0;
	a->rest = a->servers;
	a->next = waiting;
	waiting = a;
	count++;
	if (ask_next(a) < 0)
		fail(a);
}

int forward_timeouts(void)
{
	int64_t t = now_ms();
	for (struct waiting **at = &waiting; *at;) {
		struct waiting *a = *at;
		if (a->server >= 0 && t >= a->until && ask_next(a) < 0)
			fail(a);
		if (a->server >= 0) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		free(a);
		count--;
	}
	return count;
}
