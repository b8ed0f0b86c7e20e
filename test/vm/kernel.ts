/** A kernel to boot, out of Debian's package for clouds, and the modules of it that a machine needs. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { loadOrder, type ModuleFile, moduleName, WANTED_MODULES } from "../../src/boot/modules.ts";
import { type DebianArch, debianPackage } from "../foreign.ts";
import { type CpioEntry, directory, file } from "./cpio.ts";

export interface Kernel {
	readonly image: string;
	readonly release: string;
	/** Name → where it lies, and what it needs. */
	readonly modules: ReadonlyMap<string, ModuleFile>;
	readonly moduleDir: string;
}

export function debianKernel(arch: DebianArch): Kernel {
	const dir = debianPackage(`linux-image-cloud-${arch}`, arch);
	const [release = ""] = readdirSync(`${dir}/lib/modules`);
	const moduleDir = `${dir}/lib/modules/${release}`;
	return { image: `${dir}/boot/vmlinuz-${release}`, release, moduleDir, modules: scanModules(moduleDir) };
}

/** What depmod(8) would write at the installation: each module says in its .modinfo what it depends on. */
function scanModules(dir: string): Map<string, ModuleFile> {
	const modules = new Map<string, ModuleFile>();
	for (const path of new Bun.Glob("kernel/**/*.ko").scanSync(dir))
		modules.set(moduleName(path), { path, dependencies: [] });
	for (const name of loadable(modules)) {
		const found = modules.get(name) as ModuleFile;
		const text = readFileSync(`${dir}/${found.path}`, "latin1");
		const depends = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
		modules.set(name, { path: found.path, dependencies: depends.split(",").filter(Boolean).map(moduleName) });
	}
	return modules;
}

/** All of them: the few that are needed depend on some that are not named. */
const loadable = (modules: ReadonlyMap<string, ModuleFile>): string[] => [...modules.keys()];

export interface ModuleOptions {
	/** Leaves some out. */
	readonly without?: readonly string[];
	/** Besides those that `boot` loads. */
	readonly further?: readonly string[];
	/** As distributions have them. */
	readonly compression?: keyof typeof COMPRESSIONS;
}

const COMPRESSIONS = {
	gz: (bytes: Uint8Array) => gzipSync(bytes),
	zst: (bytes: Uint8Array) => zstdCompressSync(bytes),
	xz: (bytes: Uint8Array) => Bun.spawnSync(["xz", "--check=crc32", "-0", "-c"], { stdin: bytes }).stdout,
};

/** The modules that a machine needs, as files of an initramfs, with their modules.dep. */
export function moduleEntries(kernel: Kernel, options: ModuleOptions = {}): CpioEntry[] {
	const { without = [], further = [], compression } = options;
	const compress = compression ? COMPRESSIONS[compression] : (bytes: Uint8Array) => bytes;
	const suffix = compression ? `.${compression}` : "";
	const wanted = [...WANTED_MODULES, ...further].filter((name) => !without.includes(name));
	const names = loadOrder(kernel.modules, wanted).filter((name) => !without.includes(name));
	const base = `lib/modules/${kernel.release}`;
	const files = names.map((name) => kernel.modules.get(name) as ModuleFile);
	const paths = files.map(({ path }) => path);
	const pathOf = (name: string) => `${kernel.modules.get(name)?.path}${suffix}`;
	const dep = files
		.map(({ path, dependencies }) => `${path}${suffix}: ${dependencies.map(pathOf).join(" ")}\n`)
		.join("");
	const directories = new Set<string>();
	for (const path of paths) {
		const parts = `${base}/${path}`.split("/").slice(0, -1);
		for (let depth = 1; depth <= parts.length; depth++) directories.add(parts.slice(0, depth).join("/"));
	}
	return [
		...[...directories].map((name) => directory(name)),
		...paths.map((path) => file(`${base}/${path}${suffix}`, compress(readFileSync(`${kernel.moduleDir}/${path}`)))),
		file(`${base}/modules.dep`, dep),
	];
}
