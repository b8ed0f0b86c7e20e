/**
 * Volumes that are a file system of their own (docker's driver "local" with type=tmpfs, nfs, ext4 …): mounted in the volume's
 * directory while a container has them, for all of those together. Whoever comes first mounts it, and whoever ends last
 * takes it away; what is in a tmpfs is gone then.
 */
import { EngineError } from "../../errors.ts";
import { debug } from "../../log.ts";
import { mountOptions } from "../../runtime/mounts.ts";
import type { Container } from "../../store/container-record.ts";
import { getVolume, type Volume, volumeIsLive } from "../../store/volumes.ts";
import { EBUSY, EINVAL, SyscallError } from "../../sys/errno.ts";
import type { Fd } from "../../sys/fd.ts";
import { O_DIRECTORY, O_RDONLY, openat2, openDir } from "../../sys/file.ts";
import { mkdirSync, readFileSync } from "../../sys/fs.ts";
import { hostAddress } from "../../sys/host-address.ts";
import { attachMount, detachedMount, tryUnmount } from "../../sys/mount.ts";
import { nodeFs } from "../../sys/node.ts";
import type { Engine } from "../engine.ts";
import { volumeLock } from "./lock.ts";

type Options = Volume["options"];

const wordsOf = ({ o = "" }: Options): string[] => o.split(",").filter(Boolean);

/** Another place's name it is where it is bound (options.ts); this is all else that has options. */
export const isFileSystem = (options: Options): boolean =>
	Boolean(options["type"]) && !wordsOf(options).some((word) => word === "bind" || word === "rbind");

/** Words of fstab(5) that are about when something is mounted, or say what is so anyway. */
const IDLE = new Set(["defaults", "auto", "noauto", "_netdev", "nofail", "user", "nouser", "relatime", "async"]);

/** Those of the container's volumes that are such ones. */
function fileSystemsOf(engine: Engine, { config }: Container): Volume[] {
	const named = config.host.mounts.flatMap(({ type, source }) => (type === "volume" ? [source] : []));
	return [...new Set(named)]
		.flatMap((name) => getVolume(engine.db, name) ?? [])
		.filter(({ options }) => isFileSystem(options));
}

/** Mounts what is not mounted yet. The container is on record as being started. */
export function mountFileSystems(engine: Engine, container: Container): void {
	for (const volume of fileSystemsOf(engine, container)) {
		using _lock = volumeLock(engine, volume.name);
		mountFileSystem(engine, volume);
	}
}

function mountFileSystem(engine: Engine, volume: Volume): void {
	const target = engine.paths.volume(volume.name);
	mkdirSync(target, { recursive: true, mode: 0o755 });
	if (isMounted(target)) return;
	using made = newMount(volume, target);
	attachMount(made, target);
}

/** Its root directory, open: of the mount that there is, or of one that goes with the descriptor. The caller holds the volume's lock. */
export function openFileSystem(engine: Engine, volume: Volume): Fd {
	const target = engine.paths.volume(volume.name);
	if (isMounted(target)) return openDir(target);
	using made = newMount(volume, target);
	return openat2(made.number, ".", O_RDONLY | O_DIRECTORY);
}

function newMount({ name, options }: Volume, target: string): Fd {
	const { type = "", device = "" } = options;
	const words = wordsOf(options).filter((word) => !IDLE.has(word));
	const { attributes, data } = mountOptions(words);
	if (words.includes("ro")) data.push("ro"); // not the mount alone: a journal would be written
	try {
		return detachedMount(type, [`source=${device}`, ...withAddress(type, device, data)], attributes);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		const text = `error while mounting volume '${name}': failed to mount local volume: mount ${device}:${target}, data: ${data.join(",")}: ${error.message}`;
		throw new EngineError("failed", text, { cause: error });
	}
}

const NETWORKED = ["nfs", "nfs4", "cifs", "smb3"];

/** The kernel is told the server's address: names are for programs. What has none takes it from "server:/path". */
function withAddress(type: string, device: string, data: readonly string[]): string[] {
	if (!NETWORKED.includes(type)) return [...data];
	const given = data.find((word) => word.startsWith("addr="))?.slice("addr=".length);
	const server = given ?? (/^\/\/([^/]+)\//.exec(device) ?? /^\[?([^\]/]+?)\]?:\//.exec(device))?.[1];
	if (server === undefined) return [...data];
	const address = hostAddress(server);
	if (address === undefined) {
		throw new EngineError("failed", `error resolving passed in network volume address: lookup ${server}: no such host`);
	}
	return [...data.filter((word) => !word.startsWith("addr=")), `addr=${address}`];
}

/** When a container has ended: unmounts those of its volumes that no other has. Repeatable. */
export function releaseFileSystems(engine: Engine, container: Container): void {
	for (const volume of fileSystemsOf(engine, container)) {
		using _lock = volumeLock(engine, volume.name);
		if (!volumeIsLive(engine.db, volume.name, container.id)) unmountFileSystem(engine, volume);
	}
}

/** Whether nothing is mounted in the volume's directory, now that what can be is unmounted. */
export function isRemovable(engine: Engine, name: string): boolean {
	const volume = getVolume(engine.db, name);
	if (!volume || !isFileSystem(volume.options)) return true;
	using _lock = volumeLock(engine, name);
	return unmountFileSystem(engine, volume);
}

/** False: somebody of the host is in it. Then it is left, for the next who asks. */
export function unmountFileSystem(engine: Engine, { name }: Volume): boolean {
	const target = engine.paths.volume(name);
	const result = tryUnmount(target);
	if (result === 0) return unmountFileSystem(engine, { name } as Volume); // there may be several upon each other
	if (result === -EBUSY) debug("volume", () => `${target} is busy`);
	return result === -EINVAL || !isMounted(target);
}

/** /proc/self/mountinfo has blanks and the like as octal numbers (proc(5)). */
function isMounted(path: string): boolean {
	const shown = nodeFs().existsSync(path) ? nodeFs().realpathSync(path) : path;
	const escaped = shown.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
	return readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.some((line) => line.split(" ")[4] === escaped);
}
