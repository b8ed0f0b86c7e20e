/** `--network`: a name, or docker's long form. Pure; throws Error with docker's reason. */
import { type EndpointSettings, NO_SETTINGS } from "../../store/endpoint-record.ts";
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
		case "link-local-ip":
			throw new Error(`the network option "${key}" is not supported yet`);
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

export function parsePriority(text: string): number {
	if (!/^[+-]?\d{1,10}$/.test(text)) throw new Error(`invalid gw-priority: ${text}`);
	return Number(text);
}
