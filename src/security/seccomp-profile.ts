/**
 * The default seccomp profile, equivalent to docker 28's: what is not named fails with EPERM. Calls that only other
 * architectures have are left out. Pure.
 */
import { type Capability, hasCapability } from "./capabilities.ts";
import type { ArgumentTest, SeccompRule } from "./seccomp-bpf.ts";
import type { SeccompArch } from "./syscall-numbers.ts";

const ALLOW = `
	accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown clock_adjtime
	clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3
	epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
	eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod
	fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
	fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents
	getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority
	getrandom getresgid getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area
	gettid gettimeofday getuid getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
	io_cancel ioctl io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit kill
	landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listmount
	listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier
	memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr
	mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
	munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal
	pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease
	pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg
	remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
	rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
	sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler
	sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
	select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid setgid setgroups
	setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid setsockopt
	set_thread_area set_tid_address setuid setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack
	signalfd signalfd4 socketpair splice stat statfs statmount statx symlink symlinkat sync sync_file_range syncfs
	sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
	timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat uretprobe utime utimensat
	utimes vfork vmsplice wait4 waitid write writev
`;

/** Allowed for who has the capability (capabilities(7)) that the call asks for anyway. */
const WITH_CAPABILITY: readonly (readonly [Capability, string])[] = [
	["DAC_READ_SEARCH", "open_by_handle_at"],
	[
		"SYS_ADMIN",
		"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount2 unshare",
	],
	["SYS_BOOT", "reboot"],
	["SYS_CHROOT", "chroot"],
	["SYS_MODULE", "delete_module init_module finit_module"],
	["SYS_PACCT", "acct"],
	["SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"],
	["SYS_RAWIO", "iopl ioperm"],
	["SYS_TIME", "settimeofday clock_settime"],
	["SYS_TTY_CONFIG", "vhangup"],
	["SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"],
	["SYSLOG", "syslog"],
	["BPF", "bpf"],
	["PERFMON", "perf_event_open"],
];

const allow = (names: string, args: readonly ArgumentTest[] = []): SeccompRule => ({
	names: names.trim().split(/\s+/),
	action: { allow: true },
	args,
});
const test = (index: number, op: ArgumentTest["op"], value: bigint, valueTwo = 0n): ArgumentTest => ({
	index,
	op,
	value,
	valueTwo,
});

const AF_ALG = 38n;
const AF_VSOCK = 40n;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
const CLONE_NAMESPACES = 0x7e020000n;
/** personality(2): PER_LINUX, PER_LINUX32, each with UNAME26, and the question what it is. */
const PERSONALITIES = [0x0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn];
const ENOSYS = 38;

/** The rules for a container with these capabilities. */
export function defaultProfile(capabilities: bigint, arch: SeccompArch): SeccompRule[] {
	const rules = [
		// ptrace(2) could step around a filter until Linux 4.8.
		allow("process_vm_readv process_vm_writev ptrace"),
		// vsock(7) has no namespace: it reaches the hypervisor. AF_ALG opens the kernel's ciphers to whoever asks: much code
		// that nobody in a container needs, and docker's profile denies it since 2026.
		allow("socket", [test(0, "ne", AF_VSOCK), test(0, "ne", AF_ALG)]),
		...PERSONALITIES.map((value) => allow("personality", [test(0, "eq", value)])),
		...(arch === "x86_64" ? [allow("arch_prctl modify_ldt")] : []),
		...WITH_CAPABILITY.filter(([name]) => hasCapability(capabilities, name)).map(([, names]) => allow(names)),
	];
	if (!hasCapability(capabilities, "SYS_ADMIN")) {
		rules.push(allow("clone", [test(0, "masked-eq", CLONE_NAMESPACES)]));
		// clone3's flags lie in memory, where a filter cannot look: told that it does not exist, libc uses clone.
		rules.push({ names: ["clone3"], action: { errno: ENOSYS }, args: [] });
	}
	return [allow(ALLOW), ...rules];
}
