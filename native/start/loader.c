/* Which loader: the host's where it suits, else the one that is carried. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "start.h"

static int contains(const char *text, size_t size, const char *word) {
	size_t length = 0;
	while (word[length]) length++;
	for (size_t at = 0; at + length <= size; at++) {
		size_t same = 0;
		while (same < length && text[at + same] == word[same]) same++;
		if (same == length) return 1;
	}
	return 0;
}

/*
 * Bun needs glibc 2.17. What stands at the loader's path may be something else: a symbolic link to musl's (gcompat), a
 * program that only prints advice (NixOS). glibc's own is known by the version GLIBC_PRIVATE, and one from 2.26 on by a
 * symbol that came with it: older ones can't be told apart, the carried one serves there.
 */
static int suits(uintptr_t base) {
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(base + header->e_phoff);
	const char *strings = 0;
	size_t size = 0;
	for (int i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type != PT_DYNAMIC) continue;
		for (const Elf64_Dyn *entry = (const Elf64_Dyn *)(base + segment[i].p_vaddr); entry->d_tag; entry++) {
			if (entry->d_tag == DT_STRTAB) strings = (const char *)(base + entry->d_un.d_ptr);
			if (entry->d_tag == DT_STRSZ) size = entry->d_un.d_val;
		}
	}
	return strings && contains(strings, size, "GLIBC_PRIVATE") && contains(strings, size, "__tunable_get_val");
}

struct mapped map_host_loader(const char *path, uintptr_t page_size) {
	struct mapped none = {0, 0};
	long fd = call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (FAILED(fd)) return none;
	struct mapped loader = map_elf(fd, page_size);
	call(SYS_close, fd, 0, 0, 0, 0, 0);
	/* One that does not suit stays mapped, unused: where it ends is not worth remembering. */
	return loader.base && suits(loader.base) ? loader : none;
}

/* A file in memory alone (memfd_create(2)); its descriptor ends with the next execve(2). */
static int in_memory(const struct carried *file) {
	long fd = call(SYS_memfd_create, (long)file->name, 1 /* MFD_CLOEXEC */, 0, 0, 0, 0);
	const char *bytes = (const char *)&table + file->offset;
	for (uint64_t at = 0; !FAILED(fd) && at < file->size;) {
		long n = call(SYS_write, fd, (long)(bytes + at), file->size - at, 0, 0, 0);
		if (FAILED(n)) refuse("no memory to start in", "", "");
		at += n;
	}
	if (FAILED(fd)) refuse("memfd_create failed: this kernel or its policy does not let a program start from memory", "", "");
	return fd;
}

/* "/proc/self/fd/N" at `text`; returns what is behind its end. */
static char *path_of(int fd, char *text) {
	for (const char *from = "/proc/self/fd/"; *from;) *text++ = *from++;
	int digits = 1;
	for (int rest = fd; rest > 9; rest /= 10) digits++;
	for (int i = digits; i-- > 0; fd /= 10) text[i] = '0' + fd % 10;
	text[digits] = 0;
	return text + digits + 1;
}

struct mapped map_carried_loader(const Elf64_Dyn *own, void *memory, uintptr_t page_size) {
	if (table.count == 0) refuse("there is no glibc on this machine, and this build carries none", "", "");
	struct mapped loader = map_elf(in_memory(&table.files[0]), page_size);
	if (!loader.base) refuse("the carried loader could not be mapped", "", "");

	uintptr_t strings = 0;
	size_t entries = 0;
	do
		if (own[entries].d_tag == DT_STRTAB) strings = own[entries].d_un.d_ptr;
	while (own[entries++].d_tag != DT_NULL);
	Elf64_Dyn *entry = memory;
	char *path = (char *)(entry + table.count - 1 + entries);
	for (uint64_t i = 1; i < table.count; i++, entry++) {
		entry->d_tag = DT_NEEDED;
		/* Names are given by their distance from the table of strings; unsigned, it reaches anywhere. */
		entry->d_un.d_val = (uintptr_t)path - strings;
		path = path_of(in_memory(&table.files[i]), path);
	}
	for (size_t i = 0; i < entries; i++) *entry++ = own[i];
	return loader;
}
