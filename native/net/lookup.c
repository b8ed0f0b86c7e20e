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
			*n = answer_address(out, *n, TYPE_A, &m->ip);
		if (m->has_ip6 && (q->type == TYPE_AAAA || q->type == TYPE_ANY))
			*n = answer_address(out, *n, TYPE_AAAA, &m->ip6);
	}
	return found;
}

/* An address of either family, as a question names it. */
struct reversed {
	int is_v6;
	struct in_addr v4;
	struct in6_addr v6;
};

static int has_address(const struct member *m, const struct reversed *ip)
{
	if (ip->is_v6)
		return m->has_ip6 && memcmp(&m->ip6, &ip->v6, sizeof ip->v6) == 0;
	return m->ip.s_addr == ip->v4.s_addr;
}

static int add_names(uint8_t *out, size_t *n, const struct zone *z, const struct reversed *ip)
{
	for (int i = 0; i < z->n; i++) {
		const struct member *m = &z->members[i];
		char name[MAX_NAME], whole[2 * MAX_NAME];
		if (!has_address(m, ip) || !member_lives(m) || !next_word(m->names, name, sizeof name))
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

/* 32 digits, the last first: "2.0.0. … .d.f.ip6.arpa" (RFC 3596, 2.5) */
static int reverse_address6(const char *name, struct in6_addr *ip)
{
	static const char digits[] = "0123456789abcdef";
	memset(ip, 0, sizeof *ip);
	for (int i = 0; i < 32; i++, name += 2) {
		const char *digit = *name ? strchr(digits, *name) : NULL;
		if (!digit || name[1] != '.')
			return -1;
		ip->s6_addr[15 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 ? 4 : 0));
	}
	return strcmp(name, "ip6.arpa") == 0 ? 0 : -1;
}

static int reversed_read(const char *name, struct reversed *ip)
{
	ip->is_v6 = reverse_address(name, &ip->v4) < 0;
	return ip->is_v6 ? reverse_address6(name, &ip->v6) : 0;
}

static int add_answers(uint8_t *out, size_t *n, const struct zone *z, const struct question *q, int is_own)
{
	char shorter[MAX_NAME];
	struct reversed ip;
	if (q->type == TYPE_PTR && reversed_read(q->name, &ip) == 0)
		return add_names(out, n, z, &ip);
	*shorter = 0;
	if (is_own)
		without_network(q->name, shorter);
	return add_addresses(out, n, z, q, shorter);
}

/* A name that the asker alone has for another: of "alias:name" the name. */
static int linked(const struct member *asker, const struct question *q, struct question *as)
{
	char word[2 * MAX_NAME], *colon;
	const char *links = asker->links;
	*as = *q;
	while ((links = next_word(links, word, sizeof word))) {
		if (!(colon = strchr(word, ':')))
			continue;
		*colon = 0;
		if (strcasecmp(word, q->name) != 0 || strlen(colon + 1) >= sizeof as->name)
			continue;
		strcpy(as->name, colon + 1);
		return 1;
	}
	return 0;
}

size_t look_up(uint8_t *out, const uint8_t *message, size_t n, const struct question *q, const struct member *asker)
{
	char other[80], path[96];
	const char *others = asker->others;
	struct question other_name;
	size_t length = answer_begin(out, message, n, q, NO_ERROR);
	if (linked(asker, q, &other_name))
		q = &other_name;
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
