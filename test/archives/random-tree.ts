/** A directory of everything that a file system may hold, from a seed; and what can be told of one, to compare. */
import { createHash } from "node:crypto";
import {
	chmodSync,
	chownSync,
	closeSync,
	ftruncateSync,
	lchownSync,
	linkSync,
	lstatSync,
	lutimesSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	symlinkSync,
	utimesSync,
	writeSync,
} from "node:fs";

/** mulberry32: the same numbers for the same seed. */
export function random(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
	};
}

const NAMES = [
	"a",
	"long-".repeat(20),
	"x".repeat(99),
	"y".repeat(100),
	"z".repeat(150),
	"ünïcödé",
	"with space",
	"名字",
	"back\\slash",
	"new\nline",
	"-dash",
	"*?[",
	"tab\t",
];

export function makeRandomTree(root: string, seed: number): void {
	const pick = random(seed);
	const directories = [root];
	const files: string[] = [];
	const place = (kind: string): string => {
		const parent = directories[pick(directories.length)] ?? root;
		return `${parent}/${NAMES[pick(NAMES.length)]}${kind}${pick(1e9).toString(36)}`.slice(0, 3000);
	};
	const uid = () => [0, 1, 1000, 65534, 2_000_000][pick(5)] ?? 0;
	for (let i = 0; i < 60; i++) {
		const kind = pick(10);
		if (kind < 2) {
			const path = place("d");
			if (path.length > 1500) continue;
			mkdirSync(path);
			directories.push(path);
		} else if (kind < 6) {
			const path = place("f");
			writeRandom(path, pick);
			files.push(path);
			if (pick(3) === 0) Bun.spawnSync(["setfattr", "-n", "user.color", "-v", `value ${pick(100)}`, path]);
		} else if (kind === 6)
			symlinkSync(["target", "/absolute/one", "t".repeat(120), "../../up"][pick(4)] ?? "t", place("s"));
		else if (kind === 7 && files.length) linkSync(files[pick(files.length)] ?? "", place("h"));
		else if (kind === 8) Bun.spawnSync(["mkfifo", place("p")]);
		else mkdirSync(place("e"));
	}
	settle(root, pick, uid);
}

/** Some with holes: at the beginning, in the middle, at the end. */
function writeRandom(path: string, pick: (below: number) => number): void {
	const fd = openSync(path, "w");
	const kind = pick(6);
	const bytes = (size: number) => Buffer.alloc(size, String.fromCharCode(97 + pick(26)));
	if (kind === 0) ftruncateSync(fd, pick(3_000_000));
	else if (kind === 1) {
		for (let i = 0; i < 30; i++) writeSync(fd, bytes(1 + pick(5000)), 0, undefined, pick(200) * 16384);
		if (pick(2)) ftruncateSync(fd, 4_000_000 + pick(100_000));
	} else if (kind > 2) writeSync(fd, bytes([1, 511, 512, 513, 10_240, 70_000][pick(6)] ?? 1));
	closeSync(fd);
}

/** Owners, modes and times, deepest first: making files changes those of directories. */
function settle(directory: string, pick: (below: number) => number, uid: () => number): void {
	for (const name of readdirSync(directory)) {
		const path = `${directory}/${name}`;
		const stat = lstatSync(path);
		if (stat.isDirectory()) settle(path, pick, uid);
		const time = [0, 1, 1_000_000_000.5, 1_700_000_000.123456, 1_790_000_000][pick(5)] ?? 0;
		if (stat.isSymbolicLink()) {
			lchownSync(path, uid(), uid());
			lutimesSync(path, time, time);
			continue;
		}
		chownSync(path, uid(), uid());
		chmodSync(path, [0o644, 0o755, 0o4755, 0o2711, 0o1777, 0o600, 0][pick(7)] ?? 0);
		utimesSync(path, time, time);
	}
}

/** One line a file, in order. Files that are one and the same have the same number. */
export function snapshot(root: string): string[] {
	// Directories that an archive only implies have the time of unpacking.
	const recent = BigInt(Date.now() - 3_600_000) * 1_000_000n;
	const numbers = new Map<number, number>();
	const lines: string[] = [];
	const look = (path: string) => {
		const stat = lstatSync(`${root}/${path}`, { bigint: true });
		const inode = Number(stat.ino);
		if (stat.nlink > 1n && !stat.isDirectory() && !numbers.has(inode)) numbers.set(inode, numbers.size + 1);
		const what = stat.isSymbolicLink()
			? `-> ${readlinkSync(`${root}/${path}`)}`
			: stat.isFile()
				? `${stat.size} ${createHash("sha256")
						.update(readFileSync(`${root}/${path}`))
						.digest("hex")
						.slice(0, 12)}`
				: "";
		lines.push(
			[
				JSON.stringify(path),
				stat.mode.toString(8),
				`${stat.uid}:${stat.gid}`,
				stat.mtimeNs > recent ? "now" : stat.mtimeNs,
				numbers.get(inode) ?? "",
				what,
			].join(" "),
		);
		if (stat.isDirectory())
			for (const name of readdirSync(`${root}/${path}`).sort()) look(path ? `${path}/${name}` : name);
	};
	for (const name of readdirSync(root).sort()) look(name);
	const { stdout } = Bun.spawnSync(["getfattr", "-R", "-h", "-d", "-m", "^user", "."], { cwd: root, stderr: "ignore" });
	return [...lines, ...stdout.toString().split("\n\n").sort()];
}
