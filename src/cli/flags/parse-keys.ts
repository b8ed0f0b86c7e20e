/** `--detach-keys`: "ctrl-p,ctrl-q" → the bytes a terminal sends. Pure. */

export const DEFAULT_DETACH_KEYS = Uint8Array.of(0x10, 0x11);

const SPECIAL = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_";

/** undefined if the sequence is invalid: docker warns and takes the default. Empty text switches detaching off. */
export function parseDetachKeys(text: string): Uint8Array | undefined {
	const bytes: number[] = [];
	for (const key of text.split(",").filter((part) => part !== "" || text !== "")) {
		const ctrl = /^ctrl-(.)$/i.exec(key);
		if (ctrl) {
			const code = SPECIAL.indexOf((ctrl[1] ?? "").toUpperCase());
			if (code < 0) return undefined;
			bytes.push(code);
		} else if (key === "DEL") bytes.push(127);
		else if (key.length === 1) bytes.push(key.charCodeAt(0));
		else return undefined;
	}
	return bytes.length > 16 ? undefined : Uint8Array.from(bytes);
}
