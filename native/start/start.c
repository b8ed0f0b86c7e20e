/*
 * The first instructions of NanoContainer. Bun makes a dynamically linked ELF: the kernel would open the loader that
 * its PT_INTERP names, map both, and begin in the loader. A host without that file answers ENOENT for a program that
 * plainly exists. So the build takes PT_INTERP away (native/self-contained.ts), the kernel begins here instead, as in
 * any static program, and this does what the kernel would have done: it maps the host's loader, or the carried one,
 * and jumps to it. (execve(2), ld.so(8), getauxval(3); the kernel's own way is load_elf_binary() in fs/binfmt_elf.c.)
 *
 * There is no libc, no stack protector, no relocation: nothing has been set up yet.
 */
#include <sys/syscall.h>

#include "start.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
	"	mov %rsp, %rdi\n" /* argc, argv, environment and auxiliary vector lie here */
	"	sub $32, %rsp\n" /* and begin here, when there are the settings more */
	"	mov %rsp, %rbx\n"
	"	call start\n"
	"	mov %rbx, %rsp\n"
	"	xor %edx, %edx\n" /* no function for atexit */
	"	jmp *%rax\n");
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n"
	"	mov x0, sp\n"
	"	sub sp, sp, #32\n"
	"	mov x19, sp\n"
	"	bl start\n"
	"	mov sp, x19\n"
	"	mov x16, x0\n"
	"	mov x0, xzr\n"
	"	br x16\n");
#define LOADER "/lib/ld-linux-aarch64.so.1"
#endif

/* One anonymous page: what the loader reads as Bun's headers, and may write to. */
struct page {
	Elf64_Phdr headers[24];
	char interpreter[32];
	Elf64_Dyn dynamic[];
};

static Elf64_auxv_t *find(Elf64_auxv_t *vector, uint64_t type) {
	for (; vector->a_type != AT_NULL; vector++)
		if (vector->a_type == type) return vector;
	refuse("the kernel gave no auxiliary vector", "", "");
}

/*
 * The program headers as Bun's linker wrote them. The loader takes from PT_PHDR how far the program was moved (not at
 * all: the difference must be 0) and from PT_INTERP that it was started by the kernel and not by hand.
 */
static void restore_headers(struct page *page, const Elf64_Phdr *own, uint64_t count) {
	static const char loader[] = LOADER;
	for (size_t i = 0; i < sizeof loader; i++) page->interpreter[i] = loader[i];
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Phdr *header = &page->headers[i];
		*header = own[i];
		if (header->p_type == PT_PHDR) header->p_vaddr = header->p_paddr = (uintptr_t)page->headers;
		if (header->p_type != PT_LOAD || header->p_vaddr != table.segment) continue;
		header->p_type = PT_INTERP;
		header->p_vaddr = header->p_paddr = (uintptr_t)page->interpreter;
		header->p_filesz = header->p_memsz = sizeof loader;
	}
}

static Elf64_Phdr *dynamic_of(struct page *page, uint64_t count) {
	for (uint64_t i = 0; i < count; i++)
		if (page->headers[i].p_type == PT_DYNAMIC) return &page->headers[i];
	refuse("this file is damaged", "", "");
}

/* Returns where to go on. `stack`: argc, argv…, NULL, environment…, NULL, auxiliary vector. */
__attribute__((used)) uintptr_t start(uintptr_t *stack) {
	prepare_streams();
	check_machine();
	guard_build((char **)(stack + 1));
	int monitor_waits = start_monitor_ahead((char **)(stack + 1));
	stack = add_settings(stack, monitor_waits, wants_large_pages((char **)(stack + 1)));
	uintptr_t *word = stack + 1 + stack[0] + 1;
	while (*word) word++;
	Elf64_auxv_t *vector = (Elf64_auxv_t *)(word + 1);

	uintptr_t page_size = find(vector, AT_PAGESZ)->a_un.a_val;
	Elf64_auxv_t *headers = find(vector, AT_PHDR);
	uint64_t count = find(vector, AT_PHNUM)->a_un.a_val;
	long memory = call(SYS_mmap, 0, 4096, 3 /* read, write */, 0x22 /* private, anonymous */, -1, 0);
	if (FAILED(memory) || count > 24) refuse("no memory to start in", "", "");
	struct page *page = (struct page *)memory;
	restore_headers(page, (const Elf64_Phdr *)headers->a_un.a_val, count);
	advise_large_folios((const Elf64_Phdr *)headers->a_un.a_val, count, page_size);

	struct mapped loader = map_host_loader(LOADER, page_size);
	if (!loader.base) {
		Elf64_Phdr *dynamic = dynamic_of(page, count);
		loader = map_carried_loader((const Elf64_Dyn *)dynamic->p_vaddr, page->dynamic, page_size);
		dynamic->p_vaddr = dynamic->p_paddr = (uintptr_t)page->dynamic;
	}
	headers->a_un.a_val = (uintptr_t)page->headers;
	find(vector, AT_BASE)->a_un.a_val = loader.base;
	find(vector, AT_ENTRY)->a_un.a_val = table.entry;
	return loader.entry;
}
