/** The executable where there is nothing else: no libc, no file system of the kernel, an old machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { BINARY, until } from "../fixture.ts";

const root = mkdtempSync("/tmp/nc-bare-");
const spawn = (...command: string[]) => {
	const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: { PATH: process.env["PATH"] } });
	return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
};
const bare = (...words: string[]) => spawn("chroot", root, "/NanoContainer", ...words);

beforeAll(() => {
	for (const dir of ["proc", "sys", "dev", "run", "tmp"]) mkdirSync(`${root}/${dir}`);
	cpSync(BINARY, `${root}/NanoContainer`);
});
afterAll(() => {
	for (const dir of ["proc", "sys", "dev"]) spawn("umount", "-R", "-l", `${root}/${dir}`);
	// What is mounted still is the host's own: removing the directory would empty it.
	expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(root);
	rmSync(root, { recursive: true });
});

test("without /proc: a sentence", () => {
	const sentence = "NanoContainer: /proc is not mounted: mount -t proc proc /proc\n";
	expect(bare("--version")).toEqual({ code: 1, out: "", err: sentence });
});

test("without a libc it starts, and runs containers, and runs programs that have another idea of libraries", () => {
	expect(spawn("mount", "-t", "proc", "proc", `${root}/proc`).code).toBe(0);
	expect(bare("--version").out).toStartWith("NanoContainer version ");
	for (const closed of ["<&-", ">&-", "2>&-"]) {
		expect(spawn("sh", "-c", `chroot ${root} /NanoContainer --version ${closed}`).code).toBe(0);
	}
	expect(spawn("mount", "--rbind", "/sys", `${root}/sys`).code).toBe(0);
	expect(spawn("mount", "--bind", "/dev", `${root}/dev`).code).toBe(0);
	const run = [
		"run",
		"--rm",
		"--network",
		"none",
		"nanocontainer/busybox",
		"sh",
		"-c",
		"echo $LD_PRELOAD; echo inside",
	];
	expect(bare(...run)).toEqual({ code: 0, out: "\ninside\n", err: "" });
	expect(bare("ps", "-a").out.trim().split("\n")).toHaveLength(1);
});

test("standard streams that are closed stay closed: what it starts from is not put in their place", async () => {
	const script = `exec chroot ${root} /NanoContainer "$@" <&- 2>&-`;
	const words = ["run", "--rm", "--name", "closed", "--network", "none", "nanocontainer/busybox"];
	const command = [...words, "sh", "-c", "echo up; sleep 1000"];
	const running = Bun.spawn(["sh", "-c", script, "sh", ...command], { stdout: "pipe" });
	try {
		for await (const chunk of running.stdout) {
			expect(Buffer.from(chunk).toString()).toBe("up\n");
			break;
		}
		const streams = [0, 2].map((fd) => readlinkSync(`/proc/${running.pid}/fd/${fd}`));
		expect(streams).toEqual([`${root}/dev/null`, `${root}/dev/null`]);
	} finally {
		expect(bare("rm", "-f", "closed").code).toBe(0);
		await running.exited;
	}
});

test("chroot'ed or not, exec comes into the container, never into the host", async () => {
	const jail = "mkdir /jail && cp /bin/busybox /jail/ && exec chroot /jail /busybox sleep 1000";
	const words = ["run", "-d", "--name", "jailed", "--network", "none", "nanocontainer/busybox", "sh", "-c", jail];
	expect(bare(...words).code).toBe(0);
	const command = () => bare("exec", "jailed", "/bin/busybox", "cat", "/proc/1/cmdline").out;
	await until(() => command() === "/busybox\0sleep\x001000\0", "chroot");
	expect(bare("exec", "jailed", "ls", "/jail")).toEqual({ code: 0, out: "busybox\n", err: "" });
	expect(bare("exec", "jailed", "ls", "-d", "/etc/hostname").out).toBe("/etc/hostname\n");
	// From outside, and from a mount namespace with another top, as a service's may be.
	const outside = [BINARY, "--root", `${root}/var/lib/nanocontainer`, "--run", `${root}/run/nanocontainer`];
	expect(spawn(...outside, "exec", "jailed", "ls", "/jail")).toEqual({ code: 0, out: "busybox\n", err: "" });
	const elsewhere = `mount --rbind ${root} ${root} && cd ${root} && mkdir -p old && pivot_root . old && exec /NanoContainer exec jailed ls /jail`;
	expect(spawn("unshare", "-m", "sh", "-c", elsewhere)).toEqual({ code: 0, out: "busybox\n", err: "" });
	expect(bare("rm", "-f", "jailed").code).toBe(0);
});

test("a program that may chroot(2) finds nothing above the container's root, not even where NanoContainer is chroot'ed", () => {
	const program = `
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int main(void) {
			int top = open("/", O_RDONLY | O_DIRECTORY);
			if (mkdir("/x", 0755) < 0 || chroot("/x") < 0 || fchdir(top) < 0) return 1;
			for (int i = 0; i < 64; i++) if (chdir("..") < 0) return 1;
			return chroot(".") < 0 ? 1 : puts(access("/out", F_OK) == 0 ? "inside" : "outside") < 0;
		}`;
	writeFileSync(`${root}/tmp/out.c`, program);
	const compiler = Bun.which("musl-gcc") ?? "cc";
	expect(spawn(compiler, "-static", "-o", `${root}/tmp/out`, `${root}/tmp/out.c`).err).toBe("");
	const words = ["run", "--rm", "--network", "none", "-v", "/tmp/out:/out", "nanocontainer/busybox", "/out"];
	expect(bare(...words)).toEqual({ code: 0, out: "inside\n", err: "" });

	// Nor beneath what was mounted over the host's root; and nothing of the container's appears on the host.
	const own = [BINARY, "--root", `${root}/other`, "--run", `${root}/other.run`, ...words];
	for (const cover of [
		"",
		"mount --bind / /;",
		"mount --make-rshared /;",
		"mount --make-rshared /; mount --rbind / /;",
	]) {
		const script = `${cover} "$@" && grep -c other.run/rootfs /proc/self/mountinfo`;
		const flags = ["-m", "--propagation", "private", "sh", "-c", script, "sh"];
		const shown = own.map((word) => (word === "/tmp/out:/out" ? `${root}/tmp/out:/out` : word));
		expect([cover, spawn("unshare", ...flags, ...shown)]).toEqual([cover, { code: 1, out: "inside\n0\n", err: "" }]);
	}
});

test("something else at the loader's place is not taken for it", () => {
	for (const dir of ["lib64", "lib"]) mkdirSync(`${root}/${dir}`, { recursive: true });
	const loader = process.arch === "arm64" ? "lib/ld-linux-aarch64.so.1" : "lib64/ld-linux-x86-64.so.2";
	for (const content of ["#!/bin/sh\n", "", "\x7fELF"]) {
		writeFileSync(`${root}/${loader}`, content, { mode: 0o755 });
		expect(bare("--version").out).toStartWith("NanoContainer version ");
	}
	// An ELF of the right form that is no loader: a library.
	const libc = spawn("sh", "-c", `ldd ${BINARY} | awk '/libm.so/ {print $3}'`).out.trim();
	cpSync(libc, `${root}/${loader}`, { dereference: true });
	expect(bare("--version").out).toStartWith("NanoContainer version ");
});

test("the notices of what it carries", () => {
	const { code, out } = spawn(BINARY, "version", "--licenses");
	expect(code).toBe(0);
	for (const name of ["GNU C Library", "busybox", "musl", "Bun", "valibot", "LESSER GENERAL PUBLIC LICENSE"]) {
		expect(out.toUpperCase()).toContain(name.toUpperCase());
	}
});
