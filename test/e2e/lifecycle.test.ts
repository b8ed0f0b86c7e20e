import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Host, IMAGE, until } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());

const detached = (name: string, script: string, ...flags: string[]) =>
	host.ok("run", "-d", "--network", "none", "--name", name, ...flags, IMAGE, "sh", "-c", script);
const statusOf = (name: string) => host.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

describe("create, start, stop, kill, rm", () => {
	test("run -d prints the full ID, ps shows the container as docker does", async () => {
		const id = await detached("web", "sleep 1000");
		expect(id).toMatch(/^[0-9a-f]{64}$/);
		const [header, row] = (await host.ok("ps")).split("\n");
		expect(header).toMatch(/^CONTAINER ID {3}IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
		expect(row).toMatch(
			new RegExp(
				`^${id.slice(0, 12)} {3}${IMAGE} {3}"sh -c 'sleep 1000'"|^${id.slice(0, 12)} {3}${IMAGE} {3}"sh -c sleep 1000"`,
			),
		);
		expect(row).toContain("Up ");
		expect(row).toEndWith("web");
	});
	test("a name is taken once", async () => {
		const { code, stderr } = await host.nc("run", "-d", "--name", "web", IMAGE);
		expect(code).toBe(125);
		expect(stderr).toMatch(
			/Conflict. The container name "\/web" is already in use by container "[0-9a-f]{64}". You have to remove \(or rename\)/,
		);
	});
	test("a container is found by name, ID and unique prefix", async () => {
		const id = await host.ok("inspect", "-f", "{{.Id}}", "web");
		for (const name of [id, id.slice(0, 12), id.slice(0, 4), "/web"]) {
			expect(await host.ok("inspect", "-f", "{{.Name}}", name)).toBe("/web");
		}
	});
	test("rm refuses a running container, rm -f removes it", async () => {
		const { code, stderr } = await host.nc("rm", "web");
		expect(code).toBe(1);
		expect(stderr).toContain(
			'cannot remove container "/web": container is running: stop the container before removing or force remove',
		);
		expect(await host.ok("rm", "-f", "web")).toBe("web");
		expect(existsSync(`${host.root}/containers`) && (await host.ok("ps", "-aq"))).toBe("");
	});
	test("rm -f of what is not there exits 0, rm exits 1", async () => {
		const forced = await host.nc("rm", "-f", "nosuch");
		expect([forced.code, forced.stderr]).toEqual([0, "Error response from daemon: No such container: nosuch\n"]);
		expect((await host.nc("rm", "nosuch")).code).toBe(1);
	});
	test("stop sends the stop signal and waits; the process's own code is kept", async () => {
		await detached("polite", "trap 'exit 7' TERM; while :; do sleep 0.05; done");
		expect(await host.ok("stop", "polite")).toBe("polite");
		expect(await statusOf("polite")).toBe("exited 7");
		expect(await host.ok("stop", "polite")).toBe("polite"); // again: fine
	});
	test("stop -t kills when the time is over", async () => {
		await detached("deaf", "sleep 1000");
		const started = performance.now();
		await host.ok("stop", "-t", "1", "deaf");
		expect(performance.now() - started).toBeWithin(950, 4000);
		expect(await statusOf("deaf")).toBe("exited 137");
	});
	test("--stop-signal is what stop sends", async () => {
		// WINCH is what web servers' images ask for.
		for (const signal of ["WINCH", "USR1"]) {
			await host.nc("rm", "quit");
			await detached("quit", `trap 'exit 9' ${signal}; while :; do sleep 0.05; done`, "--stop-signal", signal);
			await host.ok("stop", "quit");
			expect(await statusOf("quit")).toBe("exited 9");
		}
	});
	test("start starts again, with the file system as it was", async () => {
		await detached("again", "cat /count 2>/dev/null; echo x >> /count; exit 3");
		await until(async () => (await statusOf("again")) === "exited 3", "the first end");
		expect(await host.ok("start", "again")).toBe("again");
		await until(async () => (await host.ok("logs", "again")) === "x", "the second output");
		const attached = await host.nc("start", "-a", "again");
		expect([attached.code, attached.stdout]).toEqual([3, "x\nx\n"]);
	});
	test("a name that is too long for a file is a name", async () => {
		const name = "n".repeat(300);
		const { code, stdout } = await host.nc(
			"run",
			"--rm",
			"--network",
			"none",
			"--name",
			name,
			IMAGE,
			"sh",
			"-c",
			"exit 7",
		);
		expect([code, stdout]).toEqual([7, ""]);
		await detached(name, "sleep 1000");
		expect(await host.ok("exec", name, "echo", "in")).toBe("in");
		expect(await host.ok("rm", "-f", name)).toBe(name);
		expect(await host.ok("ps", "-aq", "--filter", `name=${name}`)).toBe("");
	});
	test("kill of a stopped container is an error, kill sends any signal", async () => {
		const stopped = await host.nc("kill", "again");
		expect(stopped.code).toBe(1);
		expect(stopped.stderr).toMatch(/cannot kill container: again: container [0-9a-f]{64} is not running/);
		await detached("trap", "trap 'echo got' USR1; while :; do sleep 0.05; done");
		await until(async () => {
			await host.ok("kill", "-s", "SIGUSR1", "trap");
			return (await host.ok("logs", "trap")).includes("got");
		}, "the signal");
		await host.ok("kill", "trap");
		expect(await statusOf("trap")).toBe("exited 137");
		expect((await host.nc("kill", "-s", "NOSUCH", "trap")).stderr).toContain("Invalid signal: NOSUCH");
	});
	test("several names: successes on stdout, errors on stderr, exit 1", async () => {
		const { code, stdout, stderr } = await host.nc("rm", "polite", "nosuch", "quit");
		expect([code, stdout, stderr]).toEqual([
			1,
			"polite\nquit\n",
			"Error response from daemon: No such container: nosuch\n",
		]);
	});
	test("a container that cannot start stays as created, with its error; with --rm it goes", async () => {
		await host.nc("run", "--network", "none", "--name", "bad", IMAGE, "nosuch");
		expect(await host.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "bad")).toBe("created 127");
		expect(await host.ok("inspect", "-f", "{{.State.Error}}", "bad")).toContain("executable file not found");
		await host.nc("run", "--rm", "--network", "none", "--name", "bad2", IMAGE, "nosuch");
		expect((await host.nc("inspect", "bad2")).code).toBe(1);
	});
	test("create prints the ID and runs nothing; --explain shows what would be", async () => {
		const { stdout, stderr } = await host.nc("create", "--name", "made", "--explain", IMAGE, "true");
		expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
		expect(stderr).toContain("pivot_root");
		expect(await statusOf("made")).toBe("created 0");
	});
});

describe("ps and inspect", () => {
	test("ps shows running ones, -a all, -n and -l the last, -q IDs", async () => {
		const id = await detached("up", "sleep 1000", "-l", "tier=db", "-l", "x");
		expect(await host.ok("ps", "--format", "{{.Names}}")).toBe("up");
		expect(await host.ok("ps", "-q")).toBe(id.slice(0, 12));
		expect(await host.ok("ps", "-q", "--no-trunc")).toBe(id);
		expect(await host.ok("ps", "-l", "--format", "{{.Names}} {{.State}}")).toBe("up running");
		expect((await host.ok("ps", "-n", "2", "-q")).split("\n").length).toBe(2);
	});
	test("ps filters: values of a key are or, keys are and, labels are and", async () => {
		const names = (...filters: string[]) =>
			host.ok("ps", "-a", "--format", "{{.Names}}", ...filters.flatMap((filter) => ["-f", filter]));
		expect(await names("name=^up$")).toBe("up");
		expect(await names("label=tier=db", "label=x")).toBe("up");
		expect(await names("label=tier=web")).toBe("");
		expect((await names("status=created")).split("\n").sort()).toEqual(["bad", "made"]);
		expect((await names("exited=137")).split("\n").sort()).toEqual(["deaf", "trap"]);
		expect((await names(`ancestor=${IMAGE}`)).split("\n").length).toBeGreaterThan(3);
		expect((await host.nc("ps", "-f", "bogus=1")).stderr).toContain("invalid filter 'bogus'");
		expect((await host.nc("ps", "-f", "x")).code).toBe(125);
	});
	test("ps --format table, json and labels", async () => {
		expect(await host.ok("ps", "--format", "table {{.Names}}\\t{{.State}}")).toBe("NAMES     STATE\nup        running");
		const row = JSON.parse(await host.ok("ps", "--format", "json"));
		expect(row.Names).toBe("up");
		expect(row.Labels).toContain("tier=db");
		expect(await host.ok("ps", "--format", '{{.Label "tier"}}')).toBe("db");
	});
	test("inspect prints an array, [] and an error for what is not there", async () => {
		const { code, stdout, stderr } = await host.nc("inspect", "up", "nosuch");
		expect([code, stderr]).toEqual([1, "Error: No such object: nosuch\n"]);
		const [object] = JSON.parse(stdout);
		expect(object.State.Running).toBe(true);
		expect(object.Config.Labels).toEqual({ tier: "db", x: "" });
		expect(object.HostConfig.NetworkMode).toBe("none");
		expect(await host.ok("inspect", "--type", "image", "-f", "{{index .RepoTags 0}}", IMAGE)).toBe(`${IMAGE}:latest`);
		expect((await host.nc("inspect", "-f", "{{.Nosuch}}", "up")).stderr).toContain('map has no entry for key "Nosuch"');
	});
	test("each command answers under its noun, and --help in docker's form", async () => {
		expect(await host.ok("container", "ls", "-q")).toBe(await host.ok("ps", "-q"));
		expect(await host.ok("image", "ls", "-q")).toBe(await host.ok("images", "-q"));
		expect(await host.ok("run", "--help")).toStartWith(
			"Usage:  NanoContainer run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nCreate and run a new container from an image",
		);
		for (const alias of ["ls", "list", "ps"]) {
			expect(await host.ok("container", alias, "--help")).toStartWith("Usage:  NanoContainer container ls [OPTIONS]");
		}
		expect((await host.nc("container")).stderr).toStartWith("Usage:  NanoContainer container COMMAND");
		expect(await host.ok("info")).toContain("Storage Driver: overlay2");
		expect(await host.ok("version", "--format", "{{.Server.Os}}")).toBe("linux");
	});
});
