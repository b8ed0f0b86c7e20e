/** `--network`: a name, or docker's long form. Pure; throws Error with docker's reason. */
import { type EndpointSettings, NO_SETTINGS } from "../../store/endpoint-record.ts";
import { parseAddress } from "../../sys/ip-address.ts";
import { parseCsv } from "./parse-csv.ts";
import { parsePair } from "./parse-pair.ts";

/** "NAME", "name=NAME,alias=A,alias=B,ip=…" */
export function parseNetwork(text: string): EndpointSettings {
	if (!text.includes("=")) return { ...NO_SETTINGS, name: nameOf(text) };
	const settings: { -readonly [K in keyof EndpointSettings]: EndpointSettings[K] } = {
		...NO_SETTINGS,
		name: "",
		aliases: [],
		linkLocalIps: [],
		driverOpts: {},
	};
	for (const field of parseCsv(text)) {
		const equals = field.indexOf("=");
		if (equals < 0) throw new Error(`invalid field ${field}`);
		applyKey(settings, field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim());
	}
	if (settings.name === "") throw new Error("network name/id is not specified");
	return settings;
}

/** docker's other name of the default network. */
const nameOf = (name: string): string => (name === "default" ? "bridge" : name);

function applyKey(
	settings: { -readonly [K in keyof EndpointSettings]: EndpointSettings[K] },
	key: string,
	value: string,
): void {
	switch (key) {
		case "name":
			settings.name = nameOf(value);
			return;
		case "alias":
			settings.aliases.push(value);
			return;
		case "ip":
			settings.ip = value;
			return;
		case "ip6":
			settings.ip6 = value;
			return;
		case "link-local-ip":
			settings.linkLocalIps.push(checkedLinkLocal(value));
			return;
		case "mac-address":
			settings.mac = value;
			return;
		case "driver-opt": {
			const [name, option] = parsePair(value);
			throw new Error(`the endpoint option "${name}=${option}" is not known`);
		}
		case "gw-priority":
			settings.gwPriority = parsePriority(value);
			return;
		default:
			throw new Error(`invalid field key ${key}`);
	}
}

/** An address that is known on one link alone (RFC 3927, RFC 4291 2.5.6). */
export function checkedLinkLocal(text: string): string {
	const isOne = /^169\.254\./.test(text) || /^fe[89ab][0-9a-f]:/i.test(text);
	if (!isOne || parseAddress(text) === undefined) throw new Error(`invalid link-local IP address: ${text}`);
	return text;
}

export function parsePriority(text: string): number {
	if (!/^[+-]?\d{1,10}$/.test(text)) throw new Error(`invalid gw-priority: ${text}`);
	return Number(text);
}
