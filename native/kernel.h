/* What the C library's headers do not declare everywhere: structures and flags of newer system calls, as in
 * the kernel's uapi headers. musl-gcc sees no <linux/...> headers, so they are written out here. */
#ifndef NC_KERNEL_H
#define NC_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct nc_clone_args { /* clone(2), clone3 */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#define NC_CLONE_INTO_CGROUP 0x200000000ULL /* Linux 5.7 */

struct nc_open_how { /* openat2(2) */
	uint64_t flags, mode, resolve;
};
#define NC_RESOLVE_NO_MAGICLINKS 0x02
#define NC_RESOLVE_NO_SYMLINKS 0x04
#define NC_RESOLVE_IN_ROOT 0x10

struct nc_mount_attr { /* mount_setattr(2) */
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#define NC_MOUNT_ATTR_RDONLY 0x1
#define NC_MOUNT_ATTR_IDMAP 0x00100000

#define NC_OPEN_TREE_CLONE 1
#define NC_OPEN_TREE_CLOEXEC O_CLOEXEC
#define NC_AT_RECURSIVE 0x8000
#define NC_MOVE_MOUNT_F_EMPTY_PATH 0x4
#define NC_MOVE_MOUNT_T_EMPTY_PATH 0x40
#define NC_FSOPEN_CLOEXEC 1
#define NC_FSMOUNT_CLOEXEC 1
#define NC_FSCONFIG_SET_FLAG 0
#define NC_FSCONFIG_SET_STRING 1
#define NC_FSCONFIG_CMD_CREATE 6

#define NC_PROC_SUPER_MAGIC 0x9fa0
#define NC_TMPFS_MAGIC 0x01021994
#define NC_SYSFS_MAGIC 0x62656572
#define NC_DEVPTS_SUPER_MAGIC 0x1cd1

#define NC_KEYCTL_JOIN_SESSION_KEYRING 1 /* keyctl(2) */

#define NC_TIOCGPTPEER 0x5441 /* ioctl_tty(2): the slave of this master, whatever lies at its path */

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_fsopen
#define SYS_fsopen 430
#endif
#ifndef SYS_fsconfig
#define SYS_fsconfig 431
#endif
#ifndef SYS_fsmount
#define SYS_fsmount 432
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#endif
