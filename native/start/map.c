/* Maps an ELF of shared-object type as the kernel maps a program's interpreter (load_elf_interp()). */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "start.h"

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[16];
};

static int read_headers(int fd, struct file *file) {
	long n = call(SYS_pread64, fd, (long)&file->header, sizeof file->header, 0, 0, 0);
	if (n != sizeof file->header || *(uint32_t *)file->header.e_ident != 0x464c457f /* \x7fELF */) return 0;
	if (file->header.e_type != ET_DYN || file->header.e_phnum > 16) return 0;
	if (file->header.e_phentsize != sizeof(Elf64_Phdr)) return 0;
	long size = file->header.e_phnum * sizeof(Elf64_Phdr);
	return call(SYS_pread64, fd, (long)file->segments, size, file->header.e_phoff, 0, 0) == size;
}

static int protection(uint32_t flags) {
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/*
 * The file's part of a segment, and behind it the zeros of its .bss, up to the end of a page as the kernel has it: the
 * loader's first allocations come from that rest, and it takes them to be zero.
 */
static int map_segment(int fd, uintptr_t base, const Elf64_Phdr *segment, uintptr_t page_size) {
	uintptr_t inside = segment->p_vaddr & (page_size - 1), from = base + segment->p_vaddr - inside;
	int wanted = protection(segment->p_flags), fixed = MAP_PRIVATE | MAP_FIXED;
	long offset = segment->p_offset - inside;
	if (FAILED(call(SYS_mmap, from, segment->p_filesz + inside, wanted, fixed, fd, offset))) return 0;
	if (segment->p_memsz == segment->p_filesz) return 1;
	uintptr_t zeros = base + segment->p_vaddr + segment->p_filesz, end = base + segment->p_vaddr + segment->p_memsz;
	uintptr_t pages = (zeros + page_size - 1) & -page_size;
	for (volatile char *at = (char *)zeros; (uintptr_t)at < pages; at++) *at = 0;
	return end <= pages || !FAILED(call(SYS_mmap, pages, end - pages, wanted, fixed | MAP_ANONYMOUS, -1, 0));
}

struct mapped map_elf(int fd, uintptr_t page_size) {
	struct mapped none = {0, 0};
	struct file file;
	if (!read_headers(fd, &file)) return none;
	uintptr_t span = 0;
	for (int i = 0; i < file.header.e_phnum; i++) {
		uintptr_t end = file.segments[i].p_vaddr + file.segments[i].p_memsz;
		if (file.segments[i].p_type == PT_LOAD && end > span) span = end;
	}
	/* One stretch for all of it, so that the segments keep their distances. */
	long base = call(SYS_mmap, 0, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (FAILED(base)) return none;
	for (int i = 0; i < file.header.e_phnum; i++) {
		const Elf64_Phdr *segment = &file.segments[i];
		if (segment->p_type != PT_LOAD || map_segment(fd, base, segment, page_size)) continue;
		call(SYS_munmap, base, span, 0, 0, 0, 0);
		return none;
	}
	return (struct mapped){base, base + file.header.e_entry};
}
