/** What the suites of virtual machines share: a kernel, a place for their files, and an end for every machine. */
import { afterAll, afterEach } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { loadOrder } from "../../src/boot/modules.ts";
import { type CpioEntry, file } from "./cpio.ts";
import { debianKernel, moduleEntries } from "./kernel.ts";
import { type Booted, bootMachine, type MachineOptions } from "./machine.ts";

const REPOSITORY = `${import.meta.dir}/../..`;
const PROGRAM = `${REPOSITORY}/NanoContainer`;
export const scratch = mkdtempSync("/tmp/nc-vm-");
const machines: Booted[] = [];

afterEach(async () => {
	for (const machine of machines.splice(0)) await machine.cut();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Boots NanoContainer on Debian's kernel. */
export function machine(options: Partial<MachineOptions> = {}): Booted {
	const { arch = "x64" } = options;
	const booted = bootMachine(
		{
			kernel: debianKernel(arch === "arm64" ? "arm64" : "amd64"),
			arch,
			program: `${REPOSITORY}/${arch === process.arch ? "NanoContainer" : `NanoContainer-${arch}`}`,
			...options,
		},
		scratch,
	);
	machines.push(booted);
	return booted;
}

/** The kernel's parameter for a container. */
export const run = (words: string): string => `nanocontainer.run="${words}"`;

export const IMAGE = "nanocontainer/busybox";

/** Static busybox, for machines whose first process is a script of the test's. */
export const busybox = (): CpioEntry => file("busybox", readFileSync("/bin/busybox"), 0o755);

/** Where the initramfs has what a disk needs, each after what it needs itself. */
export function diskModules(): string[] {
	const { modules, release } = debianKernel("amd64");
	const order = loadOrder(modules, ["virtio_pci", "virtio_blk"]);
	return order.map((name) => `lib/modules/${release}/${modules.get(name)?.path}`);
}

/** A disk with NanoContainer and the modules as its root. */
export function rootDisk(name: string): string {
	const dir = `${scratch}/${name}.files`;
	for (const place of ["proc", "sys", "dev", "run", "etc", "var/lib"])
		mkdirSync(`${dir}/${place}`, { recursive: true });
	cpSync(PROGRAM, `${dir}/NanoContainer`);
	symlinkSync("NanoContainer", `${dir}/init`);
	for (const { name: path, mode, bytes } of moduleEntries(debianKernel("amd64"))) {
		if (mode & 0o040000) mkdirSync(`${dir}/${path}`, { recursive: true });
		else writeFileSync(`${dir}/${path}`, bytes ?? "");
	}
	return newDisk(name, 512, dir);
}

/** A disk with ext4, and what `dir` holds. */
export function newDisk(name: string, megabytes: number, dir?: string): string {
	const path = `${scratch}/${name}`;
	const files = dir === undefined ? [] : ["-d", dir];
	const made = Bun.spawnSync(["mkfs.ext4", "-q", "-F", ...files, path, `${megabytes}M`], { stderr: "pipe" });
	if (!made.success) throw new Error(`mkfs.ext4: ${made.stderr}`);
	return path;
}
