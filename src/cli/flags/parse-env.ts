/** `-e`, `--env-file`, `-l`, `--label-file`: docker's grammar. Pure but for the client's own environment. */

import { EngineError } from "../../errors.ts";
import { readNamedFile } from "./input-file.ts";

/** "K=V" as it is; "K" takes the client's value, and nothing if it has none. */
export function parseEnv(text: string, client: Readonly<Record<string, string | undefined>> = process.env): string[] {
	if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
	if (text.includes("=")) return [text];
	const value = Object.hasOwn(client, text) ? client[text] : undefined;
	return value === undefined ? [] : [`${text}=${value}`];
}

/** Lines of an env file: no quotes, no expansion; "#" only at a line's start; trailing blanks are kept. */
export function parseEnvFile(
	content: string,
	file: string,
	client: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
	const lines = content.replace(/^\uFEFF/, "").split(/\r?\n/);
	const variables: string[] = [];
	for (const raw of lines) {
		const line = raw.trimStart();
		if (line === "" || line.startsWith("#")) continue;
		const equals = line.indexOf("=");
		const name = equals < 0 ? line : line.slice(0, equals);
		if (/\s/.test(name)) {
			throw new EngineError("usage", `invalid env file (${file}): variable '${name}' contains whitespaces`);
		}
		if (name === "") throw new EngineError("usage", `invalid env file (${file}): no variable name on line '${line}'`);
		const own = Object.hasOwn(client, name) ? client[name] : undefined;
		const value = equals >= 0 ? line.slice(equals + 1) : own;
		if (value !== undefined) variables.push(`${name}=${value}`);
	}
	return variables;
}

/** `client` is where bare names get their values. */
export function readEnvFiles(
	files: readonly string[],
	client: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
	const variables: string[] = [];
	for (const file of files) {
		const bytes = readNamedFile(file);
		let text: string;
		try {
			text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
		} catch (cause) {
			throw new EngineError("usage", `env file ${file} contains invalid utf8 bytes`, { cause });
		}
		for (const variable of parseEnvFile(text, file, client)) variables.push(variable);
	}
	return variables;
}

/** A label as it is given; throws Error, in docker's words, for one without a name. */
export function checkedLabel(text: string): string {
	if (text === "" || text.startsWith("=")) throw new Error(`invalid label '${text}': empty name`);
	return text;
}

/** "k", "k=" and "k=v" → a record; later ones win. */
export function parseLabels(labels: readonly string[], files: readonly string[]): Record<string, string> {
	const result: Record<string, string> = {};
	for (const line of [...readEnvFiles(files, {}), ...labels]) {
		const equals = line.indexOf("=");
		const name = equals < 0 ? line : line.slice(0, equals);
		if (name === "") throw new EngineError("usage", `invalid label format: "${line}"`);
		result[name] = equals < 0 ? "" : line.slice(equals + 1);
	}
	return result;
}
