/** Debian packages that a build, the demo and the tests need: installed if this is root, else named. */
import { existsSync } from "node:fs";

/** Package, and a file by which it is known to be there. */
const DEMO: Readonly<Record<string, readonly string[]>> = {
	"musl-tools": ["/usr/bin/musl-gcc"],
	gcc: ["/usr/bin/gcc"],
	"busybox-static": ["/usr/share/doc/busybox-static/copyright"],
};
const TEST: Readonly<Record<string, readonly string[]>> = {
	...DEMO,
	"docker-registry": ["/usr/bin/docker-registry"],
	iproute2: ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"],
	nftables: ["/usr/sbin/nft"],
	iptables: ["/usr/sbin/iptables"],
	git: ["/usr/bin/git"],
	attr: ["/usr/bin/getfattr"],
	e2fsprogs: ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"],
	"python3-minimal": ["/usr/bin/python3"],
	"xz-utils": ["/usr/bin/xz"],
	bzip2: ["/usr/bin/bzip2"],
	"openssh-client": ["/usr/bin/ssh-keygen"],
	procps: ["/usr/bin/pgrep"],
	"docker.io": ["/usr/sbin/dockerd"],
	podman: ["/usr/bin/podman"],
	"golang-go": ["/usr/bin/go"],
	ufw: ["/usr/sbin/ufw"],
	firewalld: ["/usr/sbin/firewalld"],
	"btrfs-progs": ["/usr/sbin/mkfs.btrfs"],
	dbus: ["/usr/bin/dbus-daemon"],
	"libarchive-tools": ["/usr/bin/bsdtar"],
};

const VM = { ...DEMO, "qemu-system-x86": ["/usr/bin/qemu-system-x86_64"] };
/** The other architecture: its compiler and its machine. */
const VM_ARM64 = {
	...DEMO,
	"qemu-system-arm": ["/usr/bin/qemu-system-aarch64"],
	"gcc-aarch64-linux-gnu": ["/usr/bin/aarch64-linux-gnu-gcc"],
	"libc6-dev-arm64-cross": ["/usr/aarch64-linux-gnu/lib/libc.so.6"],
};
const PACKAGES = { demo: DEMO, test: { ...TEST, ...VM, ...VM_ARM64 }, vm: VM, "vm-arm64": VM_ARM64 } as const;

export function ensurePackages(purpose: keyof typeof PACKAGES): void {
	const wanted: Readonly<Record<string, readonly string[]>> = PACKAGES[purpose];
	const missing = Object.keys(wanted).filter((name) => !wanted[name]?.some((file) => existsSync(file)));
	if (missing.length === 0) return;
	if (!Bun.which("apt-get")) {
		process.stderr.write(`Install these first: ${missing.join(" ")} (names of Debian's packages)\n`);
		process.exit(1);
	}
	const line = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
	if (process.getuid?.() !== 0) {
		process.stderr.write(`Missing Debian packages. As root:\n  ${line}\n`);
		process.exit(1);
	}
	process.stderr.write(`Installing Debian packages: ${missing.join(" ")}\n`);
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	const quiet = { env, stdout: "ignore", stderr: "inherit" } as const;
	Bun.spawnSync(["apt-get", "update", "-q"], quiet);
	// Services that packages bring must not start: their scripts do not in runlevel 1.
	const result = Bun.spawnSync(["sh", "-c", `RUNLEVEL=1 ${line}`], quiet);
	if (!result.success) process.exit(1);
}
