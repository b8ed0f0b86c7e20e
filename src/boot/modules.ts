/**
 * Loading kernel modules without modprobe: names → files and what they depend on (modules.dep(5)) → finit_module(2).
 * Some kernels have all of it built in and no directory of modules: then there is nothing to do.
 */
import { existsSync, readFileSync } from "node:fs";
import { decompress } from "../image/compression/decompress.ts";
import { ENOENT, errnoText } from "../sys/errno.ts";
import { tryLoadModule, tryLoadModuleBytes } from "../sys/machine.ts";

/** What containers need. One that is not there may be built in. */
export const CONTAINER_MODULES: readonly string[] = [
	...["overlay", "bridge", "veth", "nf_tables", "nf_nat", "nft_chain_nat", "nft_nat", "nft_masq", "nft_ct"],
	...["nft_fib", "nft_fib_ipv4", "nft_fib_ipv6", "nft_fib_inet"],
	"nf_conntrack_netlink", // by which connections are forgotten
];
/** Besides, what virtual machines have. */
export const WANTED_MODULES: readonly string[] = [
	...["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "virtio_console"],
	...CONTAINER_MODULES,
	...["ext4", "evdev", "button"],
];

export interface ModuleFile {
	/** Relative to the directory of modules. */
	readonly path: string;
	readonly dependencies: readonly string[];
}

/** "kernel/net/llc/llc.ko.xz" → "llc". In names "-" and "_" are the same. */
export const moduleName = (path: string): string =>
	(path.split("/").at(-1) ?? "").replace(/\.ko(\.(xz|zst|gz))?$/, "").replaceAll("-", "_");

/** modules.dep: a line a module, "path: path path", what it needs behind the colon. */
export function parseModulesDep(text: string): Map<string, ModuleFile> {
	const modules = new Map<string, ModuleFile>();
	for (const line of text.split("\n")) {
		const colon = line.indexOf(":");
		if (colon <= 0) continue;
		const path = line.slice(0, colon);
		const dependencies = line
			.slice(colon + 1)
			.split(" ")
			.filter(Boolean)
			.map(moduleName);
		modules.set(moduleName(path), { path, dependencies });
	}
	return modules;
}

/** The modules to load for `wanted`, each after those it needs. */
export function loadOrder(modules: ReadonlyMap<string, ModuleFile>, wanted: readonly string[]): string[] {
	const order = new Set<string>();
	const visiting = new Set<string>();
	const visit = (name: string) => {
		const file = modules.get(name);
		if (!file || order.has(name) || visiting.has(name)) return;
		visiting.add(name); // a circle of needs would be depmod's mistake, and not ours to follow for ever
		for (const needed of file.dependencies.toReversed()) visit(needed);
		order.add(name);
	};
	for (const name of wanted) visit(name);
	return [...order];
}

export interface LoadedModules {
	/** All that was wanted: by whom it was loaded does not matter. */
	readonly complete: boolean;
	/** A sentence for each module that the kernel refused. */
	readonly problems: readonly string[];
}

/** Loads what is there of what is wanted, and not in the kernel yet. */
export async function loadModules(release: string, wanted = WANTED_MODULES): Promise<LoadedModules> {
	const missing = wanted.filter((name) => !existsSync(`/sys/module/${name}`));
	const dir = moduleDirectory(release);
	if (!dir) return { complete: missing.length === 0, problems: [] };
	const modules = parseModulesDep(readFileSync(`${dir}/modules.dep`, "utf8"));
	const builtIn = readBuiltIn(dir);
	const load = async (names: readonly string[]): Promise<Map<string, string | undefined>> => {
		const failed = new Map<string, string | undefined>();
		for (const name of names) {
			const { path } = modules.get(name) as ModuleFile;
			try {
				const result = await loadModule(`${dir}/${path}`);
				// ENODEV and the like: the hardware is not there.
				if (result < 0) failed.set(name, QUIET.has(-result) ? undefined : errnoText(-result));
			} catch (error) {
				failed.set(name, (error as Error).message);
			}
		}
		return failed;
	};
	const first = await load(loadOrder(modules, missing));
	// One that another needs may have been on its way, loaded by somebody else at this moment.
	const failed = first.size ? await load([...first.keys()]) : first;
	const problems = [...failed].flatMap(([name, why]) => (why === undefined ? [] : [`module ${name}: ${why}`]));
	return { complete: !failed.size && missing.every((name) => modules.has(name) || builtIn.has(name)), problems };
}

const moduleDirectory = (release: string): string | undefined =>
	[`/lib/modules/${release}`, `/usr/lib/modules/${release}`].find((path) => existsSync(`${path}/modules.dep`));

/** modules.builtin: the paths that they would have. */
function readBuiltIn(dir: string): Set<string> {
	const path = `${dir}/modules.builtin`;
	return new Set(existsSync(path) ? readFileSync(path, "utf8").split("\n").map(moduleName) : []);
}

/**
 * Whether the kernel finds what it lacks by itself: it runs the program whose path this is (proc_sys_kernel(5),
 * request_module() in kernel/module/kmod.c). Where that is not there, somebody else must load what containers need.
 */
export function kernelLoadsModules(): boolean {
	const path = readFileSync("/proc/sys/kernel/modprobe", "latin1").trim();
	return path !== "" && existsSync(path);
}

const ENODEV = 19;
const ENXIO = 6;
const QUIET = new Set([ENODEV, ENXIO, ENOENT]);

/** The kernel unpacks a compressed file itself since 5.17, if it is built to; otherwise it is unpacked here. */
async function loadModule(path: string): Promise<number> {
	const compression = /\.ko\.(xz|zst|gz)$/.exec(path)?.[1];
	const result = tryLoadModule(path, compression !== undefined);
	if (result >= 0 || compression === undefined) return result;
	return tryLoadModuleBytes(await unpacked(readFileSync(path)));
}

/** By content; throws EngineError where that is damaged. */
export async function unpacked(bytes: Uint8Array): Promise<Uint8Array> {
	const pieces: Uint8Array[] = [];
	const whole = async function* () {
		yield bytes;
	};
	await decompress(whole(), bytes.length, (piece) => pieces.push(new Uint8Array(piece)));
	return Buffer.concat(pieces);
}
