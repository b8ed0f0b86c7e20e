/** Whose namespaces a container has: --pid, --ipc, --uts, --userns. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const none = ["--network", "none"];
const own = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`);
const seen = async (kind: string, ...flags: string[]) =>
	(await host.sh(`readlink /proc/self/ns/${kind}`, ...flags)).stdout.trim();
const refused = async (...flags: string[]) => {
	const { code, stderr } = await host.sh("true", ...flags);
	return [code, stderr.split("\n")[0]];
};

beforeAll(async () => {
	await host.ok(
		"run",
		"-d",
		"--name",
		"base",
		...none,
		"--ipc",
		"shareable",
		"--shm-size",
		"1m",
		IMAGE,
		"sleep",
		"1000",
	);
});

describe("--pid", () => {
	test("host: sees this host's processes, and its end ends all of its own", async () => {
		expect(await seen("pid", "--pid", "host")).toBe(own("pid"));
		expect(
			(await host.sh(`test -d /proc/${process.pid} && cat /proc/${process.pid}/comm`, "--pid", "host")).stdout,
		).not.toBe("");
		const id = await host.ok(
			"run",
			"-d",
			"--pid",
			"host",
			...none,
			IMAGE,
			"sh",
			"-c",
			"sleep 4711 & sleep 4712 & wait",
		);
		const left = () =>
			readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).startsWith("sleep\x00471"));
		await until(() => left().length === 2, "its processes");
		expect((await host.ok("top", id, "-o", "comm")).split("\n").sort()).toEqual(["COMMAND", "sh", "sleep", "sleep"]);
		expect(await host.ok("inspect", "-f", "{{.HostConfig.PidMode}}", id)).toBe("host");
		expect((await host.nc("exec", id, "readlink", "/proc/self/ns/pid")).stdout.trim()).toBe(own("pid"));
		process.kill(Number(await host.ok("inspect", "-f", "{{.State.Pid}}", id)), "SIGKILL");
		await until(async () => (await host.ok("inspect", "-f", "{{.State.Status}}", id)) === "exited", "the end");
		expect(left()).toEqual([]);
		await host.ok("rm", id);
	});
	test("container: the processes of both, in one namespace", async () => {
		const { stdout } = await host.sh(
			"readlink /proc/1/ns/pid; readlink /proc/self/ns/pid; tr '\\0' ' ' < /proc/1/cmdline",
			"--pid",
			"container:base",
		);
		const [first, second, command] = stdout.split("\n");
		expect([first, command]).toEqual([second, "sleep 1000 "]);
		expect(first).not.toBe(own("pid"));
		expect(await refused("--pid", "container:nosuch")).toEqual([
			125,
			"docker: Error response from daemon: No such container: nosuch",
		]);
		await host.ok("create", "--name", "idle", IMAGE, "true");
		expect((await refused("--pid", "container:idle"))[1]).toMatch(
			/cannot join PID of a non running container: [0-9a-f]{64}$/,
		);
		await host.ok("rm", "idle");
	});
});

describe("--ipc", () => {
	test("shareable and container: one queue, one shared memory, of the size that was asked; gone with the last", async () => {
		await host.ok("exec", "base", "sh", "-c", "echo here > /dev/shm/x; touch /dev/mqueue/q");
		const { stdout } = await host.sh(
			"cat /dev/shm/x; ls /dev/mqueue; df -k /dev/shm | tail -1; readlink /proc/self/ns/ipc; echo back > /dev/shm/y",
			"--ipc",
			"container:base",
		);
		expect(stdout).toMatch(/^here\nq\nshm +1024 .*\nipc:\[\d+\]\n$/);
		expect(await host.ok("exec", "base", "cat", "/dev/shm/y")).toBe("back");
		expect((await host.sh("ls /dev/shm; ls /dev/mqueue")).stdout).toBe("");
	});
	test("host, none and private", async () => {
		expect(await seen("ipc", "--ipc", "host")).toBe(own("ipc"));
		expect(await seen("ipc", "--ipc", "private")).not.toBe(own("ipc"));
		expect((await host.sh("grep -c ' /dev/shm ' /proc/mounts; ls -d /dev/shm", "--ipc", "none")).stdout).toBe("0\n");
		await host.ok("run", "-d", "--name", "alone", ...none, IMAGE, "sleep", "1000");
		expect((await refused("--ipc", "container:alone"))[1]).toContain(
			"non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
		);
		await host.ok("rm", "-f", "alone");
	});
	test("nothing stays mounted of one that is killed", async () => {
		const id = await host.ok("run", "-d", ...none, "--ipc", "shareable", IMAGE, "sleep", "1000");
		for (const pid of readdirSync("/proc").filter((one) => commandOf(one).startsWith(`nanocontainer-monitor\0${id}`)))
			process.kill(Number(pid), "SIGKILL");
		process.kill(Number(await host.ok("inspect", "-f", "{{.State.Pid}}", id)), "SIGKILL");
		await until(async () => (await host.ok("inspect", "-f", "{{.State.Status}}", id)) === "exited", "the end");
		await host.ok("rm", id);
	});
});

test("--uts host and --userns host", async () => {
	expect((await host.sh("hostname; readlink /proc/self/ns/uts", "--uts", "host")).stdout).toBe(
		`${hostname()}\n${own("uts")}\n`,
	);
	expect(await seen("user", "--userns", "host")).toBe(own("user"));
});

test.each([
	[["--pid", "shared"], "invalid PID mode"],
	[["--ipc", "open"], "invalid IPC mode"],
	[["--uts", "private"], "invalid UTS mode"],
	[["--userns", "keep-id"], "invalid USER mode"],
	[["--uts", "host", "--hostname", "x"], "conflicting options: hostname and the UTS mode"],
	[["--ipc", "host", "--sysctl", "kernel.shmmax=1"], 'sysctl "kernel.shmmax" not allowed in host ipc namespace'],
	[
		["--ipc", "container:base", "--sysctl", "fs.mqueue.msg_max=9"],
		'sysctl "fs.mqueue.msg_max" not allowed in another container\'s ipc namespace',
	],
])("%p is refused", async (flags, error) => {
	const [code, said] = await refused(...flags);
	expect([code, said]).toEqual([125, expect.stringContaining(error)]);
});

describe("debug", () => {
	test("tools in the namespaces of a container that has none: its processes, its network, its files", async () => {
		await host.ok("build", "-q", "-t", "bare", "-", {
			stdin: `FROM ${IMAGE} AS tools\nRUN echo 'int main(){}' > /x\nFROM scratch\nCOPY --from=tools /bin/busybox /busybox\nCOPY --from=tools /x /content`,
		});
		await host.ok("run", "-d", "--name", "bare", "bare", "/busybox", "sleep", "1000");
		expect((await host.nc("exec", "bare", "sh")).code).toBe(127);
		const script =
			"tr '\\0' ' ' < /proc/1/cmdline; echo; cat $DEBUG_ROOT/content; ip -4 addr show eth0 | grep -c 172.17; exit 9";
		expect(await host.nc("debug", "bare", "sh", "-c", script)).toEqual({
			code: 9,
			stdout: "/busybox sleep 1000 \nint main(){}\n1\n",
			stderr: "",
		});
		expect((await host.nc("debug", "--image", "bare", "bare", "/busybox", "echo", "other")).stdout).toBe("other\n");
		expect((await host.nc("debug", "bare", { stdin: "echo $((6 * 7))\n" })).stdout).toBe("42\n");
		expect(await host.ok("ps", "-aq", "-f", "name=bare")).not.toContain("\n");
		await host.ok("stop", "-t", "0", "bare");
		expect((await host.nc("debug", "bare")).stderr).toMatch(/container [0-9a-f]{64} is not running/);
		await host.ok("rm", "bare");
	});
});

test("and nothing is left", async () => {
	await host.ok("rm", "-f", "base");
	expect(await settled(() => host.leftovers())).toEqual([]);
});

function commandOf(pid: string): string {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8");
	} catch {
		return "";
	}
}
