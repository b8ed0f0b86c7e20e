/** The variables that a stage's instructions see: ENV, and ARG from its line on. ENV wins where both have a name. */
import { expandWord, expandWords, type Lexing } from "./lex.ts";

/** Proxies that every RUN gets without an ARG; they are in no history and no cache key. */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

export interface ScopeInputs {
	readonly escapeChar: string;
	/** --build-arg */
	readonly buildArgs: ReadonlyMap<string, string>;
	/** ARGs before the first FROM, seen inside only when declared again. */
	readonly globalArgs: ReadonlyMap<string, string>;
	readonly platformArgs: ReadonlyMap<string, string>;
}

export class Scope {
	readonly #inputs: ScopeInputs;
	readonly #env: ReadonlyMap<string, string>;
	/** Declared ARGs with a value, in order. */
	readonly args: Map<string, string>;
	/** Names of --build-arg that an ARG has taken. */
	readonly consumed: Set<string>;

	/** `env` is the stage's own, which changes while this looks at it. `args`: of the stage that this one goes on from. */
	constructor(
		inputs: ScopeInputs,
		env: ReadonlyMap<string, string>,
		args: ReadonlyMap<string, string>,
		consumed: Set<string>,
	) {
		this.#inputs = inputs;
		this.#env = env;
		this.args = new Map(args);
		this.consumed = consumed;
	}

	/** `ARG name=value`; returns the value it has. The default is asked for only where nothing overrides it. */
	declare(name: string, value: () => string | undefined): string | undefined {
		const { buildArgs, globalArgs, platformArgs } = this.#inputs;
		if (buildArgs.has(name)) this.consumed.add(name);
		const chosen = buildArgs.get(name) ?? value() ?? globalArgs.get(name) ?? platformArgs.get(name);
		if (chosen !== undefined) this.args.set(name, chosen);
		return chosen;
	}

	lookup(name: string): string | undefined {
		return this.#env.get(name) ?? this.args.get(name);
	}

	get lexing(): Lexing {
		return { escapeChar: this.#inputs.escapeChar, lookup: (name) => this.lookup(name) };
	}

	word(text: string): string {
		return expandWord(text, this.lexing);
	}

	words(text: string): string[] {
		return expandWords(text, this.lexing);
	}

	/** What a RUN step sees of them: ARGs, covered by ENV. In `hidden` what must leave no trace. */
	environment(): { env: string[]; args: string[]; hidden: string[] } {
		const args = [...this.args].filter(([name]) => !this.#env.has(name)).map(([name, value]) => `${name}=${value}`);
		const { buildArgs } = this.#inputs;
		const hidden = PROXIES.flatMap((name) => {
			const spellings = [name, name.toLowerCase()];
			const value = spellings.map((one) => buildArgs.get(one)).find((one) => one !== undefined);
			if (value === undefined) return [];
			// Programs look for either: both are set, whichever was given.
			for (const one of spellings) if (buildArgs.has(one)) this.consumed.add(one);
			return spellings
				.filter((one) => !this.args.has(one) && !this.#env.has(one))
				.map((one) => `${one}=${buildArgs.get(one) ?? value}`);
		});
		return { env: [...this.#env].map(([name, value]) => `${name}=${value}`), args, hidden };
	}
}
