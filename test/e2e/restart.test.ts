/** Containers that are started again: by `restart`, by their policy, after a boot; once, whoever is killed meanwhile. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const start = (name: string, policy: string, script: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, "--network", "none", "--restart", policy, ...flags, IMAGE, "sh", "-c", script);
const told = (name: string, format: string) => host.ok("inspect", "-f", format, name);
const STATE = "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}";
const fails = async (...args: string[]) => {
	const { code, stderr } = await host.nc(...args);
	return [code, stderr.trimEnd()];
};
/** Starts of a container that writes a line each time. */
const lines = (id: string) => {
	const path = `${host.root}/containers/${id}/upper/starts`;
	return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
};
const processesOf = (command: (text: string) => boolean): number[] =>
	readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				return command(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
			} catch {
				return false;
			}
		})
		.map(Number);
const monitorsOf = (id: string) => processesOf((text) => text.startsWith(`nanocontainer-monitor\0${id}`));
const reapersOf = (id: string) => processesOf((text) => text.includes(`internal\0reap\0${id}`));
const kill = (pid: number) => {
	if (pid <= 0) throw new Error(`no process: ${pid}`); // kill(2) would take our own group
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// it has ended
	}
};

/** Of a container that runs, or soon will. */
async function killFirst(name: string): Promise<void> {
	let pid = 0;
	const runs = async () => {
		pid = Number(await told(name, "{{.State.Pid}}"));
		return pid > 0;
	};
	await until(runs, `${name} runs`, 20_000);
	kill(pid);
}

describe("--restart", () => {
	test("on-failure:2 runs three times in all, and not after success", async () => {
		const id = await start("fails", "on-failure:2", "echo >> /starts; exit 7");
		await until(async () => (await told("fails", STATE)) === "exited 7 2", "the end");
		expect(lines(id)).toBe(3);
		await until(() => monitorsOf(id).length === 0, "its monitor has ended");
		expect(await told("fails", "{{json .HostConfig.RestartPolicy}}")).toBe(
			'{"Name":"on-failure","MaximumRetryCount":2}',
		);
		await start("succeeds", "on-failure", "exit 0");
		await until(async () => (await told("succeeds", STATE)) === "exited 0 0", "the end");
		await host.ok("rm", "fails", "succeeds");
	});
	test("always: again and again, later each time, until somebody stops it", async () => {
		const id = await start("again", "always", "echo >> /starts; exit 3");
		await until(() => lines(id) >= 4, "four starts");
		await until(async () => (await told("again", "{{.State.Status}}")) === "restarting", "the wait");
		expect(await host.ok("ps", "--format", "{{.State}} {{.Status}}")).toMatch(/^restarting Restarting \(3\) .* ago$/);
		expect(await told("again", "{{.State.Restarting}} {{.State.Running}}")).toBe("true true");
		expect((await host.nc("exec", "again", "true")).stderr).toContain(
			"is restarting, wait until the container is running",
		);
		expect((await fails("rm", "again"))[1]).toContain(
			"container is restarting: stop the container before removing or force remove",
		);
		await host.ok("stop", "again");
		expect(await told("again", "{{.State.Status}}")).toBe("exited");
		await until(() => monitorsOf(id).length === 0, "its monitor has ended");
		const count = lines(id);
		const restarts = Number(await told("again", "{{.RestartCount}}"));
		await host.ok("start", "again");
		expect(Number(await told("again", "{{.RestartCount}}"))).toBeLessThan(restarts); // it counts anew
		await until(() => lines(id) > count + 1, "a start of its own");
		await host.ok("rm", "-f", "again");
		expect(await settled(async () => [...monitorsOf(id), ...reapersOf(id)].map(String))).toEqual([]);
	});
	test("stop and kill end it, what others do to it does not; it comes back with its address and port", async () => {
		const id = await host.ok(
			"run",
			"-d",
			"--name",
			"server",
			"-p",
			"8080:80",
			"--restart",
			"always",
			IMAGE,
			"sh",
			"-c",
			"echo >> /starts; exec sleep 1000",
		);
		for (const time of ["first", "second"]) {
			const before = lines(id);
			await killFirst("server");
			await until(() => lines(id) > before, `the ${time} start`);
		}
		await until(async () => (await told("server", "{{.State.Status}}")) === "running", "running");
		expect(await told("server", "{{.NetworkSettings.IPAddress}}")).toBe("172.17.0.2");
		expect(await host.ok("port", "server", "80")).toContain("0.0.0.0:8080");
		await host.ok("kill", "server");
		expect(await told("server", STATE)).toBe("exited 137 2");
		await host.ok("start", "server");
		await host.ok("stop", "-t", "0", "server");
		expect(await told("server", "{{.State.Status}}")).toBe("exited");
		await host.ok("rm", "server");
	});
	test("run and wait tell the first end; the logs are of all", async () => {
		const first = await host.nc(
			"run",
			"--name",
			"shown",
			"--network",
			"none",
			"--restart",
			"on-failure:1",
			IMAGE,
			"sh",
			"-c",
			"echo here; exit 4",
		);
		expect(first).toMatchObject({ code: 4, stdout: "here\n" });
		expect(await host.ok("wait", "shown")).toBe("4");
		await until(async () => (await told("shown", STATE)) === "exited 4 1", "the last");
		expect((await host.nc("logs", "shown")).stdout).toBe("here\nhere\n");
		await host.ok("rm", "shown");
	});
	test("update changes it on a container that runs", async () => {
		const id = await host.ok(
			"run",
			"-d",
			"--name",
			"later",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"echo >> /starts; exec sleep 1000",
		);
		await host.ok("update", "--restart", "always", "later");
		await killFirst("later");
		await until(() => lines(id) === 2, "the second start");
		await host.ok("update", "--restart", "no", "later");
		await killFirst("later");
		await until(async () => (await told("later", "{{.State.Status}}")) === "exited", "the end");
		await host.ok("rm", "later");
		await host.ok("run", "-d", "--rm", "--name", "brief", "--network", "none", IMAGE, "sleep", "1000");
		expect((await fails("update", "--restart", "always", "brief"))[1]).toContain(
			"Restart policy cannot be updated because AutoRemove is enabled",
		);
		await host.ok("rm", "-f", "brief");
	});
	test.each([
		[
			["--restart", "sometimes"],
			"invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
		],
		[["--restart", "always:3"], "invalid restart policy: maximum retry count can only be used with 'on-failure'"],
		[["--restart", "on-failure:-1"], "invalid restart policy: maximum retry count cannot be negative"],
		[["--restart", "on-failure:x"], "invalid restart policy format: maximum retry count must be an integer"],
		[["--restart", "always", "--rm"], "conflicting options: cannot specify both --restart and --rm"],
	])("%p is refused", async (flags, error) => {
		const [code, stderr] = await fails("run", ...flags, "--name", "wrong", IMAGE, "true");
		expect([code, stderr]).toEqual([125, expect.stringContaining(error)]);
		expect(await host.ok("ps", "-aq", "-f", "name=wrong")).toBe("");
	});
	test("what cannot start again is told, and not tried for ever", async () => {
		const id = await start("broken", "always", "echo >> /starts; rm -f /bin/sh; exit 1");
		await until(
			async () => (await told("broken", "{{.State.Status}} {{.State.ExitCode}}")) === "exited 127",
			"the end",
		);
		expect(await told("broken", "{{.State.Error}}")).toContain('exec: "sh": executable file not found');
		await until(() => monitorsOf(id).length === 0, "its monitor has ended");
		expect(lines(id)).toBe(1);
		await host.ok("rm", "broken");
	});
});

describe("restart", () => {
	test("of one that runs, one that does not, one that is paused, and one with --rm", async () => {
		const script = "echo >> /starts; trap 'exit 9' TERM; while :; do sleep 0.05; done";
		const id = await host.ok("run", "-d", "--rm", "--name", "one", "--network", "none", IMAGE, "sh", "-c", script);
		const before = await told("one", "{{.State.Pid}}");
		expect(await host.ok("restart", "one")).toBe("one");
		expect(await told("one", STATE)).toBe("running 0 0");
		expect(await told("one", "{{.State.Pid}}")).not.toBe(before);
		expect(await told("one", "{{.State.FinishedAt}}")).toStartWith("20"); // the last time
		await host.ok("pause", "one");
		await host.ok("restart", "-t", "5", "one");
		await until(() => lines(id) === 3, "three starts");
		await host.ok("stop", "one");
		expect(await host.ok("ps", "-aq")).toBe("");
		await host.ok("create", "--name", "two", "--network", "none", IMAGE, "sleep", "1000");
		await host.ok("restart", "-t", "0", "two");
		expect(await told("two", STATE)).toBe("running 0 0");
		await host.ok("restart", "-s", "KILL", "two");
		await host.ok("rm", "-f", "two");
		expect(await fails("restart", "nosuch")).toEqual([1, "Error response from daemon: No such container: nosuch"]);
	});
	test("one that is killed at any moment leaves a container that runs, once", async () => {
		const id = await host.ok("run", "-d", "--rm", "--name", "shaken", "--network", "none", IMAGE, "sleep", "1000");
		for (let i = 0; i < 16; i++) {
			const child = Bun.spawn(host.command("restart", "-t", "0", "shaken"), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(4 + 4 * i);
			child.kill("SIGKILL");
			await child.exited;
			// What runs just now may be the first one still, whose end is on its way.
			await until(async () => (await host.nc("exec", "shaken", "echo", "works")).stdout === "works\n", "it");
			expect(await host.ok("ps", "-a", "--format", "{{.Names}}")).toBe("shaken");
		}
		await host.ok("rm", "-f", "shaken");
		expect(await settled(async () => monitorsOf(id).map(String))).toEqual([]);
	});
});

describe("after a boot", () => {
	/** As a power cut leaves it: no process, no run directory, another boot. */
	const cutPower = async () => {
		const ids = (await host.ok("ps", "-q", "--no-trunc")).split("\n");
		const inits = await Promise.all(ids.map(async (id) => Number(await told(id, "{{.State.Pid}}"))));
		// One after the other, where a power cut takes all at once: who starts again meanwhile is taken too.
		await until(() => {
			const alive = ids.flatMap((id) => [...monitorsOf(id), ...reapersOf(id)]);
			for (const pid of alive) kill(pid);
			return alive.length === 0;
		}, "all to be gone");
		for (const pid of inits) if (pid) kill(pid);
		rmSync(host.run, { recursive: true });
		writeFileSync(`${host.root}/boot`, "another");
	};
	const states = async () => (await host.ok("ps", "-a", "--format", "{{.Names}} {{.State}}")).split("\n").sort();
	test("system boot starts those that are always to run, and those that nobody had stopped", async () => {
		await start("always", "always", "exec sleep 1000");
		await start("always-stopped", "always", "exec sleep 1000");
		await start("unless", "unless-stopped", "exec sleep 1000");
		await start("unless-stopped", "unless-stopped", "exec sleep 1000");
		await start("waits", "always", "exit 1");
		await start("fails", "on-failure", "exec sleep 1000");
		await start("none", "no", "exec sleep 1000");
		await host.ok("create", "--name", "new", "--restart", "always", IMAGE, "true");
		await host.ok("run", "-d", "--rm", "--name", "gone", "--network", "none", IMAGE, "sleep", "1000");
		await host.ok("stop", "-t", "0", "always-stopped", "unless-stopped");
		await until(
			async () => (await told("waits", "{{.State.Status}} {{.RestartCount}}")) === "restarting 2",
			"its wait",
		);
		await cutPower();
		const down = ["always", "always-stopped", "fails", "none", "unless", "unless-stopped", "waits"];
		expect(await states()).toEqual([...down.map((name) => `${name} exited`), "new created"].sort());
		const { code, stdout } = await host.nc("system", "boot");
		expect([code, stdout.trim().split("\n").sort()]).toEqual([0, ["always", "always-stopped", "unless", "waits"]]);
		await until(async () => (await told("waits", "{{.RestartCount}}")) !== "0", "its policy");
		const now = (await states()).filter((line) => !line.startsWith("waits"));
		expect(now).toEqual([
			"always running",
			"always-stopped running",
			"fails exited",
			"new created",
			"none exited",
			"unless running",
			"unless-stopped exited",
		]);
		expect(await host.nc("system", "boot")).toMatchObject({ code: 0, stdout: "" });
		for (const id of (await host.ok("ps", "-aq")).split("\n")) await host.ok("rm", "-f", id);
	});
	test("who cannot be started is told, and the others run", async () => {
		await start("first", "always", "exec sleep 1000", "-v", `${host.dir}/gone:/x`);
		await start("second", "always", "exec sleep 1000");
		await host.ok("update", "--mount-add", `type=bind,src=${host.dir}/gone,dst=/y`, "first");
		await cutPower();
		rmSync(`${host.dir}/gone`, { recursive: true });
		writeFileSync(`${host.dir}/gone`, "");
		const { code, stdout, stderr } = await host.nc("system", "boot");
		expect([code, stdout, stderr.includes("container first cannot be started: ")]).toEqual([1, "second\n", true]);
		await host.ok("rm", "-f", "first", "second");
	});
});

/** NC_CRASH_ROUNDS=100 for the long version. */
const ROUNDS = Number(process.env["NC_CRASH_ROUNDS"] ?? 30);
test("whose process, monitor or reaper is killed at any moment runs again, once", async () => {
	const id = await start("hardy", "always", "echo >> /starts; exec sleep 4242");
	for (let round = 0; round < ROUNDS; round++) {
		const victims = round % 3;
		if (round % 4 === 3) await host.ok("restart", "-t", "0", "hardy"); // else the wait would grow to a minute
		if (victims !== 1) await killFirst("hardy");
		await Bun.sleep(Math.random() * 250);
		if (victims !== 0) for (const pid of monitorsOf(id)) kill(pid);
		if (victims === 2) for (const pid of reapersOf(id)) kill(pid);
		await until(async () => (await told("hardy", "{{.State.Status}}")) === "running", `round ${round}`, 20_000);
		const sleepers = () => processesOf((text) => text === "sleep\x004242\0").length;
		await until(async () => sleepers() > 0, `the shell became its sleep, round ${round}`, 20_000);
		expect(sleepers()).toBe(1);
		expect(monitorsOf(id).length).toBeLessThanOrEqual(1);
	}
	await host.ok("rm", "-f", "hardy");
	expect(await settled(async () => [...monitorsOf(id), ...reapersOf(id)].map(String))).toEqual([]);
	expect(await settled(() => host.leftovers())).toEqual([]);
}, 300_000);
