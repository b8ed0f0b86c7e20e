/** `--name=value` flags of one instruction: each may be asked for; what nobody asked for is refused by name. */
import { EngineError } from "../../errors.ts";

export class Flags {
	readonly #keyword: string;
	readonly #given: { readonly name: string; readonly value: string | undefined }[];
	readonly #asked = new Set<string>();

	constructor(keyword: string, words: readonly string[]) {
		this.#keyword = keyword;
		this.#given = words.map((word) => {
			const equals = word.indexOf("=");
			return {
				name: word.slice(2, equals < 0 ? undefined : equals),
				value: equals < 0 ? undefined : word.slice(equals + 1),
			};
		});
	}

	/** The value of a flag that may be given once. */
	text(name: string): string | undefined {
		const values = this.all(name);
		if (values.length > 1) throw new EngineError("invalid", `duplicate flag specified: ${name}`);
		return values[0];
	}

	/** `--link`, `--link=true`, `--link=false` */
	bool(name: string): boolean | undefined {
		this.#asked.add(name);
		const given = this.#given.filter((flag) => flag.name === name);
		if (given.length > 1) throw new EngineError("invalid", `duplicate flag specified: ${name}`);
		const value = given[0] && (given[0].value ?? "true").toLowerCase();
		if (value === undefined || value === "true") return value && true;
		if (value === "false") return false;
		throw new EngineError("invalid", `expecting boolean value for flag ${name}, not: ${value}`);
	}

	all(name: string): string[] {
		this.#asked.add(name);
		return this.#given
			.filter((flag) => flag.name === name)
			.map(({ value }) => {
				if (value === undefined) throw new EngineError("invalid", `missing a value on flag: ${name}`);
				return value;
			});
	}

	/** Every flag has been asked for by now. */
	end(): void {
		const unknown = this.#given.find((flag) => !this.#asked.has(flag.name));
		if (unknown) throw new EngineError("invalid", `unknown flag: --${unknown.name} (${this.#keyword})`);
	}
}
