/** The life of a container besides its start and end: paused, renamed, waited for, looked at. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const start = (name: string, script: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, "--network", "none", ...flags, IMAGE, "sh", "-c", script);
const fails = async (...args: string[]) => {
	const { code, stderr } = await host.nc(...args);
	return [code, stderr.trimEnd()];
};

describe("pause", () => {
	beforeAll(async () => {
		await start("clock", "while :; do date +%N > /now; done & trap 'exit 3' TERM; while :; do sleep 0.05; done");
	});
	const now = () => readFileSync(`${host.root}/containers/${id}/upper/now`, "utf8");
	let id = "";
	test("stops every process, and unpause lets them go on", async () => {
		id = await host.ok("inspect", "-f", "{{.Id}}", "clock");
		expect(await host.ok("pause", "clock")).toBe("clock");
		const at = now();
		await Bun.sleep(50);
		expect(now()).toBe(at);
		expect(await host.ok("inspect", "-f", "{{.State.Status}} {{.State.Paused}} {{.State.Running}}", "clock")).toBe(
			"paused true true",
		);
		expect(await host.ok("ps", "--format", "{{.State}} {{.Status}}", "-f", "status=paused")).toMatch(
			/^paused Up .* \(Paused\)$/,
		);
		expect(await fails("pause", "clock")).toEqual([1, `Error response from daemon: Container ${id} is already paused`]);
		expect(await fails("exec", "clock", "true")).toEqual([
			1,
			"Error response from daemon: Container clock is paused, unpause the container before exec",
		]);
		expect(await host.ok("unpause", "clock")).toBe("clock");
		await until(() => now() !== at, "the clock");
		expect(await fails("unpause", "clock")).toEqual([1, `Error response from daemon: Container ${id} is not paused`]);
	});
	test("stop, kill and rm -f end one that is paused", async () => {
		await host.ok("pause", "clock");
		await host.ok("stop", "clock");
		expect(await host.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Paused}}", "clock")).toBe(
			"exited 3 false",
		);
		for (const end of [
			["kill", "clock"],
			["rm", "-f", "clock"],
		]) {
			await host.ok("start", "clock");
			await host.ok("pause", "clock");
			await host.ok(...end);
		}
		expect(await fails("pause", "clock")).toEqual([1, "Error response from daemon: No such container: clock"]);
		await host.ok("create", "--name", "idle", IMAGE, "true");
		expect((await fails("pause", "idle"))[1]).toMatch(
			/^Error response from daemon: container [0-9a-f]{64} is not running$/,
		);
		await host.ok("rm", "idle");
	});
	test("of one that is paused by a command that is killed, the next goes on", async () => {
		await start("shaken", "sleep 1000");
		for (let i = 0; i < 10; i++) {
			const child = Bun.spawn(host.command(i % 2 ? "unpause" : "pause", "shaken"), {
				stdout: "ignore",
				stderr: "ignore",
			});
			await Bun.sleep(2 + 2 * i);
			child.kill("SIGKILL");
			await child.exited;
		}
		await host.nc("unpause", "shaken");
		expect(await host.ok("exec", "shaken", "echo", "works")).toBe("works");
		await host.ok("rm", "-f", "shaken");
	});
});

describe("rename", () => {
	test("also one that runs: by its new name it is found, in its networks too", async () => {
		await host.ok("network", "create", "street");
		const flags = ["-d", "--network", "street"];
		await host.ok("run", ...flags, "--name", "old", IMAGE, "sleep", "1000");
		await host.ok("run", ...flags, "--name", "other", IMAGE, "sleep", "1000");
		expect(await host.ok("rename", "old", "new")).toBe("");
		expect(await host.ok("exec", "new", "echo", "here")).toBe("here");
		expect((await host.nc("exec", "old", "true")).stderr).toContain("No such container: old");
		expect(await host.ok("exec", "other", "nslookup", "new")).toContain("172.18.0.2");
		expect((await host.nc("exec", "other", "nslookup", "old")).code).toBe(1);
		expect(await fails("rename", "new", "other")).toEqual([
			1,
			expect.stringMatching(
				/^Error response from daemon: Error when allocating new name: Conflict\. The container name "\/other" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\.\nError: failed to rename container named new$/,
			),
		]);
		expect((await fails("rename", "new", "a b"))[1]).toContain(
			"Error when allocating new name: Invalid container name (a b)",
		);
		expect((await fails("rename", "new", "new"))[1]).toContain("with the same name as its current name");
		await host.ok("rm", "-f", "other");
		await host.ok("rename", "new", "other");
		await host.ok("stop", "-t", "0", "other");
		await host.ok("rename", "other", "again");
		expect(await host.ok("ps", "-a", "--format", "{{.Names}}")).toBe("again");
		await host.ok("rm", "again");
		await host.ok("network", "rm", "street");
	});
});

describe("wait", () => {
	test("prints the exit code of each when it has ended, in the order they are named", async () => {
		await start("slow", "sleep 0.4; exit 3");
		await start("gone", "sleep 2; exit 4", "--rm"); // long enough to be waited for on a machine that has much to do
		expect(await host.nc("wait", "gone", "slow")).toMatchObject({ code: 0, stdout: "4\n3\n" });
		expect(await host.ok("wait", "slow")).toBe("3");
		expect(await host.nc("wait", "nosuch", "slow")).toMatchObject({
			code: 1,
			stdout: "3\n",
			stderr: "Error response from daemon: No such container: nosuch\n",
		});
		await start("killed", "sleep 1000");
		const waiting = host.nc("wait", "killed");
		await host.ok("kill", "killed");
		expect((await waiting).stdout).toBe("137\n");
		await host.ok("rm", "slow", "killed");
	});
	test("of one whose monitor was killed", async () => {
		await start("orphan", "sleep 0.5; exit 5");
		const id = await host.ok("inspect", "-f", "{{.Id}}", "orphan");
		const monitor = Bun.spawnSync(["pgrep", "-f", `^nanocontainer-monitor ${id}`]).stdout.toString();
		process.kill(Number(monitor), "SIGKILL");
		const waited = await host.ok("wait", "orphan");
		expect(waited).toBe("255"); // nobody saw how it ended
		await host.ok("rm", "orphan");
	});
});

describe("top", () => {
	test("docker's columns, and those that are asked for", async () => {
		await start("busy", "sleep 1000 & exec sleep 2000", "-u", "12345");
		const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", "busy");
		const [head = "", first = "", second = "", ...more] = (await host.ok("top", "busy")).split("\n");
		expect(head).toBe(
			`${["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME"].map((title) => title.padEnd(20)).join("")}CMD`,
		);
		expect(first.split(/\s+/)).toEqual([
			"12345",
			pid,
			expect.any(String),
			expect.stringMatching(/^\d+$/),
			expect.stringMatching(/^\d\d:\d\d$/),
			"?",
			"00:00:00",
			"sleep",
			"2000",
		]);
		expect(second).toContain("sleep 1000");
		expect(more).toEqual([]);
		expect((await host.ok("top", "busy", "-o", "pid,comm,args,nlwp,user=WHO")).split("\n")[1]?.split(/\s{3,}/)).toEqual(
			[pid, "sleep", "sleep 2000", "1", "12345"],
		);
		expect((await host.ok("top", "busy", "aux")).split("\n")[0]?.split(/\s+/).join(" ")).toBe(
			"USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
		);
		expect(await host.ok("top", "busy", "-eo", "stat")).toBe("STAT\nSs\nS");
		expect((await fails("top", "busy", "-o", "nosuch"))[1]).toContain('ps: unknown column "nosuch"');
		expect((await fails("top", "busy", "-Z"))[1]).toContain("ps option -Z is not supported");
		await host.ok("stop", "-t", "0", "busy");
		expect((await fails("top", "busy"))[1]).toMatch(/container [0-9a-f]{64} is not running/);
		await host.ok("rm", "busy");
	});
	test("the same as ps(1) of the host", async () => {
		await start("same", "sleep 1000", "--init");
		const columns =
			"pid,ppid,pgid,sid,comm,uid,gid,nlwp,ni,pri,vsz,tty,stat,etime,time,lstart,stime,user,group,rss,args";
		const rows = (text: string) => text.split("\n").map((line) => line.trim().split(/\s+/).join(" "));
		const pids = (await host.ok("top", "same", "-o", "pid")).split("\n").slice(1);
		const ours = rows(await host.ok("top", "same", "-o", columns));
		const theirs = rows(
			Bun.spawnSync(["ps", "-o", columns, "-p", pids.join(",")])
				.stdout.toString()
				.trimEnd(),
		);
		expect(ours).toEqual(theirs);
		await host.ok("rm", "-f", "same");
	});
});

test("diff tells what was added, changed and deleted", async () => {
	await host.ok("build", "-q", "-t", "made", "-", {
		stdin: `FROM ${IMAGE}\nRUN mkdir -p /a/b /d/e /gone && touch /a/b/f /a/g /d/e/f /gone/x`,
	});
	await host.ok(
		"create",
		"--name",
		"changes",
		"-v",
		"/vol",
		"--network",
		"none",
		"made",
		"sh",
		"-c",
		"echo x > /a/b/f; rm /a/g; mkdir /n; touch /n/f; rm -r /gone; rm -r /d; mkdir /d; touch /d/new; touch /vol/x; chmod 600 /etc/passwd; ln -s x /link",
	);
	expect(await host.ok("diff", "changes")).toBe("");
	await host.ok("start", "-a", "changes");
	expect((await host.ok("diff", "changes")).split("\n")).toEqual([
		"C /a",
		"C /a/b",
		"C /a/b/f",
		"D /a/g",
		"C /d",
		"D /d/e",
		"A /d/new",
		"C /etc",
		"C /etc/passwd",
		"D /gone",
		"A /link",
		"A /n",
		"A /n/f",
		"A /vol",
	]);
	expect((await fails("diff", "nosuch"))[1]).toBe("Error response from daemon: No such container: nosuch");
	await host.ok("rm", "-v", "changes");
	expect(await settled(() => host.leftovers())).toEqual([]);
});

test("annotations are kept, and shown", async () => {
	await host.ok("create", "--name", "noted", "--annotation", "a.b=c=d", "--annotation", "e", IMAGE, "true");
	expect(await host.ok("inspect", "-f", "{{json .HostConfig.Annotations}}", "noted")).toBe('{"a.b":"c=d","e":""}');
	expect((await fails("create", "--annotation", "=x", IMAGE, "true"))[0]).toBe(125);
	await host.ok("rm", "noted");
});
