/** The monitor that the start-up begins before Bun is loaded (native/start/ahead.c): used, not needed, lost, in the way. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { Host, IMAGE, readText, until } from "../fixture.ts";

const host = new Host();
const RUN = ["run", "--rm", "--network", "none"];

beforeAll(async () => {
	await host.ok(...RUN, IMAGE, "true");
});
afterAll(() => host.close());

const parentOf = (pid: string): string => /^PPid:\t(\d+)$/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? "";
const childrenOf = (pid: number): string[] =>
	readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === String(pid));
const commandOf = (pid: string): string => readText(`/proc/${pid}/cmdline`);

/** A command that waits for its environment before it starts the container. */
async function waiting(name: string) {
	const fifo = `${host.dir}/${name}`;
	Bun.spawnSync(["mkfifo", fifo]);
	const command = Bun.spawn(host.command(...RUN, "--env-file", fifo, IMAGE, "sh", "-c", "echo $WORD"), {
		stdout: "pipe",
		stderr: "pipe",
	});
	await until(() => childrenOf(command.pid).some((pid) => commandOf(pid).startsWith("nanocontainer-monitor")), name);
	const [monitor = ""] = childrenOf(command.pid);
	return { command, monitor, go: () => Bun.spawnSync(["sh", "-c", `echo WORD=heard > ${fifo}`]) };
}

test("it waits with a name of its own, and becomes the container's", async () => {
	const { command, monitor, go } = await waiting("used");
	expect(commandOf(monitor)).toBe(`nanocontainer-monitor\0${"-".repeat(64)}\0`);
	expect(readdirSync(`/proc/${monitor}/fd`).toSorted()).toEqual(["0", "1", "2", "3"]);
	go();
	expect(await new Response(command.stdout).text()).toBe("heard\n");
	expect(await command.exited).toBe(0);

	const id = await host.ok("run", "-d", "--network", "none", IMAGE, "sleep", "1000");
	const [found = ""] = readdirSync("/proc").filter((pid) => commandOf(pid).includes(id));
	expect(commandOf(found)).toBe(`nanocontainer-monitor\0${id}\0`);
	expect(readText(`/proc/${found}/comm`)).toBe("nanocontainer-m\n");
	await host.ok("rm", "-f", id);
});

test("begun in vain, it ends with the command", async () => {
	const { command, monitor } = await waiting("in-vain");
	command.kill("SIGKILL");
	await command.exited;
	await until(() => !commandOf(monitor).startsWith("nanocontainer-monitor"), "its end");
});

test("lost, another is begun", async () => {
	const { command, monitor, go } = await waiting("lost");
	process.kill(Number(monitor), "SIGKILL");
	await until(() => commandOf(monitor) === "", "its death");
	go();
	expect(await new Response(command.stdout).text()).toBe("heard\n");
	expect(await command.exited).toBe(0);
});

test("a descriptor of the caller's is left alone, and a variable of the caller's is not believed", async () => {
	for (const taken of ["3</dev/null", "4</dev/null", "3</dev/null 4</dev/null"]) {
		const script = `exec ${taken}; "$@"`;
		const words = host.command(...RUN, IMAGE, "ls", "/proc/self/fd");
		const shell = Bun.spawnSync(["sh", "-c", script, "sh", ...words], {
			env: { ...process.env, NANOCONTAINER_MONITOR: "3" },
		});
		expect(shell.stdout.toString()).toBe("0\n1\n2\n3\n"); // ls has the directory open
		expect(shell.exitCode).toBe(0);
	}
});

test("commands that start no container begin none", async () => {
	const id = await host.ok("run", "-d", "--network", "none", IMAGE, "sh", "-c", "echo up; exec sleep 1000");
	const logs = Bun.spawn(host.command("logs", "-f", id), { stdout: "pipe" });
	for await (const _ of logs.stdout) break;
	expect(childrenOf(logs.pid)).toEqual([]);
	logs.kill();
	await logs.exited;
	await host.ok("rm", "-f", id);
});
