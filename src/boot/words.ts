/** Splitting a line into words: the kernel's command line, and the containers on it. */

/**
 * Words are separated by blanks; quotes, single or double, keep blanks, and stand anywhere in a word. A backslash keeps
 * the next character, but not between single quotes. Throws Error when a quote is not closed.
 */
export function splitWords(line: string): string[] {
	const words: string[] = [];
	let word: string | undefined;
	let quote = "";
	for (let i = 0; i < line.length; i++) {
		const character = line[i] ?? "";
		if (quote && character === quote) quote = "";
		else if (!quote && (character === '"' || character === "'")) {
			quote = character;
			word ??= "";
		} else if (character === "\\" && quote !== "'" && i + 1 < line.length) word = (word ?? "") + line[++i];
		else if (!quote && /\s/.test(character)) {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else word = (word ?? "") + character;
	}
	if (quote) throw new Error(`a quotation mark (${quote}) is not closed`);
	if (word !== undefined) words.push(word);
	return words;
}

/**
 * The kernel's own rule for its command line (kernel-parameters.rst): double quotes keep blanks, and nothing else is
 * special. They are left out: `a.b="c 'd e'"` is [`a.b`, `c 'd e'`]. A word without "=" has the value "".
 */
export function kernelParameters(line: string): [name: string, value: string][] {
	const parameters: [string, string][] = [];
	for (const [word] of line.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
		const bare = word.replaceAll('"', "");
		if (bare === "--") break; // what follows is the first process's own
		const equals = bare.indexOf("=");
		parameters.push(equals < 0 ? [bare, ""] : [bare.slice(0, equals), bare.slice(equals + 1)]);
	}
	return parameters;
}
