/** docker's prompts: the question on standard output, the answer from standard input; nothing means no. */
import { readSync } from "node:fs";
import { print } from "./output.ts";

export function confirm(question: string): boolean {
	print(`${question} [y/N] `);
	const buffer = Buffer.alloc(256);
	let answer = "";
	try {
		while (!answer.includes("\n")) {
			const n = readSync(0, buffer);
			if (n === 0) break;
			answer += buffer.toString("utf8", 0, n);
		}
	} catch {
		// no standard input: no answer
	}
	return answer.trim().toLowerCase() === "y";
}
