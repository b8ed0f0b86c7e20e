/* What the start-up's files share: the few system calls it makes, and the table that the build appends to it. */
#ifndef START_H
#define START_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/* A failed call returns -errno: there is no libc here, and no errno. */
#define FAILED(result) ((unsigned long)(result) > -4096UL)

long call(long number, long a, long b, long c, long d, long e, long f);

/* Prints "NanoContainer: " and the sentence to standard error and ends the process. */
__attribute__((noreturn)) void refuse(const char *first, const char *second, const char *third);

/* A file that the executable carries: the loader first, then the libraries. */
struct carried {
	char name[32];
	uint64_t offset; /* from the start of the table */
	uint64_t size;
};

/* Lies right behind the code (start.ld); written by native/self-contained.ts. */
struct start_table {
	uint64_t entry;   /* of Bun, which the file's header named before ours took its place */
	uint64_t segment; /* the address of this segment: its header took the place of PT_INTERP */
	uint64_t count;
	struct carried files[];
};
extern const struct start_table table __attribute__((visibility("hidden")));

/* Checks what a program can ask before it has a libc; says what is missing and ends the process. */
void check_machine(void);

/* Opens the standard streams that are closed; for the first process of a machine it makes /dev before. */
void prepare_streams(void);

/* words.c. command_word: the command, or its member, behind the global flags; 0: there is none. */
int same(const char *a, const char *b);
int begins_with(const char *text, const char *start);
const char *command_word(char **argv, int number);

/* A build goes on in a child of this process, which ends it when a signal does not. */
void guard_build(char **argv);

/* Begins the monitor if the command will need one: it waits at descriptor 3. Whether it was begun. */
int start_monitor_ahead(char **argv);

/* Adds what Bun's parts and our own code are to be told; the words move down by four. Returns where they begin now. */
uintptr_t *add_settings(uintptr_t *stack, int monitor_waits, int large_pages);

/* Whether the command's memory is better had in pages of 2 MB. */
int wants_large_pages(char **argv);

/* Asks the kernel to keep what is only read of the program in large pieces. */
void advise_large_folios(const Elf64_Phdr *header, uint64_t count, uintptr_t page_size);

/* Where an ELF was mapped, and where it begins. */
struct mapped {
	uintptr_t base; /* 0: it was not mapped */
	uintptr_t entry;
};
struct mapped map_elf(int fd, uintptr_t page_size);

/* The loader of the host, when there is one that suits. */
struct mapped map_host_loader(const char *path, uintptr_t page_size);

/*
 * The loader that is carried, and a dynamic section for Bun at `memory` that names the carried libraries before it
 * names its own needs: what a program needs by name is then there already, by its soname.
 */
struct mapped map_carried_loader(const Elf64_Dyn *own, void *memory, uintptr_t page_size);

#endif
