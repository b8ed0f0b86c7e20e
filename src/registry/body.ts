/** Answers of registries, read as far as they may go: whoever answers may never stop. */
import { EngineError } from "../errors.ts";

/** Reads a body of at most `limit` bytes; throws EngineError beyond that. */
export async function readLimited(response: Response, what: string, limit: number): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of response.body ?? []) {
		size += chunk.length;
		if (size > limit) throw new EngineError("failed", `The ${what} is larger than ${limit} bytes`);
		parts.push(chunk);
	}
	return Buffer.concat(parts);
}

const MAX_JSON = 256 * 1024;

/** A small JSON document; undefined if it is none, or too large. */
export async function readJson(response: Response, what: string): Promise<unknown> {
	try {
		return JSON.parse(new TextDecoder().decode(await readLimited(response, what, MAX_JSON)));
	} catch {
		return undefined;
	}
}
