/** What `build` takes from the client besides the context: secrets, agents, further contexts. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { IgnoreRules, parseIgnoreFile } from "../../build/files/ignore.ts";
import type { NamedContext } from "../../build/session/options.ts";
import { EngineError } from "../../errors.ts";
import { readNamedFile } from "../flags/input-file.ts";
import { parseCsv } from "../flags/parse-csv.ts";

/** BuildKit's. */
const SECRET_LIMIT = 500 * 1024;

/** "id=x,src=/file", "id=x,env=NAME", "id=x": a file, a variable, or whichever of that name there is. */
export function readSecrets(texts: readonly string[]): Map<string, Uint8Array> {
	const secrets = new Map<string, Uint8Array>();
	for (const text of texts) {
		const fields = new Map(parseFields(text));
		const unknown = [...fields.keys()].find((key) => !["id", "src", "source", "env", "type"].includes(key));
		if (unknown !== undefined) throw new EngineError("usage", `unexpected key '${unknown}' in '${text}'`);
		const source = fields.get("src") ?? fields.get("source");
		const env = fields.get("env");
		const id = fields.get("id") ?? env ?? source?.split("/").at(-1) ?? "";
		if (id === "") throw new EngineError("usage", `secret without an id: '${text}'`);
		const variable = env ?? (source === undefined && process.env[id] !== undefined ? id : undefined);
		if (variable !== undefined && (fields.get("type") ?? "env") === "env") {
			secrets.set(id, Buffer.from(process.env[variable] ?? ""));
		} else secrets.set(id, readNamedFile(source ?? id, `failed to read secret ${id}: `, SECRET_LIMIT));
	}
	return secrets;
}

function parseFields(text: string): [string, string][] {
	return parseCsv(text).map((field) => {
		const equals = field.indexOf("=");
		if (equals < 0) throw new EngineError("usage", `invalid field '${field}' must be a key=value pair`);
		return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
	});
}

/** "name=directory", "name=docker-image://reference" */
export function readNamedContexts(texts: readonly string[]): Map<string, NamedContext> {
	const contexts = new Map<string, NamedContext>();
	for (const text of texts) {
		const [name = "", value] = text.split(/=(.*)/s);
		if (value === undefined || name === "") {
			throw new EngineError("usage", `invalid context value: ${text}, expected key=value`);
		}
		contexts.set(name.toLowerCase(), readNamedContext(value));
	}
	return contexts;
}

function readNamedContext(value: string): NamedContext {
	const reference = /^docker-image:\/\/(.+)$/.exec(value)?.[1];
	if (reference !== undefined) return { kind: "image", reference };
	if (/^[a-z-]+:\/\//.test(value)) {
		throw new EngineError("unsupported", `build context ${value} is not supported: use a directory or docker-image://`);
	}
	const directory = resolve(value);
	if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
		throw new EngineError("usage", `unable to prepare context: path "${value}" not found`);
	}
	const file = `${directory}/.dockerignore`;
	const patterns = existsSync(file) ? parseIgnoreFile(Buffer.from(readNamedFile(file)).toString()) : [];
	return { kind: "local", context: { directory, ignore: new IgnoreRules(patterns) } };
}
