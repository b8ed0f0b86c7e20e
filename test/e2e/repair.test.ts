/** `system check --repair` of a lost database is whole or has not been: killed, twice at once, after a boot, on a full disk. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import {
	closeSync,
	cpSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	rmSync,
	truncateSync,
	writeSync,
} from "node:fs";
import { Host, IMAGE } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());
const database = `${host.root}/state.db`;

const inStore = () => ["blobs/sha256", "layers"].map((dir) => readdirSync(`${host.root}/${dir}`).sort());
const forget = () => {
	for (const name of readdirSync(host.root))
		if (/\.(damaged-|new)/.test(name)) rmSync(`${host.root}/${name}`, { force: true });
};
const overwrite = (path: string, bytes: Uint8Array, at: number) => {
	const fd = openSync(path, "r+");
	writeSync(fd, bytes, 0, bytes.length, at);
	closeSync(fd);
};
const damage = () => {
	const db = new Database(database);
	db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
	const { rootpage } = db.query("SELECT rootpage FROM sqlite_schema WHERE name = 'images'").get() as {
		rootpage: number;
	};
	db.close();
	overwrite(database, Buffer.alloc(4096, "y"), (rootpage - 1) * 4096);
};
const repair = () => host.nc("system", "check", "--repair");
const images = async () => (await host.ok("images", "-q", "--no-trunc")).split("\n").filter(Boolean).length;

test("killed at any moment, it takes nothing away, and the next one does it", async () => {
	for (let i = 0; i < 3; i++)
		await host.ok("build", "-q", "-t", `mine:${i}`, "-", { stdin: `FROM ${IMAGE}\nRUN echo ${i} > /f\n` });
	await host.ok("builder", "prune", "-af");
	const before = inStore();
	const count = await images();
	for (let round = 0; round < 12; round++) {
		truncateSync(database, 0);
		for (const suffix of ["-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
		const child = Bun.spawn(host.command("system", "check", "--repair"), { stdout: "ignore", stderr: "ignore" });
		await Bun.sleep(8 + Math.random() * 60);
		child.kill("SIGKILL");
		await child.exited;
		const { code, stdout } = await repair();
		expect([code, stdout.includes("removed")]).toEqual([0, false]);
		expect(inStore()).toEqual(before);
		expect(await images()).toBe(count);
		forget();
	}
}, 60_000);

test("two at once: one does it, the other finds it done", async () => {
	const before = inStore();
	const count = await images();
	for (let round = 0; round < 4; round++) {
		rmSync(database);
		for (const suffix of ["-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
		const told = await Promise.all([repair(), repair(), repair()]);
		expect(told.map(({ code }) => code)).toEqual([0, 0, 0]);
		expect(told.filter(({ stdout }) => stdout.includes("on record again"))).toHaveLength(1);
		expect(inStore()).toEqual(before);
		expect(await images()).toBe(count);
	}
});

test("a damaged page, and a boot since then", async () => {
	const count = await images();
	await host.ok("create", "--name", "kept", "--network", "none", IMAGE, "true");
	damage();
	rmSync(host.run, { recursive: true });
	rmSync(`${host.root}/boot`);
	expect((await host.nc("images")).stderr).toContain(`${database} is damaged`);
	const { code, stdout } = await repair();
	expect([code, stdout.includes("what was there is kept as")]).toEqual([0, true]);
	expect(await host.ok("ps", "-a", "--format", "{{.Names}}")).toBe("kept");
	expect(await images()).toBe(count);
	expect(existsSync(`${host.root}/boot`)).toBe(true);
	await host.ok("rm", "kept");
	forget();
});

test("where there is no room for a new one, the old one stays", async () => {
	const small = `${host.dir}/small`;
	mkdirSync(small);
	Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=8m", "small", small]);
	cpSync(host.root, `${small}/root`, { recursive: true, verbatimSymlinks: true });
	const other = (...words: string[]) =>
		Bun.spawnSync([host.command()[0] ?? "", "--root", `${small}/root`, "--run", `${host.dir}/run.small`, ...words]);
	try {
		for (let i = 0; i < 20; i++) other("create", "--name", `c${i}`, "--network", "none", IMAGE, "true");
		const own = `${small}/root/state.db`;
		for (const suffix of ["-wal", "-shm"]) rmSync(`${own}${suffix}`, { force: true });
		rmSync(`${small}/root/reserve`, { force: true });
		overwrite(own, Buffer.alloc(16, "x"), 0);
		Bun.spawnSync(["sh", "-c", `cat /dev/zero > ${small}/filler`]);
		truncateSync(`${small}/filler`, Bun.file(`${small}/filler`).size - 65536);
		const failed = other("system", "check", "--repair");
		expect([failed.exitCode, failed.stderr.toString()]).toEqual([
			1,
			expect.stringMatching(/no space left on device|cannot be written|is full/),
		]);
		expect(other("images", "-q").stderr.toString()).toContain("is damaged");
		rmSync(`${small}/filler`);
		expect(other("system", "check", "--repair").stdout.toString()).not.toContain("removed");
		expect(other("images", "-q").stdout.toString().split("\n").filter(Boolean).length).toBeGreaterThan(2);
	} finally {
		Bun.spawnSync(["umount", small]);
		rmSync(`${host.dir}/run.small`, { recursive: true, force: true });
	}
});
