/** `stats`: figures that are those of the kernel and of docker's arithmetic. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE, loopbackUp, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const start = (name: string, script: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, ...flags, IMAGE, "sh", "-c", script);
const row = async (name: string) => JSON.parse(await host.ok("stats", "--no-stream", "--format", "json", name));
/** "1.5MiB" → bytes */
const bytes = (text = "") => {
	const [, number = "", unit = ""] = /^([\d.]+)(\w+)$/.exec(text) ?? [];
	const powers: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
	return Number(number) * (powers[unit] ?? Number.NaN);
};

beforeAll(async () => {
	await start("busy", "while :; do :; done", "--network", "none");
	await start("idle", "sleep 1000 & sleep 1000 & wait", "--memory", "64m");
	await start("large", "head -c 20m /dev/zero > /dev/shm/x; sleep 1000", "--network", "none", "--shm-size", "64m");
	await host.ok("create", "--name", "still", IMAGE, "true");
});

test("a table of those that run, as docker's", async () => {
	const [head = "", ...rows] = (await host.ok("stats", "--no-stream")).split("\n");
	expect(head.split(/\s{2,}/)).toEqual([
		"CONTAINER ID",
		"NAME",
		"CPU %",
		"MEM USAGE / LIMIT",
		"MEM %",
		"NET I/O",
		"BLOCK I/O",
		"PIDS",
	]);
	expect(rows.map((line) => line.split(/\s+/)[1]).sort()).toEqual(["busy", "idle", "large"]);
	const all = await host.ok(
		"stats",
		"--no-stream",
		"-a",
		"--no-trunc",
		"--format",
		"{{.Name}} {{.ID}} {{.CPUPerc}} {{.PIDs}}",
	);
	expect(all).toMatch(/^still [0-9a-f]{64} 0\.00% 0$/m);
});

test("processors, memory with its limit, processes", async () => {
	expect(Number.parseFloat((await row("busy")).CPUPerc)).toBeGreaterThan(30);
	const idle = await row("idle");
	expect([Number.parseFloat(idle.CPUPerc) < 5, idle.PIDs, idle.MemUsage.split(" / ")[1]]).toEqual([true, "3", "64MiB"]);
	await until(async () => bytes((await row("large")).MemUsage.split(" / ")[0]) > 20 * 2 ** 20, "20 MiB");
	const large = await row("large");
	expect(bytes(large.MemUsage.split(" / ")[0])).toBeLessThan(30 * 2 ** 20);
	const [used, limit] = large.MemUsage.split(" / ").map(bytes);
	expect(Number.parseFloat(large.MemPerc)).toBeCloseTo((used / limit) * 100, 1);
	expect(Object.keys(large)).toEqual([
		"BlockIO",
		"CPUPerc",
		"Container",
		"ID",
		"MemPerc",
		"MemUsage",
		"Name",
		"NetIO",
		"PIDs",
	]);
});

test("what came and went by its network", async () => {
	const before = (await row("idle")).NetIO.split(" / ").map(bytes);
	await host.ok("exec", "idle", "ping", "-c", "20", "-i", "0.01", "-s", "1000", "172.17.0.1");
	const after = (await row("idle")).NetIO.split(" / ").map(bytes);
	for (const i of [0, 1]) {
		expect(after[i] - before[i]).toBeGreaterThan(19_000);
		expect(after[i] - before[i]).toBeLessThan(30_000);
	}
	expect((await row("busy")).NetIO).toBe("0B / 0B");
});

test("a stream, until it is ended; a name that nobody has", async () => {
	const child = Bun.spawn(host.command("stats", "--format", "{{.Name}}", "busy"), { stdout: "pipe" });
	let seen = "";
	for await (const chunk of child.stdout) {
		seen += Buffer.from(chunk).toString();
		if (seen.split("busy").length > 2) break;
	}
	child.kill();
	await child.exited;
	expect(seen.startsWith("\x1b[H\x1b[2Jbusy\n")).toBe(true);
	expect(await host.nc("stats", "--no-stream", "nosuch")).toMatchObject({
		code: 1,
		stderr: "Error response from daemon: No such container: nosuch\n",
	});
	await host.ok("rm", "-f", "busy", "idle", "large", "still");
	expect(await host.leftovers()).toEqual([]);
});
