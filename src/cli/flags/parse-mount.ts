/** `-v`, `--mount`, `--tmpfs`: docker's grammar → mount points. Pure; throws Error with docker's reason. */

import type { MountPoint } from "../../store/container-record.ts";
import { nodePath } from "../../sys/node.ts";
import { parseCsv } from "./parse-csv.ts";
import { checkIdMap } from "./parse-id-map.ts";
import { applyKey, type Draft, PROPAGATION, PROPAGATIONS } from "./parse-mount-key.ts";

const MODE_KINDS: Readonly<Record<string, string>> = {
	ro: "access",
	rw: "access",
	z: "label",
	Z: "label",
	nocopy: "copy",
	// podman's
	U: "owner",
	idmap: "ids",
	// Without effect on Linux.
	consistent: "consistency",
	cached: "consistency",
	delegated: "consistency",
	...Object.fromEntries(PROPAGATIONS.map((word) => [word, PROPAGATION])),
};
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const EMPTY: MountPoint = {
	type: "volume",
	source: "",
	destination: "",
	readonly: false,
	options: [],
	anonymous: false,
	createSource: false,
	listed: true,
};

function cleanDestination(text: string, shown: string): string {
	if (!text.startsWith("/")) throw new Error(`invalid volume specification: '${shown}': mount path must be absolute`);
	const clean = nodePath()
		.normalize(text)
		.replace(/(.)\/$/, "$1");
	if (clean === "/")
		throw new Error(`invalid volume specification: '${shown}': invalid mount config: destination can't be '/'`);
	return clean;
}

/** "[SRC:]DST[:OPTS]" */
export function parseVolume(text: string): MountPoint {
	const parts = text.split(":");
	if (parts.length > 3 || parts.some((part) => part === "")) throw new Error(`invalid volume specification: '${text}'`);
	const [first = "", second, third] = parts;
	if (second === undefined) return { ...EMPTY, destination: cleanDestination(first, text) };
	const isMode = third === undefined && !second.startsWith("/");
	if (isMode && !first.startsWith("/")) throw new Error(`invalid volume specification: '${text}'`);
	if (isMode) {
		const mode = parseMode(second, "volume");
		if (mode.readonly)
			throw new Error(`invalid volume specification: '${text}': an anonymous volume cannot be read-only`);
		return { ...EMPTY, destination: cleanDestination(first, text), ...mode };
	}
	const destination = cleanDestination(second, text);
	const isBind = first.startsWith("/") || first.startsWith(".");
	const mode = third === undefined ? {} : parseMode(third, isBind ? "bind" : "volume");
	if (isBind) {
		return { ...EMPTY, type: "bind", source: nodePath().resolve(first), destination, createSource: true, ...mode };
	}
	if (!VOLUME_NAME.test(first)) {
		throw new Error(
			`create ${first}: "${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
		);
	}
	return { ...EMPTY, source: first, destination, ...mode };
}

/** Each kind of word at most once; propagation is for binds, nocopy for volumes. */
function parseMode(text: string, type: "bind" | "volume"): Pick<MountPoint, "readonly" | "options"> {
	const options: string[] = [];
	const kinds = new Set<string>();
	let readonly = false;
	for (const word of text.split(",")) {
		const kind = MODE_KINDS[word.startsWith("idmap=") ? "idmap" : word];
		const wrong = (kind === "propagation" && type === "volume") || (kind === "copy" && type === "bind");
		if (kind === undefined || kinds.has(kind) || wrong) throw new Error(`invalid mode: ${text}`);
		kinds.add(kind);
		if (word === "ro") readonly = true;
		else if (kind === "ids") options.push(checkIdMap(word.slice("idmap=".length)));
		else if (kind === "propagation" || kind === "copy" || kind === "owner") options.push(word);
	}
	return { readonly, options };
}

const TMPFS_WORDS = new Set(
	"rw nosuid suid nodev dev noexec exec noatime atime nodiratime diratime strictatime".split(" "),
);

/** "DST[:opts]" of --tmpfs */
export function parseTmpfs(text: string): MountPoint {
	const colon = text.indexOf(":");
	const destination = colon < 0 ? text : text.slice(0, colon);
	const words =
		colon < 0
			? []
			: text
					.slice(colon + 1)
					.split(",")
					.filter(Boolean);
	for (const word of words) {
		if (word === "ro" || TMPFS_WORDS.has(word) || /^(size|mode|uid|gid|nr_inodes|nr_blocks)=/.test(word)) continue;
		throw new Error(`invalid tmpfs option "${word}"`);
	}
	return {
		...EMPTY,
		type: "tmpfs",
		destination: cleanDestination(destination, text),
		readonly: words.includes("ro"),
		options: words.filter((word) => word !== "ro"),
		listed: false,
	};
}

export interface MountFlag {
	readonly mount: MountPoint;
	/** Of a volume that is made for it. */
	readonly labels: Readonly<Record<string, string>>;
	/** The same: of the driver "local". */
	readonly volumeOptions: Readonly<Record<string, string>>;
}

/** "type=bind,source=/a,target=/b,readonly", and the short "/host:/container[:ro]". */
export function parseMount(text: string): MountFlag {
	if (!text.includes("=") && text.includes(":")) {
		return { mount: { ...parseVolume(text), createSource: false }, labels: {}, volumeOptions: {} };
	}
	const mount: Draft = { ...EMPTY, options: [] };
	const labels: Record<string, string> = {};
	const volumeOptions: Record<string, string> = {};
	const keys = new Set<string>();
	for (const field of parseCsv(text)) {
		const equals = field.indexOf("=");
		const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
		const value = equals < 0 ? undefined : field.slice(equals + 1);
		if (
			value === undefined &&
			!["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src", "idmap", "u", "chown"].includes(key)
		) {
			throw new Error(`invalid field '${field}' must be a key=value pair`);
		}
		keys.add(key);
		if (key === "volume-label" || key === "volume-opt") {
			const [name = "", ...rest] = (value ?? "").split("=");
			(key === "volume-opt" ? volumeOptions : labels)[name] = rest.join("=");
		} else applyKey(mount, key, value, field);
	}
	checkKeys(mount, keys);
	if (!mount.destination) throw new Error("target is required");
	mount.destination = cleanDestination(mount.destination, text);
	if (mount.type === "bind" && mount.source === "") {
		throw new Error('invalid mount config for type "bind": field Source must not be empty');
	}
	if (mount.type === "bind" && !mount.source.startsWith("/")) {
		throw new Error(
			`invalid mount config for type "bind": invalid mount path: '${mount.source}' mount path must be absolute`,
		);
	}
	if (mount.type === "volume" && mount.source && !VOLUME_NAME.test(mount.source)) {
		throw new Error(`create ${mount.source}: "${mount.source}" includes invalid characters for a local volume name`);
	}
	if (mount.type === "image" && !mount.source) {
		throw new Error('invalid mount config for type "image": field Source must not be empty');
	}
	if (mount.type === "tmpfs" && mount.source)
		throw new Error('invalid mount config for type "tmpfs": source must not be specified');
	return { mount, labels, volumeOptions };
}

/** Options of one type make no sense for another. */
function checkKeys(mount: Draft, keys: ReadonlySet<string>): void {
	for (const type of ["bind", "volume", "tmpfs", "image"] as const) {
		if (type !== mount.type && [...keys].some((key) => key.startsWith(`${type}-`))) {
			throw new Error(`cannot mix '${type}-*' options with mount type '${mount.type}'`);
		}
	}
	if (mount.type !== "bind" && mount.type !== "volume" && mount.options.some((word) => /^(U|idmap)/.test(word))) {
		throw new Error(`cannot use 'U' or 'idmap' with mount type '${mount.type}'`);
	}
	if (mount.options.includes("U") && mount.options.some((word) => word.startsWith("subpath="))) {
		throw new Error("cannot use 'U' with volume-subpath: a volume is given away whole");
	}
	if (mount.options.includes("bind-recursive=readonly") && !mount.readonly) {
		throw new Error("mount options: bind-recursive=readonly requires readonly");
	}
	if (mount.type === "volume" && !mount.source && mount.readonly) {
		throw new Error("must not set ReadOnly mode when using anonymous volumes");
	}
}
