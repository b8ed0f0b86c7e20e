/** Paths of /proc and /sys that docker hides from containers, or shows read-only. */

/** They tell of the host, or crash it, or are beside every namespace. */
export const MASKED_PATHS: readonly string[] = [
	"/proc/asound",
	"/proc/acpi",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
];

/** Settings of the kernel that no namespace separates. */
export const READONLY_PATHS: readonly string[] = [
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
];
