/** Debug output on stderr, with --debug. What a user must see is thrown or printed by the command line instead. */

let enabled = false;

export function enableDebug(): void {
	enabled = true;
}

export function debug(area: string, message: () => string): void {
	if (enabled)
		process.getBuiltinModule("node:fs").writeSync(2, `[${performance.now().toFixed(1)} ms] ${area}: ${message()}\n`);
}
