/* The name server of a network: what its files share. */
#ifndef NC_NAMES_H
#define NC_NAMES_H
#include "net.h"
#include <stddef.h>
#include <sys/stat.h>

enum { MAX_SERVERS = 3, MAX_MESSAGE = 65535, MAX_NAME = 256 };

/* A container in the network: a line of the zone file (twin: src/network/names.ts). The texts lie in the zone's memory. */
struct member {
	struct waiter w;
	int pidfd; /* readable once its init has ended; -1: it has */
	struct in_addr ip;
	struct in6_addr ip6;
	int has_ip6;
	char *names;   /* "web,853f10942e65" */
	char *servers; /* "10.0.0.53,127.0.0.53" */
	char *others;  /* IDs of its other networks */
	char *links;   /* "db:postgres": what it alone calls others */
};

struct zone {
	char *text;
	struct member *members;
	int n;
	struct stat file; /* a new one takes the place of the old one */
};

/* zone.c. Whether the file is another one than what was read; reading it: 0, or -1. */
int zone_changed(const struct zone *z, int dir, const char *path);
int zone_read(struct zone *z, int dir, const char *path);
void zone_free(struct zone *z);
int member_lives(const struct member *m);
/* Goes through "a,b,c": copies the next word, returns what follows, NULL when there is none left. */
const char *next_word(const char *list, char *word, size_t size);
int has_word(const char *list, const char *word);

/* dns.c (RFC 1035): a question, and the answer to it. */
struct question {
	char name[MAX_NAME]; /* lower case, without the last dot */
	uint16_t type;
	size_t end;   /* where in the message the question ends */
	size_t limit; /* bytes that the client takes over UDP */
	int extended; /* it speaks EDNS (RFC 6891) */
};
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_ANY = 255 };
enum { NO_ERROR = 0, FORMAT_ERROR = 1, SERVER_FAILURE = 2, NO_SUCH_NAME = 3, NOT_IMPLEMENTED = 4, REFUSED = 5 };
/* Returns a response code: NO_ERROR, or why it is no question. */
int question_read(const uint8_t *message, size_t n, struct question *q);
/* Begins the answer in `out`, which holds MAX_MESSAGE bytes; returns its length. */
size_t answer_begin(uint8_t *out, const uint8_t *message, size_t n, const struct question *q, int code);
/* Of TYPE_A or TYPE_AAAA: 4 bytes, or 16. */
size_t answer_address(uint8_t *out, size_t n, unsigned type, const void *ip);
size_t answer_name(uint8_t *out, size_t n, const char *name);
/* Ends it; what does not fit into `limit` is cut, so that the client asks again over TCP. */
size_t answer_end(uint8_t *out, size_t n, const struct question *q, size_t limit);

/* lookup.c: the answer if the network knows it, or nobody else can; 0 for what is to be asked elsewhere. */
size_t look_up(uint8_t *out, const uint8_t *message, size_t n, const struct question *q, const struct member *asker);

/* forward.c: to the host's servers. One asker has so many questions waiting at most: nobody takes the place of all others. */
void forward(int client, const union address *from, socklen_t from_len, const uint8_t *message, size_t n,
	     const struct question *q, const char *servers);
int forward_timeouts(void); /* returns how many wait */
int server_address(const char *text, union address *to);

/* names_tcp.c: a connection came; a process of its own serves it. */
void names_tcp_ready(struct waiter *w, uint32_t events);
void names_tcp_ended(void); /* sees off those that have ended */

/* names.c */
extern struct zone own_zone;
extern const char *network_name;
extern int zones; /* the directory of all networks' zones */
void zone_refresh(void);
const struct member *member_at(struct in_addr ip);
#endif
