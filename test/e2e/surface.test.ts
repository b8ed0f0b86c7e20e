/**
 * Docker's whole surface, walked: each command, alias and flag of docker's client (test/surface.json) works here, or is refused
 * by one sentence with the reason, or is owed (test/surface-debts.json). What is owed and works is an error too: the list of
 * debts only shrinks.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Host } from "../fixture.ts";

interface Command {
	readonly aliases: readonly string[];
	/** "publish/p" */
	readonly flags: readonly string[];
}
const read = (name: string) => JSON.parse(readFileSync(`${import.meta.dir}/../${name}`, "utf8"));
const surface: Readonly<Record<string, Command>> = read("surface.json");
/** Paths of commands, and "path --flag". */
const debts = new Set<string>(read("surface-debts.json"));

const host = new Host();
afterAll(() => host.close());

interface Found {
	readonly missing: string[];
	readonly unreasoned: string[];
}

/** What `path --help` has of the command; undefined: there is none. */
async function helpOf(path: string): Promise<string | undefined> {
	const { code, stdout } = await host.nc(...path.split(" "), "--help");
	return code === 0 && stdout.includes("Usage:") ? stdout : undefined;
}

/** How one flag is refused; undefined: it is taken. */
async function refusalOf(path: string, help: string, flag: string): Promise<string | undefined> {
	const [name = "", letter] = flag.split("/");
	const shown = new RegExp(`^\\s+${letter ? `-${letter}, ` : "(-\\w, |    )"}--${name}(\\s|$)`, "m");
	if (shown.test(help)) return undefined;
	const { stderr } = await host.nc(...path.split(" "), `--${name}=x`);
	return stderr.split("\n")[0] ?? "";
}

/** One sentence that says why, or what to do instead. */
const isReasoned = (refusal: string): boolean =>
	/^flag --[\w-]+ is not supported by NanoContainer yet: .{5,}/.test(refusal);

async function walk(path: string): Promise<Found> {
	const { aliases = [], flags = [] } = surface[path] ?? {};
	const found: Found = { missing: [], unreasoned: [] };
	const help = await helpOf(path);
	if (help === undefined) {
		found.missing.push(path);
		return found;
	}
	for (const alias of aliases) if ((await helpOf(alias)) === undefined) found.missing.push(`alias ${alias}`);
	for (const flag of flags) {
		const refusal = await refusalOf(path, help, flag);
		if (refusal === undefined) continue;
		const name = `${path} --${flag.split("/")[0]}`;
		if (isReasoned(refusal)) found.unreasoned.push(`${name} (refused)`);
		else found.missing.push(name);
	}
	return found;
}

/** Nouns whose issues are done: what is refused there is refused for good. */
const DONE = /^(container port|volume )/;

describe("docker's surface", () => {
	const owedNow = new Set<string>();
	for (const path of Object.keys(surface)) {
		test(path, async () => {
			const { missing, unreasoned } = await walk(path);
			for (const name of [...missing, ...unreasoned]) owedNow.add(name);
			const wrong = missing.filter((name) => !debts.has(name));
			const promised = DONE.test(path) ? [] : unreasoned.filter((name) => !debts.has(name));
			expect([...wrong, ...promised]).toEqual([]);
		});
	}
	test("what is owed is not there yet: a debt that is paid leaves the list", () => {
		expect([...debts].filter((name) => !owedNow.has(name))).toEqual([]);
	});
});
