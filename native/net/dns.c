/* Messages of the domain name system (RFC 1035, 4): a header of six 16-bit numbers, a question, answers. What comes is
 * from containers, and anything: each read is checked against the end of the message. */
#include "names.h"
#include <ctype.h>
#include <string.h>

enum { HEADER = 12, LEAST = 512, MOST = 4096, QR = 0x80, RD = 0x01, RA = 0x80, TC = 0x02, AA = 0x04 };
enum { CLASS_IN = 1, TYPE_OPT = 41, LABEL_MAX = 63, TTL = 0 }; /* who asks later may get another answer */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static size_t put16(uint8_t *out, size_t n, unsigned value)
{
	out[n] = (uint8_t)(value >> 8);
	out[n + 1] = (uint8_t)value;
	return n + 2;
}

/* Labels, each a length and so many letters. In a question nothing points elsewhere. */
static int name_read(const uint8_t *message, size_t n, size_t *at, char *name)
{
	size_t length = 0;
	for (;;) {
		if (*at >= n)
			return -1;
		size_t label = message[(*at)++];
		if (label == 0)
			break;
		if (label > LABEL_MAX || *at + label > n || length + label + 1 >= MAX_NAME)
			return -1;
		if (length)
			name[length++] = '.';
		for (; label; label--) {
			uint8_t c = message[(*at)++];
			if (c == '.' || c == 0)
				return -1; /* it would read as another name */
			name[length++] = (char)tolower(c);
		}
	}
	name[length] = 0;
	return 0;
}

/* The additional record of EDNS, if the message has one right behind the question: then its class is a size. */
static void extension_read(const uint8_t *message, size_t n, struct question *q)
{
	const uint8_t *at = message + q->end;
	if (get16(message + 6) || get16(message + 8) || get16(message + 10) != 1 || q->end + 11 > n)
		return;
	if (at[0] != 0 || get16(at + 1) != TYPE_OPT)
		return;
	q->extended = 1;
	q->limit = get16(at + 3);
	if (q->limit < LEAST)
		q->limit = LEAST;
	if (q->limit > MOST)
		q->limit = MOST;
}

int question_read(const uint8_t *message, size_t n, struct question *q)
{
	size_t at = HEADER;
	*q = (struct question){ .limit = LEAST, .end = HEADER };
	if (n < HEADER || message[2] & QR)
		return -1; /* no answer to answers */
	if (message[2] & 0x78)
		return NOT_IMPLEMENTED; /* another operation than a query */
	if (get16(message + 4) != 1 || name_read(message, n, &at, q->name) < 0 || at + 4 > n)
		return FORMAT_ERROR;
	q->type = get16(message + at);
	uint16_t class = get16(message + at + 2);
	q->end = at + 4;
	extension_read(message, n, q);
	return class == CLASS_IN ? NO_ERROR : REFUSED;
}

size_t answer_begin(uint8_t *out, const uint8_t *message, size_t n, const struct question *q, int code)
{
	size_t end = q->end <= n ? q->end : HEADER;
	memcpy(out, message, end);
	out[2] = (uint8_t)(QR | AA | (message[2] & (RD | 0x78)));
	out[3] = (uint8_t)(RA | code);
	put16(out, 4, end > HEADER ? 1 : 0);
	memset(out + 6, 0, 6);
	return end;
}

/* The name is that of the question: a pointer to it. */
static size_t record_begin(uint8_t *out, size_t n, unsigned type, size_t length)
{
	n = put16(out, n, 0xc000 | HEADER);
	n = put16(out, n, type);
	n = put16(out, n, CLASS_IN);
	n = put16(out, n, 0);
	n = put16(out, n, TTL);
	put16(out, 6, get16(out + 6) + 1u);
	return put16(out, n, (unsigned)length);
}

size_t answer_address(uint8_t *out, size_t n, unsigned type, const void *ip)
{
	size_t length = type == TYPE_AAAA ? 16 : 4;
	if (n + 12 + length > MAX_MESSAGE - 16)
		return n;
	n = record_begin(out, n, type, length);
	memcpy(out + n, ip, length);
	return n + length;
}

size_t answer_name(uint8_t *out, size_t n, const char *name)
{
	size_t length = strlen(name) + 2;
	for (const char *at = name; *at; at += strcspn(at, ".") + (at[strcspn(at, ".")] == '.'))
		if (!strcspn(at, ".") || strcspn(at, ".") > LABEL_MAX)
			return n; /* a container may be called what no name of the system can be */
	if (length > 255 || n + 12 + length > MAX_MESSAGE - 16)
		return n;
	n = record_begin(out, n, TYPE_PTR, length);
	while (*name) {
		size_t label = strcspn(name, ".");
		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	out[n++] = 0;
	return n;
}

size_t answer_end(uint8_t *out, size_t n, const struct question *q, size_t limit)
{
	size_t room = q->extended ? 11 : 0;
	if (n + room > limit) {
		n = q->end;
		out[2] |= TC;
		put16(out, 6, 0);
	}
	if (q->extended) {
		const uint8_t record[11] = { 0, 0, TYPE_OPT, MOST >> 8, MOST & 255 };
		memcpy(out + n, record, sizeof record);
		n += sizeof record;
		put16(out, 10, 1);
	}
	return n;
}
