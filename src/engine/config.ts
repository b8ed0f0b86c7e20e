/** /etc/nanocontainer/config.json: the keys of docker's daemon.json that apply here. */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import { isReserved, parseSubnet } from "../network/ipam.ts";
import { parseSubnet6 } from "../network/ipam6.ts";
import { parseAddress } from "../sys/ip-address.ts";
import { parseIpv4 } from "../sys/ipv4.ts";
import { CONFIG_FILE, NETWORK_DEFAULTS, type NetworkDefaults } from "./config-defaults.ts";

function isBaseUrl(text: string): boolean {
	if (!URL.canParse(text) || /\s/.test(text)) return false;
	const { protocol, search, hash, username } = new URL(text);
	return (protocol === "http:" || protocol === "https:") && !search && !hash && !username;
}

function isHost(text: string): boolean {
	const bits = /^\d+\.\d+\.\d+\.\d+\/(\d+)$/.exec(text)?.[1];
	if (bits !== undefined) return Number(bits) <= 32;
	return /^(?:\[[0-9a-fA-F:]+\]|[\w.-]+)(?::\d{1,5})?$/.test(text);
}

const KEEP_STORAGE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i;
const POWERS = ["", "k", "m", "g", "t"];

/** "20GB" → bytes */
function bytesOf(text: string): number {
	const [, number = "0", unit = ""] = KEEP_STORAGE.exec(text) ?? [];
	return Math.trunc(Number(number) * 1024 ** POWERS.indexOf(unit.toLowerCase()));
}

const Builder = v.strictObject({
	gc: v.optional(
		v.strictObject({
			enabled: v.optional(v.boolean(), true),
			defaultKeepStorage: v.optional(v.pipe(v.string(), v.regex(KEEP_STORAGE, "is not a size like 20GB")), "20GB"),
		}),
		{},
	),
});

const isPool = ({ base, size }: { readonly base: string; readonly size: number }): boolean => {
	const subnet = parseSubnet(base) ?? parseSubnet6(base);
	return (
		subnet !== undefined && Number.isInteger(size) && size >= subnet.prefix && size <= (base.includes(":") ? 126 : 30)
	);
};

const isBridgeAddress = (text: string): boolean => {
	const subnet = parseSubnet(text);
	const ip = parseIpv4(text.split("/")[0] ?? "");
	return (
		subnet !== undefined && ip !== undefined && subnet.prefix >= 8 && subnet.prefix <= 30 && !isReserved(subnet, ip)
	);
};

const Config = v.strictObject({
	bip: v.optional(v.pipe(v.string(), v.check(isBridgeAddress, "is not an address of a subnet, like 192.168.1.1/24"))),
	"default-address-pools": v.optional(
		v.array(
			v.pipe(
				v.strictObject({ base: v.string(), size: v.number() }),
				v.check(isPool, "is not a subnet and the size of its parts, like 10.10.0.0/16 and 24"),
			),
		),
		[],
	),
	"default-bridge-names": v.optional(v.boolean(), false),
	ip: v.optional(
		v.pipe(
			v.string(),
			v.check((text) => parseAddress(text) !== undefined, "is not an address"),
		),
	),
	builder: v.optional(Builder, {}),
	"registry-mirrors": v.optional(v.array(v.pipe(v.string(), v.check(isBaseUrl, "is not a URL like https://host"))), []),
	"insecure-registries": v.optional(
		v.array(v.pipe(v.string(), v.check(isHost, "is not host[:port] or a network"))),
		[],
	),
});

export interface EngineConfig {
	/** Base URLs that are asked before docker.io. */
	readonly registryMirrors: readonly string[];
	/** "host:port" or networks ("10.0.0.0/8") that may be spoken to without TLS, or with a certificate nobody knows. */
	readonly insecureRegistries: readonly string[];
	/** Bytes of build cache that may stay after a build; undefined: all. */
	readonly keepBuildCache: number | undefined;
	readonly network: NetworkDefaults;
}

const DEFAULT_KEEP = 20 * 1024 ** 3;

/** Reads the file; without one, the defaults. A mistake in it is an error that names the key. */
export function readConfig(path = process.env["NANOCONTAINER_CONFIG"] || CONFIG_FILE): EngineConfig {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") {
			return { registryMirrors: [], insecureRegistries: [], keepBuildCache: DEFAULT_KEEP, network: NETWORK_DEFAULTS };
		}
		throw new EngineError("failed", `Cannot read ${path}: ${(error as Error).message}`);
	}
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		throw new EngineError("invalid", `${path} is not JSON: ${(error as Error).message}`);
	}
	if (typeof json !== "object" || json === null || Array.isArray(json)) {
		throw new EngineError("invalid", `${path}: it must hold one JSON object`);
	}
	const result = v.safeParse(Config, json);
	if (!result.success) {
		const [issue] = result.issues;
		const key = issue?.path?.map((item) => String(item.key)).join(".") ?? "";
		const unknown = issue?.type === "strict_object";
		throw new EngineError("invalid", `${path}: "${key}": ${unknown ? "is not a key of this file" : issue?.message}`);
	}
	return {
		registryMirrors: result.output["registry-mirrors"],
		insecureRegistries: result.output["insecure-registries"],
		network: {
			bridgeAddress: result.output.bip ?? "",
			pools: result.output["default-address-pools"],
			bridgeNames: result.output["default-bridge-names"],
			publishAddress: result.output.ip ?? "",
		},
		keepBuildCache: result.output.builder.gc.enabled ? bytesOf(result.output.builder.gc.defaultKeepStorage) : undefined,
	};
}
