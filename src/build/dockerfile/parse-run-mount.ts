/** `RUN --mount=type=…,key=value,…`: the keys each type has (Dockerfile reference, "RUN --mount"). Pure. */
import { EngineError } from "../../errors.ts";
import { didYouMean } from "./closest.ts";
import type { MountType, RunMount } from "./instruction.ts";

/** Other names of keys. */
const ALIASES: Readonly<Record<string, string>> = {
	src: "source",
	dst: "target",
	destination: "target",
	ro: "readonly",
	readwrite: "rw",
};

const COMMON = ["target"];
const KEYS: Readonly<Record<MountType, readonly string[]>> = {
	bind: [...COMMON, "source", "from", "rw", "readonly"],
	cache: [...COMMON, "id", "source", "from", "readonly", "rw", "sharing", "mode", "uid", "gid"],
	tmpfs: [...COMMON, "size"],
	secret: [...COMMON, "id", "source", "required", "mode", "uid", "gid", "env"],
	ssh: [...COMMON, "id", "required", "mode", "uid", "gid"],
};
const FLAGS = ["readonly", "rw", "required"];

/** All that may stand before a "=", for who mistyped one. */
const WORDS = [...new Set(["type", ...Object.values(KEYS).flat(), ...Object.keys(ALIASES)])];

const isType = (text: string): text is MountType => Object.hasOwn(KEYS, text);

/** Fields separated by commas; a field in double quotes may hold some (RFC 4180). */
export function csvFields(text: string): string[] {
	return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
		quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'),
	);
}

/**
 * `expand`: when the step is carried out. Before that, values with variables are taken as they are, but for `from`, which
 * must be known without.
 */
export function parseRunMount(text: string, expand: (word: string) => string = (word) => word): RunMount {
	const pairs = csvFields(text).map((field) => {
		const equals = field.indexOf("=");
		const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
		const value = equals < 0 ? undefined : field.slice(equals + 1);
		if (key === "from" && value !== undefined && /\$./.test(value)) {
			throw new EngineError("invalid", "'from' doesn't support variable expansion, define alias stage instead");
		}
		return { field, key: ALIASES[key] ?? key, value: value === undefined ? undefined : expand(value) };
	});
	const type = pairs.find(({ key }) => key === "type")?.value ?? "bind";
	if (type.includes("$")) {
		// Known when the step is carried out; but for what must be built before.
		const from = pairs.find(({ key }) => key === "from")?.value;
		return { type: "bind", options: from === undefined ? {} : { from }, text };
	}
	if (!isType(type)) {
		throw new EngineError("invalid", `unsupported mount type "${type}"${didYouMean(type, Object.keys(KEYS))}`);
	}
	const options: Record<string, string> = {};
	for (const { field, key, value } of pairs) {
		if (key === "type") continue;
		if (!KEYS[type].includes(key)) {
			throw new EngineError("invalid", `unexpected key '${key}' in '${field}'${didYouMean(key, WORDS)}`);
		}
		if (value === undefined && !FLAGS.includes(key)) {
			throw new EngineError("invalid", `invalid field '${field}' must be a key=value pair`);
		}
		options[key] = value ?? "true";
	}
	check(type, options);
	return { type, options, text };
}

function check(type: MountType, options: Readonly<Record<string, string>>): void {
	for (const flag of FLAGS) {
		const value = options[flag];
		if (value !== undefined && !value.includes("$") && !/^(true|false|0|1)$/i.test(value)) {
			throw new EngineError("invalid", `invalid value for ${flag}: ${value}`);
		}
	}
	if ((type === "bind" || type === "cache" || type === "tmpfs") && !options["target"]) {
		throw new EngineError("invalid", `${type} mount: target is required`);
	}
	for (const key of ["uid", "gid"]) {
		const value = options[key];
		if (value !== undefined && !value.includes("$") && !/^\d+$/.test(value)) {
			throw new EngineError("invalid", `invalid value ${value} for ${key}`);
		}
	}
	const { mode, sharing, size } = options;
	if (mode !== undefined && !mode.includes("$") && !/^[0-7]{1,5}$/.test(mode)) {
		throw new EngineError("invalid", `invalid value ${mode} for mode`);
	}
	if (sharing !== undefined && !sharing.includes("$") && !["shared", "private", "locked"].includes(sharing)) {
		throw new EngineError("invalid", `unsupported sharing value "${sharing}"`);
	}
	if (size !== undefined && !size.includes("$") && !/^\d+(\.\d+)?\s*[bkmgt]?(i?b)?$/i.test(size)) {
		throw new EngineError("invalid", `invalid size: '${size}'`);
	}
}
