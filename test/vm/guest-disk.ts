/**
 * A disk with what test suites need to run in a virtual machine: Bun, this repository's tests, the programs they call,
 * with the libraries of those. Its root is a root directory for chroot(2).
 */
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { dependencies } from "../../native/licences.ts";
import { debianPackage } from "../foreign.ts";
import { newDisk, scratch } from "./guest.ts";

const REPOSITORY = `${import.meta.dir}/../..`;
const PROGRAMS = [
	"bash",
	"ip",
	"nft",
	"python3",
	"unshare",
	"mount",
	"umount",
	"stty",
	"mkfs.ext4",
	"dd",
	"getfattr",
	"setfattr",
	"setpriv",
	"ss",
	"nsenter",
	"tar",
	"docker-registry",
];
/** python3's own library, as far as the suites use it. */
const DIRECTORIES = ["/usr/lib/python3.11"];

/** The libraries that ld.so(8) would load. */
function libraries(program: string): string[] {
	const { stdout } = Bun.spawnSync(["ldd", program], { stdout: "pipe", stderr: "ignore" });
	return [...stdout.toString().matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

/** Copies a file to its own place, following links: what it is called, and what it is. */
function copyInto(root: string, path: string): void {
	const target = `${root}${path}`;
	if (existsSync(target) || !existsSync(path)) return;
	mkdirSync(dirname(target), { recursive: true });
	cpSync(realpathSync(path), target);
}

/** Returns the disk's path. It holds the suites in /suite. */
export function guestDisk(): string {
	const root = `${scratch}/guest`;
	for (const place of ["proc", "sys", "dev", "run", "tmp", "etc", "root", "suite", "var/lib"]) {
		mkdirSync(`${root}/${place}`, { recursive: true });
	}
	const bun = process.execPath;
	mkdirSync(`${root}/bin`, { recursive: true });
	cpSync(bun, `${root}/bin/bun`);
	cpSync("/bin/busybox", `${root}/bin/busybox`);
	for (const library of libraries(bun)) copyInto(root, library);
	for (const name of PROGRAMS) {
		const program = Bun.which(name, { PATH: "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin" });
		if (!program) throw new Error(`${name} is not installed`);
		cpSync(realpathSync(program), `${root}/bin/${name}`);
		for (const library of libraries(program)) copyInto(root, library);
	}
	for (const directory of DIRECTORIES)
		if (existsSync(directory)) cpSync(directory, `${root}${directory}`, { recursive: true });
	const applets = Bun.spawnSync(["/bin/busybox", "--list"]).stdout.toString().split("\n").filter(Boolean);
	for (const name of applets) if (!existsSync(`${root}/bin/${name}`)) symlinkSync("busybox", `${root}/bin/${name}`);
	rmSync(`${root}/bin/sh`); // busybox's runs its own ip and stty, whatever is in PATH
	symlinkSync("bash", `${root}/bin/sh`);
	writeFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
	writeFileSync(`${root}/etc/group`, "root:x:0:\ntty:x:5:\n");
	for (const path of [
		"NanoContainer",
		"test",
		"src",
		"native",
		"package.json",
		"tsconfig.json",
		...[...dependencies(), ...dependencies("node_modules/tar/package.json", new Set(["tar"]))].map(
			(name) => `node_modules/${name}`,
		), // tar: with which tests write archives
	]) {
		cpSync(`${REPOSITORY}/${path}`, `${root}/suite/${path}`, { recursive: true });
	}
	// Programs of another architecture, and what runs them.
	mkdirSync(`${root}/suite/foreign`);
	cpSync(`${debianPackage("qemu-user-static", "amd64")}/usr/bin/qemu-aarch64-static`, `${root}/suite/foreign/qemu`);
	cpSync(`${debianPackage("busybox-static", "arm64")}/bin/busybox`, `${root}/suite/foreign/busybox`);
	return newDisk("guest.disk", 1500, root);
}
