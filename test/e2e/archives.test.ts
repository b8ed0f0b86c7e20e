/**
 * Archives as others write them, read by ours, against what GNU tar makes of the same bytes: random trees, and names of
 * every length with a slash at every place.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { LayerWriter } from "../../src/image/layer/unpack.ts";
import type { TarEntry } from "../../src/image/tar/header.ts";
import { TarReader } from "../../src/image/tar/reader.ts";
import { makeRandomTree, snapshot } from "../archives/random-tree.ts";
import { removeGoProgram, WRITERS } from "../archives/writers.ts";

const dir = mkdtempSync("/tmp/nc-archives-");
afterAll(() => {
	rmSync(dir, { recursive: true, force: true });
	removeGoProgram();
});

const fresh = (name: string): string => {
	rmSync(`${dir}/${name}`, { recursive: true, force: true });
	mkdirSync(`${dir}/${name}`);
	return `${dir}/${name}`;
};

/** In pieces of an odd size: nothing may depend on where a chunk ends. */
function unpack(archive: string, into: string): void {
	const bytes = readFileSync(archive);
	using writer = new LayerWriter(into, { whiteouts: false });
	const reader = new TarReader(writer);
	for (let at = 0; at < bytes.length; at += 7919) reader.push(bytes.subarray(at, at + 7919));
	reader.finish();
	writer.finish();
}

function judge(archive: string, into: string): void {
	const flags = ["--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*", "-p", "--warning=no-timestamp"];
	const quirks = ["--warning=no-unknown-keyword", "--delay-directory-restore"];
	const { stderr } = Bun.spawnSync(["tar", "-C", into, ...flags, ...quirks, "-xf", archive], { stderr: "pipe" });
	if (stderr.length) throw new Error(stderr.toString());
}

describe("random trees", () => {
	const seeds = [1, 2, 3];
	beforeAll(() => {
		for (const seed of seeds) makeRandomTree(fresh(`tree${seed}`), seed);
	});

	for (const { name, write } of WRITERS) {
		test(`what ${name} writes is unpacked as GNU tar unpacks it`, async () => {
			for (const seed of seeds) {
				await write(`${dir}/tree${seed}`, `${dir}/a.tar`);
				const theirs = fresh("theirs");
				const ours = fresh("ours");
				judge(`${dir}/a.tar`, theirs);
				unpack(`${dir}/a.tar`, ours);
				const expected = snapshot(theirs);
				expect(expected.length).toBeGreaterThan(4);
				expect(snapshot(ours)).toEqual(expected);
			}
		});
	}
});

describe("names of every length, with a slash at every place", () => {
	const MAX = 300;
	const MAX_COMPONENT = 255;
	/** Where a field of a header ends, and a file system's own limit. */
	const EDGES = [1, 2, 98, 99, 100, 101, 130, 131, 154, 155, 156, 254, 255];

	function makeNames(root: string, befores: readonly number[]): void {
		writeFileSync(`${root}/first`, "x");
		for (const before of befores) {
			const directory = `${root}/${"q".repeat(before)}`;
			mkdirSync(directory);
			const most = Math.min(MAX_COMPONENT, MAX - before - 1);
			for (let behind = 1; behind <= most; behind++) writeFileSync(`${directory}/${"f".repeat(behind)}`, "x");
		}
	}

	beforeAll(() => {
		makeNames(
			fresh("names"),
			Array.from({ length: MAX_COMPONENT }, (_, i) => i + 1),
		);
		makeNames(fresh("edges"), EDGES);
		// Targets of links are cut off in the same way.
		const links = fresh("links");
		for (let length = 2; length <= MAX; length++)
			symlinkSync(`${"d".repeat(length >> 1)}/${"e".repeat(length - (length >> 1) - 1)}`, `${links}/${length}`);
	});

	function entriesOf(archive: string): Map<string, { type: TarEntry["type"]; content: string; target: string }> {
		const found = new Map<string, { type: TarEntry["type"]; content: string; target: string }>();
		const clean = (path: string) => path.replace(/^\.\//, "").replace(/\/+$/, "");
		let last = "";
		const reader = new TarReader({
			entry: ({ path, type, linkpath }) => {
				last = clean(path);
				found.set(last, { type, content: "", target: linkpath });
			},
			data: (bytes) => {
				const entry = found.get(last);
				if (entry) entry.content += Buffer.from(bytes).toString();
			},
			end: () => {},
		});
		reader.push(readFileSync(archive));
		reader.finish();
		return found;
	}

	const listed = (archive: string): string[] =>
		Bun.spawnSync(["tar", "-tf", archive], { stderr: "ignore" })
			.stdout.toString()
			.split("\n")
			.map((name) => name.replace(/^\.\//, "").replace(/\/$/, ""))
			.filter((name) => name !== "");

	/** The slow ones write only the names that end where a field ends. */
	const tree = (name: string) =>
		/^(Python|npm|Go (pax|auto|ustar)|bsdtar (pax|restricted|v7))/.test(name) ? "edges" : "names";

	for (const { name, write } of WRITERS.filter((one) => !/sparse|xattrs/.test(one.name))) {
		test(`${name}: each is what GNU tar lists, with its content`, async () => {
			await write(`${dir}/${tree(name)}`, `${dir}/n.tar`);
			const entries = entriesOf(`${dir}/n.tar`);
			entries.delete("");
			const names = listed(`${dir}/n.tar`);
			expect(names.length).toBeGreaterThan(150);
			expect(entries.size).toBe(names.length);
			const wrong = names.filter((path) => {
				const entry = entries.get(path);
				const directory = !path.includes("/") && path !== "first";
				return entry === undefined || (directory ? entry.type !== "directory" : entry.content !== "x");
			});
			expect(wrong).toEqual([]);
		});

		test(`${name}: links lead where GNU tar's lead`, async () => {
			await write(`${dir}/links`, `${dir}/l.tar`);
			const theirs = fresh("theirs");
			judge(`${dir}/l.tar`, theirs);
			const links = entriesOf(`${dir}/l.tar`);
			links.delete("");
			const names = readdirSync(theirs);
			expect(names.length).toBeGreaterThan(90);
			expect([...links.keys()].sort()).toEqual(names.sort());
			expect(names.filter((path) => links.get(path)?.target !== readlinkSync(`${theirs}/${path}`))).toEqual([]);
		});
	}
});
