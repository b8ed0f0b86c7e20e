/** The monitor that the start-up begins before Bun is loaded (native/start/ahead.c): used, not needed, lost, in the way. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { monitorOperation } from "../../src/runtime/launch.ts";
import { MonitorClient } from "../../src/runtime/monitor.ts";
import { newMonitor } from "../../src/runtime/monitor-process.ts";
import { encodePlan } from "../../src/runtime/plan-encode.ts";
import { memfd } from "../../src/sys/process.ts";
import { BINARY, Host, IMAGE, readText, until } from "../fixture.ts";

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

test("a command that is killed between the plan and its streams leaves neither monitor nor init", async () => {
	const id = `lost-${process.pid}`;
	const options = { id, liveDir: "", log: "", exit: "", reaper: [], terminal: false, stdin: false, stdinOnce: false };
	const header = { cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: -1 };
	using plan = memfd("plan", encodePlan(header, [monitorOperation({ ...options, quietMs: 0 })]).bytes, false);
	{
		using client = new MonitorClient(newMonitor());
		expect(client.awaitReady()).toBe(true);
		expect(client.plan([plan.number])).toBe(true);
	}
	await until(() => !readdirSync("/proc").some((pid) => commandOf(pid).includes(id)), "their end");
});

test("neither a caller's idea of signals nor a reader that goes away keeps a container from being tidied up", async () => {
	const ignoring = `trap '' CHLD PIPE; exec "$@"`;
	const words = host.command(...RUN, IMAGE, "sh", "-c", "echo in; exit 7");
	const shell = Bun.spawnSync(["timeout", "20", "sh", "-c", ignoring, "sh", ...words]);
	expect([shell.stdout.toString(), shell.exitCode]).toEqual(["in\n", 7]);

	const script = '"$@" | head -n 1';
	const lines = host.command(...RUN, IMAGE, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo x; done; sleep .1");
	expect(Bun.spawnSync(["sh", "-c", script, "sh", ...lines]).stdout.toString()).toBe("x\n");
	await until(() => readdirSync(`${host.root}/containers`).length === 0, "the reaper, without a next command");

	// A command that fails waits for its own monitor, not for what else is its child.
	const busy = `trap '' CHLD; sleep 30 >/dev/null 2>&1 & echo $!; exec "$@"`;
	const failing = ["timeout", "10", "sh", "-c", busy, "sh", ...host.command("exec", "nosuch", "true")];
	const failed = Bun.spawnSync(failing, { stdout: "pipe", stderr: "pipe" });
	process.kill(Number.parseInt(failed.stdout.toString(), 10));
	expect([failed.stderr.toString(), failed.exitCode]).toEqual([
		"Error response from daemon: No such container: nosuch\n",
		1,
	]);
});

test("who collects no orphans has none of commands that failed", () => {
	const nc = host.command().join(" ");
	const commands = ["run --bogus", "exec nosuch true", "logs start", "rm exec"].map(
		(words) => `${nc} ${words} 2>/dev/null`,
	);
	const script = `${commands.join("; ")}; grep -l 'State:.Z' /proc/[0-9]*/status | wc -l`;
	const alone = ["unshare", "--pid", "--fork", "--mount-proc", "timeout", "30", "sh", "-c", script];
	expect(Bun.spawnSync(alone).stdout.toString()).toBe("0\n");
});

/** Minor page faults of a command, its children's included (proc_pid_stat(5), cminflt). */
function faultsOf(environment: Readonly<Record<string, string>>, ...words: string[]): number {
	const script = '"$@" >/dev/null; read -r stat </proc/$$/stat; echo "$stat"';
	const { stdout } = Bun.spawnSync(["sh", "-c", script, "sh", BINARY, ...words], {
		env: { ...process.env, ...environment },
	});
	return Number(stdout.toString().replace(/.*\) /, "").split(" ")[8]);
}

test("short commands have a heap of large pages where the kernel has such; what needs much has not; who says otherwise is heard", () => {
	const large = { MIMALLOC_ALLOW_THP: "1" };
	const policy = readText("/sys/kernel/mm/transparent_hugepage/enabled");
	const few = faultsOf({}, "--version");
	expect(few).toBeGreaterThan(100);
	if (policy.includes("[madvise]")) {
		expect(faultsOf({ MIMALLOC_ALLOW_THP: "0" }, "--version") - few).toBeGreaterThan(200);
		expect(faultsOf({}, "build", "--help") - faultsOf(large, "build", "--help")).toBeGreaterThan(200);
	} else expect(Math.abs(faultsOf(large, "--version") - few)).toBeLessThan(100);
});
