/** The first process of a machine: whatever words the kernel starts it with, it is `boot`, and it never ends. */
import { isFirstOfMachine } from "../../sys/process.ts";

/** The kernel starts it as /init, or as what `init=` names. */
export const isInit = (): boolean => process.pid === 1 && (/(^|\/)init$/.test(process.argv0) || isFirstOfMachine());

const FLAGS = new Set(["--root", "--run", "--file", "-f"]);

/**
 * The kernel hands on every word that it does not know itself ("splash", "3"). What is for `boot` is taken out of them:
 * the flags that say where things are.
 */
export function bootWords(words: readonly string[]): string[] {
	const global: string[] = [];
	const own: string[] = [];
	for (let i = 0; i < words.length; i++) {
		const word = words[i] ?? "";
		const [name = "", value = words[i + 1]] = word.includes("=")
			? [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]
			: [word];
		if (!FLAGS.has(name) || value === undefined) continue;
		(name === "--root" || name === "--run" ? global : own).push(name, value);
		if (!word.includes("=")) i++;
	}
	return [...(words.includes("--debug") ? ["--debug"] : []), ...global, "boot", ...own];
}

const LONG_MS = 2 ** 31 - 1;

/** Something is always left to wait for: an empty event loop would end the process. */
export const stayAlive = (): void => void setInterval(() => {}, LONG_MS);
