/** Machines whose first process is a shell in an initramfs: no switch_root, no modprobe. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { file } from "./cpio.ts";
import { busybox, IMAGE, machine, scratch } from "./guest.ts";
import { debianKernel } from "./kernel.ts";
import type { MachineOptions } from "./machine.ts";

const MOUNTS = [
	"/busybox mkdir -p /proc /sys /dev /run /tmp",
	"/busybox mount -t proc p /proc; /busybox mount -t devtmpfs d /dev; /busybox mount -t sysfs s /sys",
	"/busybox mount -t cgroup2 c /sys/fs/cgroup; /busybox ip link set lo up",
].join("\n");

/** Runs the script, and returns what was on the console. */
async function shell(script: string, options: Partial<MachineOptions> = {}): Promise<string> {
	const vm = machine({
		init: "busybox",
		...options,
		files: [busybox(), file("script", `${MOUNTS}\n${script}\n/busybox poweroff -f\n`), ...(options.files ?? [])],
		parameters: ["rdinit=/busybox", "ip=off", "--", "sh", "/script"],
	});
	await vm.ended(120_000);
	return vm.output().replaceAll("\r", "");
}

/** Looks for the machine's files in all the ways that are there for one who may chroot(2), setns(2) and unmount. */
const LOOK = `
	#define _GNU_SOURCE
	#include <fcntl.h>
	#include <sched.h>
	#include <stdio.h>
	#include <string.h>
	#include <sys/mount.h>
	#include <sys/stat.h>
	#include <unistd.h>
	static int up(void) {
		for (int i = 0; i < 64; i++) if (chdir("..") < 0) return -1;
		return chroot(".");
	}
	int main(int count, char **words) {
		int top = open("/", O_RDONLY | O_DIRECTORY);
		int own = open("/proc/self/ns/mnt", O_RDONLY);
		const char *way = count > 1 ? words[1] : "";
		if (!strcmp(way, "chroot") && (mkdir("/x", 0755) < 0 || chroot("/x") < 0 || fchdir(top) < 0)) return 1;
		if (!strcmp(way, "unmount") && umount2("/", MNT_DETACH) < 0) return 2;
		if (strcmp(way, "chroot") && strcmp(way, "..") && setns(own, CLONE_NEWNS) < 0) return 3;
		if (up() < 0) return 4;
		printf("by %s: %s\\n", way, access("/secret", F_OK) == 0 || access("/script", F_OK) == 0 ? "OUT" : "nothing");
		return 0;
	}`;

function lookingProgram(): Buffer {
	writeFileSync(`${scratch}/look.c`, LOOK);
	const compiler = Bun.which("musl-gcc") ?? "cc";
	const made = Bun.spawnSync([compiler, "-static", "-Os", "-o", `${scratch}/look`, `${scratch}/look.c`]);
	expect(made.stderr.toString()).toBe("");
	return readFileSync(`${scratch}/look`);
}

test("the root of an initramfs: containers run, on a bridge, and nothing of it is in their reach", async () => {
	const look = (way: string, flags = "") =>
		`/NanoContainer run --rm --network none -v /look:/look ${flags} ${IMAGE} /look ${way}; echo "${way} ended with $?"`;
	const output = await shell(
		[
			`/NanoContainer run -d --name web -v /look:/look ${IMAGE} sh -c 'echo from web; exec sleep 1000'`,
			"/NanoContainer exec web sh -c 'echo exec is pid $$ beside $(cat /proc/1/comm); ls -d /secret'",
			"/NanoContainer exec web /look chroot; /NanoContainer exec --privileged web /look setns",
			"/NanoContainer logs web; /NanoContainer exec web ip addr show eth0",
			...[look("chroot"), look(".."), look("setns", "--cap-add SYS_ADMIN"), look("unmount", "--cap-add SYS_ADMIN")],
			look("setns", "--privileged"),
			`echo 'FROM ${IMAGE}' >/Dockerfile; echo 'RUN ls / && echo built >/made' >>/Dockerfile`,
			`/busybox mkdir /context; /NanoContainer build -q -t made -f /Dockerfile /context; /NanoContainer run --rm --network none made cat /made`,
			`/NanoContainer stop -t 0 web; /NanoContainer rm web; /busybox grep -c nanocontainer /proc/mounts; /busybox ls /run/nanocontainer/containers`,
			"echo all done",
		].join("\n"),
		{ files: [file("secret", "of the machine"), file("look", lookingProgram(), 0o755)] },
	);
	expect(output).toContain("from web\n");
	expect(output).toMatch(/exec is pid \d+ beside sleep\n/);
	expect(output).toContain("ls: /secret: No such file or directory");
	expect(output).toMatch(/inet 172\.\d+\.0\.2\/16/);
	expect(output.match(/by [a-z.]+: nothing/g)?.length).toBe(7);
	expect(output).not.toContain("OUT");
	for (const way of ["chroot", "..", "setns", "unmount"]) expect(output).toContain(`${way} ended with 0\n`);
	expect(output).toContain("built\n");
	expect(output).toContain("all done");
	expect(output).not.toContain("panic");
});

test("no modprobe: the first command loads what containers need, packed as distributions do, and once", async () => {
	const output = await shell(
		[
			`/busybox ls /sys/module/overlay 2>&1; /NanoContainer --debug run --rm ${IMAGE} sh -c 'ip addr show eth0; echo up' 2>&1`,
			// With nothing left to load from, the second finds that all is done.
			`/busybox rm -r /lib/modules; /NanoContainer --debug run --rm ${IMAGE} echo again 2>&1`,
		].join("\n"),
		{ modules: { compression: "xz" } },
	);
	expect(output).toContain("ls: /sys/module/overlay: No such file");
	expect(output).toMatch(/inet 172\.\d+\.0\.2\/16[\s\S]*up\n/);
	expect(output).toContain("again\n");
});

test("a module that is not there is named with the kernel, and is loaded once it is", async () => {
	const { release, modules, moduleDir } = debianKernel("amd64");
	const module = (name: string) => modules.get(name)?.path ?? "";
	const here = `/lib/modules/${release}`;
	const bring = (name: string) =>
		[
			`/busybox mkdir -p ${here}/$(/busybox dirname ${module(name)}); /busybox cp /later.${name} ${here}/${module(name)}`,
			`echo '${module(name)}:' >>${here}/modules.dep`,
		].join("\n");
	const output = await shell(
		[
			`/NanoContainer run --rm --network none ${IMAGE} echo too early`,
			bring("overlay"),
			`/NanoContainer run --rm --network none ${IMAGE} echo now with a root`,
			`/NanoContainer run --rm ${IMAGE} echo too early`,
			bring("veth"),
			`/NanoContainer run --rm ${IMAGE} echo now with a network`,
		].join("\n"),
		{
			modules: { without: ["overlay", "veth"] },
			files: ["overlay", "veth"].map((name) => file(`later.${name}`, readFileSync(`${moduleDir}/${module(name)}`))),
		},
	);
	expect(output).toContain(`This kernel (${release}) has no overlay file system (module overlay): containers`);
	expect(output).toContain("now with a root\n");
	expect(output).toContain(`This kernel (${release}) has no veth devices (module veth): use --network none`);
	expect(output).toContain("now with a network\n");
	expect(output).not.toContain("too early");
});
