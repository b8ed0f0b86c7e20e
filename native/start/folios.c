/*
 * How the program and its heap lie in memory.
 *
 * Of Bun's 80 MB of code a command touches little, here and there, and whoever faults it
 * in first after a boot decides how it lies in the page cache from then on: in single pages, or, with advice, in large
 * folios, which every later start maps, and lets go of, in a tenth less of its whole time. The first start reads 2 MB
 * where it would have read 128 kB. (madvise(2); do_sync_mmap_readahead() in mm/filemap.c.)
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "start.h"

/* Where memory is short the cache is better kept small. */
#define ENOUGH (1UL << 30)

static int memory_is_short(void) {
	struct sysinfo info;
	return FAILED(call(SYS_sysinfo, (long)&info, 0, 0, 0, 0, 0)) || info.totalram * info.mem_unit < ENOUGH;
}

/* A kernel without transparent huge pages answers EINVAL: then all is as it was. */
void advise_large_folios(const Elf64_Phdr *header, uint64_t count, uintptr_t page_size) {
	if (memory_is_short()) return;
	for (; count > 0; count--, header++) {
		if (header->p_type != PT_LOAD || header->p_flags & PF_W) continue;
		uintptr_t from = header->p_vaddr & -page_size;
		call(SYS_madvise, from, header->p_vaddr + header->p_filesz - from, MADV_HUGEPAGE, 0, 0, 0);
	}
}

/*
 * A command touches some 500 pages of its heap, in 12 pieces of 2 MB: 12 page faults instead of 500, each of which costs 1 µs, or
 * 15 where memory is virtual twice. It has some 10 MB more for the time that it takes. Not what needs much, or only looks on: what
 * is counted there is memory.
 */
int wants_large_pages(char **argv) {
	const char *verb = command_word(argv, 0);
	if (verb && (same(verb, "image") || same(verb, "container"))) verb = command_word(argv, 1);
	if (verb && (begins_with(verb, "build") || same(verb, "pull") || same(verb, "load") || same(verb, "boot"))) return 0;
	if (verb && (same(verb, "logs") || same(verb, "attach"))) return 0;
	return call(SYS_getpid, 0, 0, 0, 0, 0, 0) != 1 && !memory_is_short();
}
