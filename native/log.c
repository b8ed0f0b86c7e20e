/* The json-file log: one object a line of output, as docker writes it:
 *   {"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}
 * A line longer than 16 KiB is split; a part without its end has no \n. Bytes that are not UTF-8 become U+FFFD. */
#include "monitor.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384

static char out[192 * 1024];
static size_t out_len;
static struct { char buf[LINE_MAX_BYTES]; size_t len; } line[2];

static void flush(int fd)
{
	for (size_t at = 0; at < out_len;) {
		ssize_t n = write(fd, out + at, out_len - at);
		if (n <= 0)
			break; /* a full disk must not stop the container */
		at += (size_t)n;
	}
	out_len = 0;
}

/* Length of the well-formed UTF-8 sequence at p, or 0 (Unicode 15, table 3-7). */
static int utf8_len(const unsigned char *p, size_t left)
{
	unsigned char a = p[0], lo = 0x80, hi = 0xbf;
	int n = a < 0x80 ? 1 : a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
	if (n == 0 || (size_t)n > left)
		return 0;
	if (a == 0xe0) lo = 0xa0;
	if (a == 0xed) hi = 0x9f;
	if (a == 0xf0) lo = 0x90;
	if (a == 0xf4) hi = 0x8f;
	for (int i = 1; i < n; i++, lo = 0x80, hi = 0xbf)
		if (p[i] < lo || p[i] > hi)
			return 0;
	return n;
}

static void put(const char *s, size_t n) { memcpy(out + out_len, s, n); out_len += n; }

/* One byte at a time, but straight into the buffer, which record() has made sure has room: six bytes for each. */
static void put_escaped(const unsigned char *p, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	char *o = out + out_len;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = p[i];
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&') {
			*o++ = (char)c;
		} else if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t') {
			*o++ = '\\';
			*o++ = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : (char)c;
		} else if (c < 0x80) {
			memcpy(o, "\\u00", 4);
			o[4] = hex[c >> 4];
			o[5] = hex[c & 15];
			o += 6;
		} else {
			int n = utf8_len(p + i, len - i);
			if (n == 0) {
				memcpy(o, "\\ufffd", 6);
				o += 6;
			} else if (n == 3 && c == 0xe2 && p[i + 1] == 0x80 && (p[i + 2] | 1) == 0xa9) {
				memcpy(o, (p[i + 2] & 1) ? "\\u2029" : "\\u2028", 6); /* line ends in JavaScript */
				o += 6;
				i += 2;
			} else {
				memcpy(o, p + i, (size_t)n);
				o += n;
				i += (size_t)n - 1;
			}
		}
	}
	out_len = (size_t)(o - out);
}

/* RFC 3339 with nanoseconds: when the bytes were read, the same for all lines of one read. */
static char now[31];
static void take_time(void)
{
	static time_t second;
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (t.tv_sec != second) {
		struct tm tm;
		second = t.tv_sec;
		gmtime_r(&second, &tm);
		strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S", &tm);
	}
	now[19] = '.';
	for (int i = 28, v = (int)t.tv_nsec; i > 19; i--, v /= 10)
		now[i] = (char)('0' + v % 10);
	now[29] = 'Z';
}

static void record(int fd, int which, const char *text, size_t len)
{
	if (out_len + len * 6 + 128 > sizeof out)
		flush(fd);
	put("{\"log\":\"", 8);
	put_escaped((const unsigned char *)text, len);
	put(which ? "\",\"stream\":\"stderr\",\"time\":\"" : "\",\"stream\":\"stdout\",\"time\":\"", 28);
	put(now, 30);
	put("\"}\n", 3);
}

void log_write(int fd, int which, const char *data, size_t len)
{
	if (fd < 0)
		return;
	take_time();
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) + 1 : len, room = LINE_MAX_BYTES - line[which].len;
		if (n > room)
			n = room, end = NULL;
		if (line[which].len == 0 && end) {
			record(fd, which, data, n); /* a whole line: no copy */
		} else {
			memcpy(line[which].buf + line[which].len, data, n);
			line[which].len += n;
			if (end || line[which].len == LINE_MAX_BYTES) {
				record(fd, which, line[which].buf, line[which].len);
				line[which].len = 0;
			}
		}
		data += n;
		len -= n;
	}
	flush(fd);
}

/* What has no newline yet is written when the stream ends. */
void log_end(int fd)
{
	take_time();
	for (int which = 0; which < 2; which++)
		if (fd >= 0 && line[which].len) {
			record(fd, which, line[which].buf, line[which].len);
			line[which].len = 0;
		}
	if (fd >= 0)
		flush(fd);
}
