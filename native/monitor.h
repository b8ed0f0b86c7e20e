/* The monitor's parts and what they share: one event loop, streams, clients, a log. */
#ifndef NC_MONITOR_H
#define NC_MONITOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Messages of the control socket (SOCK_SEQPACKET, one struct a message, data behind it).
 * The other end is src/runtime/monitor.ts. */
#define CONTROL_VERSION 1
enum control_type {
	/* to the monitor */
	C_ATTACH = 1,  /* a: ATTACH_ flags, data: detach keys; SCM_RIGHTS: a descriptor for each stream flag, in order */
	C_RESIZE = 2,  /* a: rows, b: columns */
	C_GO = 3,      /* the answer to C_SYNC; to sync 0: the plan is whole */
	C_WAIT = 4,    /* asks for C_EXITED; a: 1: once all output is in the log */
	C_REAPED = 5,  /* the holder of the lease has done the reaper's work; a: 1: until the container is to be started again */
	C_PLAN = 6,    /* the first of all; SCM_RIGHTS: the plan, and what it names by number */
	/* from the monitor */
	C_SYNC = 64,     /* a: pid of init, b: number of the sync */
	C_FAILED = 65,   /* a: index of the operation, b: errno */
	C_STARTED = 66,  /* a: pid of init; it has become the container's program */
	C_EXITED = 67,   /* a: wait status (wait(2)) */
	C_DETACHED = 68, /* the detach keys were typed */
	C_BROKEN = 69,   /* the client's output takes no more; a: stream, b: errno */
	C_REFUSED = 70,  /* a: errno */
	C_READY = 71,    /* a: pid of the monitor, to its first client */
};
enum { ATTACH_STDIN = 1, ATTACH_STDOUT = 2, ATTACH_STDERR = 4, ATTACH_LEASE = 8 };
struct op; /* plan.h */
struct plan;
struct control_msg {
	uint16_t version, type;
	uint32_t a, b;
};

enum watch_kind { W_SIGNAL, W_INIT, W_LISTEN, W_CLIENT, W_CLIENT_IN, W_CLIENT_OUT, W_STREAM, W_STDIN, W_TIMER, W_HEALTH };
struct watch {
	enum watch_kind kind;
	int fd;
	void *owner; /* the client or stream */
	uint32_t events; /* 0: not in the epoll set */
	int socket;      /* read and written without waiting by flag; others have an open description of their own */
};
static inline struct watch watch_of(enum watch_kind kind, int fd, void *owner)
{
	return (struct watch){ .kind = kind, .fd = fd, .owner = owner };
}

struct client {
	struct client *next;
	struct watch sock, in, out[2];
	size_t sent[2];      /* how much of each stream's buffer this client has */
	unsigned flags;
	int in_always_ready; /* a regular file: epoll(7) refuses those, they never block */
	int gone, waits, late; /* late: the exit is told when all output is in the log */
	unsigned char keys[16];
	unsigned nkeys, matched;
	int told; /* of the exit */
};

#define STREAM_BUFFER (256 * 1024)
struct stream {
	struct watch src;
	char *buf;
	size_t len;
	int which; /* 0 stdout, 1 stderr */
	int open;
	int large; /* more than a page of the buffer has been used since it was last given back */
};

struct monitor {
	int epoll;
	struct stream out[2];
	struct watch in;     /* write end of the container's stdin, or the pty master */
	char *in_buf;
	size_t in_len, in_sent;
	struct client *in_from; /* whose bytes in_buf holds */
	int in_ending;       /* no more will come */
	int in_once;         /* end of file of a client ends the container's stdin */
	int terminal;
	int tied;            /* init is killed when the first client goes */
	struct client *clients;
	struct watch init, listen, signal;
	pid_t pid;
	int started, exited, status;
	int drained;         /* all output is in the log */
	int log;
	int slave;           /* of the pty, or -1 */
	const char *exit_path;
	struct plan *plan;
	struct op *conf;     /* its own, the first of the plan */
};

/* watch.c */
void watch_set(struct monitor *m, struct watch *w, uint32_t events);
void watch_close(struct monitor *m, struct watch *w);

/* In a new process, before its plan: signals as for a program, and no descriptors but 0 to 2 and those given. */
void as_new_process(const int *keep, int n);
void close_others(const int *keep, int n);

int monitor_main(int argc, char **argv);

/* stdio.c */
void stream_open(struct monitor *m, int which, int fd);
void stream_pump(struct monitor *m, struct stream *s);
void streams_flush(struct monitor *m);
int streams_done(struct monitor *m);
void stdin_pump(struct monitor *m, struct client *c);
void stdin_drain(struct monitor *m);
void stdin_end(struct monitor *m);
void stdin_resume(struct monitor *m);

/* client.c */
struct client *client_add(struct monitor *m, int sock);
void client_drop(struct monitor *m, struct client *c); /* stdin_end() comes first, if its input was taken */
void client_send(struct client *c, enum control_type type, uint32_t a, uint32_t b);
void clients_tell(struct monitor *m, enum control_type type, uint32_t a, uint32_t b, int with_streams);
void clients_sweep(struct monitor *m);

/* control.c */
void client_read(struct monitor *m, struct client *c);

/* record.c */
void record_pids(struct monitor *m);
void record_exit(struct monitor *m);
void reserve_exit(struct monitor *m);

/* reaper.c */
void reap(struct op *conf);
void reaper_call(struct op *conf, const char *verb);

/* log.c */
void log_write(int fd, int which, const char *data, size_t len);
void log_end(int fd);
#endif
