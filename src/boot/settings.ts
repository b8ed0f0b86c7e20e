/**
 * What a machine is to do: from the kernel's command line (`nanocontainer.…=`, `ip=`) and from
 * /etc/nanocontainer/boot.json. A mistake in either costs that setting, with a sentence, and never the boot.
 */
import * as v from "valibot";
import { kernelParameters, splitWords } from "./words.ts";

export type WhenEnded = "nothing" | "restart" | "poweroff" | "reboot";
export const WHEN_ENDED = ["nothing", "restart", "poweroff", "reboot"] as const satisfies WhenEnded[];

export interface BootContainer {
	/** What would follow `NanoContainer run`. */
	readonly run: readonly string[];
	readonly whenEnded: WhenEnded;
}

export interface StaticNetwork {
	readonly interface: string | undefined;
	/** "10.0.2.15/24" */
	readonly address: string;
	readonly gateway: string | undefined;
	readonly dns: readonly string[];
}

export interface Settings {
	readonly hostname: string | undefined;
	/** A block device with a file system, for images and containers to last. */
	readonly disk: string | undefined;
	readonly network: StaticNetwork | { readonly dhcp: string | undefined } | "none";
	/** Archives to load, beside the document. */
	readonly images: readonly string[];
	readonly containers: readonly BootContainer[];
	/** What follows `run -it` for the shell on the console; undefined: none. */
	readonly console: readonly string[] | undefined;
	/** What could not be understood, each a sentence. */
	readonly mistakes: readonly string[];
}

/** An image that this program carries. */
export const CONSOLE_DEFAULT = ["nanocontainer/busybox", "sh"];
const Words = v.union([v.pipe(v.array(v.string()), v.minLength(1)), v.pipe(v.string(), v.transform(splitWords))]);

const Container = v.strictObject({ run: Words, whenEnded: v.optional(v.picklist(WHEN_ENDED), "nothing") });
const Network = v.union([
	v.picklist(["none", "dhcp"]),
	v.strictObject({
		interface: v.optional(v.string()),
		address: v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+\.\d+\/\d+$/, "must be an address with its prefix")),
		gateway: v.optional(v.string()),
		dns: v.optional(v.array(v.string()), []),
	}),
]);

/** boot.json. Each key is checked by itself, and each member of a list: one mistake costs no other setting. */
const KEYS = { hostname: v.string(), disk: v.string(), network: Network, console: v.union([v.boolean(), Words]) };
const LISTS = { images: v.string(), containers: Container };

type BootDocument = { readonly [K in keyof typeof KEYS]?: v.InferOutput<(typeof KEYS)[K]> } & {
	readonly [K in keyof typeof LISTS]?: readonly v.InferOutput<(typeof LISTS)[K]>[];
};

/** Reads both; the command line has the last word, and its containers come after the document's. */
export function readSettings(commandLine: string, document: string | undefined): Settings {
	const mistakes: string[] = [];
	const given = documentSettings(document, mistakes);
	const whenEnded = lastOf(commandLine, "nanocontainer.when-ended", "nothing");
	const known = WHEN_ENDED.find((word) => word === whenEnded);
	if (!known) mistakes.push(`nanocontainer.when-ended=${whenEnded}: must be one of ${WHEN_ENDED.join(", ")}`);
	const containers: BootContainer[] = [];
	let console = given.console === true ? CONSOLE_DEFAULT : given.console || undefined;
	let { hostname, disk } = given;
	let network: Settings["network"] = networkOf(given.network);
	for (const [name, value] of kernelParameters(commandLine)) {
		try {
			if (name === "nanocontainer.run") containers.push({ run: wordsOf(value), whenEnded: known ?? "nothing" });
			else if (name === "nanocontainer.console") console = value ? wordsOf(value) : CONSOLE_DEFAULT;
			else if (name === "nanocontainer.hostname") hostname = value;
			else if (name === "nanocontainer.disk") disk = value;
			else if (name === "ip") network = parseIpParameter(value);
			else if (name.startsWith("nanocontainer.") && name !== "nanocontainer.when-ended") {
				mistakes.push(`${name}: there is no such setting`);
			}
		} catch (error) {
			mistakes.push(`${name}=${value}: ${(error as Error).message}`);
		}
	}
	return {
		hostname,
		disk,
		network,
		images: given.images ?? [],
		containers: [...(given.containers ?? []), ...containers],
		console,
		mistakes,
	};
}

function wordsOf(value: string): string[] {
	const words = splitWords(value);
	if (words.length === 0) throw new Error("it is empty");
	return words;
}

const lastOf = (commandLine: string, wanted: string, initial: string): string =>
	kernelParameters(commandLine).findLast(([name]) => name === wanted)?.[1] ?? initial;

function documentSettings(text: string | undefined, mistakes: string[]): BootDocument {
	if (text === undefined) return {};
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		mistakes.push(`boot.json is not JSON: ${(error as Error).message}`);
		return {};
	}
	if (typeof json !== "object" || json === null || Array.isArray(json)) {
		mistakes.push("boot.json must be an object");
		return {};
	}
	const settings: Record<string, unknown> = {};
	for (const [key, value] of Object.entries(json)) {
		if (Object.hasOwn(KEYS, key)) settings[key] = checked(key, KEYS[key as keyof typeof KEYS], value, mistakes);
		else if (!Object.hasOwn(LISTS, key)) mistakes.push(`boot.json: ${key}: there is no such setting`);
		else if (!Array.isArray(value)) mistakes.push(`boot.json: ${key}: must be a list`);
		else {
			const schema = LISTS[key as keyof typeof LISTS];
			settings[key] = value.flatMap((member, i) => checked(`${key}.${i}`, schema, member, mistakes) ?? []);
		}
	}
	return settings;
}

/** undefined, with a sentence for each mistake, unless the value is what the schema says. */
function checked(path: string, schema: v.GenericSchema, value: unknown, mistakes: string[]): unknown {
	const told = (at: string | null, what: string) =>
		mistakes.push(`boot.json: ${path}${at === null ? "" : `.${at}`}: ${what}`);
	try {
		const result = v.safeParse(schema, value);
		if (result.success) return result.output;
		for (const issue of result.issues) told(v.getDotPath(issue), issue.message);
	} catch (error) {
		told(null, (error as Error).message); // a container's words with an open quote
	}
	return undefined;
}

function networkOf(given: BootDocument["network"]): Settings["network"] {
	if (given === "none") return "none";
	if (given === undefined || given === "dhcp") return { dhcp: undefined };
	return { interface: given.interface, address: given.address, gateway: given.gateway, dns: given.dns };
}

/**
 * The kernel's `ip=` (admin-guide/nfs/nfsroot.rst):
 * <client>:<server>:<gateway>:<netmask>:<hostname>:<device>:<autoconf>:<dns0>:<dns1>, or one word.
 */
export function parseIpParameter(value: string): Settings["network"] {
	if (value === "none" || value === "off") return "none";
	if (["dhcp", "on", "any", "both", ""].includes(value)) return { dhcp: undefined };
	const [client = "", , gateway = "", netmask = "", , device = "", autoconf = "", ...dns] = value.split(":");
	if (client === "") {
		if (autoconf === "none" || autoconf === "off") return "none";
		return { dhcp: device || undefined };
	}
	return {
		interface: device || undefined,
		address: `${client}/${prefixOf(netmask)}`,
		gateway: gateway || undefined,
		dns: dns.filter((server) => server !== "").slice(0, 2),
	};
}

/** "255.255.255.0" → 24 */
function prefixOf(netmask: string): number {
	if (netmask === "") return 24;
	const bits = netmask
		.split(".")
		.map((part) => Number(part).toString(2).padStart(8, "0"))
		.join("");
	if (!/^1*0*$/.test(bits) || bits.length !== 32) throw new Error(`${netmask} is not a netmask`);
	return bits.indexOf("0") < 0 ? 32 : bits.indexOf("0");
}
