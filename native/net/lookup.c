/* What a network knows: the addresses of its containers by name, and their names by address. Who is in several networks
 * is answered from all of them; nobody is answered from one he is not in. */
#define _GNU_SOURCE
#include "names.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "web.net" is "web" too. */
static void without_network(const char *name, char *shorter)
{
	size_t n = strlen(name), suffix = strlen(network_name);
	strcpy(shorter, name);
	if (suffix && n > suffix + 1 && name[n - suffix - 1] == '.' && strcasecmp(name + n - suffix, network_name) == 0)
		shorter[n - suffix - 1] = 0;
}

static int is_called(const struct member *m, const char *name, const char *shorter)
{
	return has_word(m->names, name) || (*shorter && has_word(m->names, shorter));
}

/* Several of one name are given in turns: who takes the first has another one each time. Returns whether there is any. */
static int add_addresses(uint8_t *out, size_t *n, const struct zone *z, const struct question *q, const char *shorter)
{
	static unsigned turn;
	int found = 0;
	turn++;
	for (int i = 0; i < z->n; i++) {
		const struct member *m = &z->members[(i + turn) % (unsigned)z->n];
		if (!is_called(m, q->name, shorter) || !member_lives(m))
			continue;
		found = 1;
		if (q->type == TYPE_A || q->type == TYPE_ANY)
			*n = answer_address(out, *n, m->ip);
	}
	return found;
}

static int add_names(uint8_t *out, size_t *n, const struct zone *z, struct in_addr ip)
{
	for (int i = 0; i < z->n; i++) {
		const struct member *m = &z->members[i];
		char name[MAX_NAME], whole[2 * MAX_NAME];
		if (m->ip.s_addr != ip.s_addr || !member_lives(m) || !next_word(m->names, name, sizeof name))
			continue;
		snprintf(whole, sizeof whole, "%s.%s", name, network_name);
		*n = answer_name(out, *n, whole);
		return 1;
	}
	return 0;
}

/* "2.0.18.172.in-addr.arpa" */
static int reverse_address(const char *name, struct in_addr *ip)
{
	uint32_t address = 0;
	for (int i = 0; i < 4; i++) {
		char *end;
		unsigned long part = strtoul(name, &end, 10);
		if (end == name || *end != '.' || part > 255)
			return -1;
		address |= (uint32_t)part << 8 * i;
		name = end + 1;
	}
	ip->s_addr = htonl(address);
	return strcmp(name, "in-addr.arpa") == 0 ? 0 : -1;
}

static int add_answers(uint8_t *out, size_t *n, const struct zone *z, const struct question *q, int is_own)
{
	char shorter[MAX_NAME];
	struct in_addr ip;
	if (q->type == TYPE_PTR && reverse_address(q->name, &ip) == 0)
		return add_names(out, n, z, ip);
	*shorter = 0;
	if (is_own)
		without_network(q->name, shorter);
	return add_addresses(out, n, z, q, shorter);
}

size_t look_up(uint8_t *out, const uint8_t *message, size_t n, const struct question *q, const struct member *asker)
{
	char other[80], path[96];
	const char *others = asker->others;
	size_t length = answer_begin(out, message, n, q, NO_ERROR);
	int found = add_answers(out, &length, &own_zone, q, 1);
	while (!found && (others = next_word(others, other, sizeof other))) {
		struct zone z = { 0 };
		snprintf(path, sizeof path, "%s/names", other);
		if (zone_read(&z, zones, path) == 0)
			found = add_answers(out, &length, &z, q, 0);
		zone_free(&z);
	}
	if (found)
		return length;
	return strcmp(asker->servers, "-") == 0 ? answer_begin(out, message, n, q, NO_SUCH_NAME) : 0;
}
