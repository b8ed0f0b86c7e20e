/** Streams that end, break, or belong to somebody else. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { Host, IMAGE, loopbackUp, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const NET = ["--network", "none"];

describe("output", () => {
	test("to a full disk is an error that says so", async () => {
		const small = `${host.dir}/small`;
		mkdirSync(small);
		expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "small", small]).success).toBe(true);
		try {
			const command = host.command("run", "--rm", ...NET, IMAGE, "head", "-c", "5000000", "/dev/zero");
			const child = Bun.spawn(["sh", "-c", `"$@" > ${small}/out`, "sh", ...command], { stderr: "pipe" });
			expect(await child.exited).toBe(1);
			expect(await new Response(child.stderr).text()).toBe("write /dev/stdout: no space left on device\n");
		} finally {
			Bun.spawnSync(["umount", small]);
		}
	});
	test("to a pipe that nobody reads ends the command as a broken pipe does", async () => {
		const command = host.command("run", "--rm", ...NET, IMAGE, "yes");
		const script = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`;
		const child = Bun.spawn(["bash", "-c", script, "bash", ...command], { stdout: "pipe" });
		expect(await new Response(child.stdout).text()).toBe("y\n141\n");
		for (const id of (await host.ok("ps", "-aq")).split("\n").filter(Boolean)) await host.nc("rm", "-f", id);
	});
	test("a socket of the caller's is left as it was: blocking", async () => {
		const program = `
import os, socket, subprocess, sys
a, b = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdout=b)
child.wait()
print(os.get_blocking(b.fileno()))`;
		const command = host.command("run", "--rm", ...NET, IMAGE, "echo", "x");
		const child = Bun.spawn(["python3", "-c", program, ...command], { stdout: "pipe" });
		expect(await new Response(child.stdout).text()).toBe("True\n");
	});
	test("logs -f has the last line, newline or not", async () => {
		for (let round = 0; round < 8; round++) {
			await host.ok("run", "-d", "--name", "last", ...NET, IMAGE, "sh", "-c", "echo first; sleep 0.2; printf LAST");
			expect((await host.nc("logs", "-f", "last")).stdout).toBe("first\nLAST");
			await host.ok("rm", "last");
		}
	});
	test("a container that has ended is not called running because its reader is slow", async () => {
		const command = host.command("run", "--name", "slow", ...NET, IMAGE, "head", "-c", "1500000", "/dev/zero");
		const child = Bun.spawn(command, { stdout: "pipe" });
		await until(
			async () => (await host.nc("inspect", "-f", "{{.State.Status}}", "slow")).stdout === "exited\n",
			"the end to be told",
		);
		await host.ok("start", "slow");
		expect(await new Response(child.stdout).bytes()).toHaveLength(1500000);
		await child.exited;
		await host.ok("rm", "-f", "slow");
	});
});

describe("signals", () => {
	test("with a terminal and no stdin, the command passes signals on", async () => {
		const script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
		const child = Bun.spawn(host.command("run", "--rm", "-t", ...NET, IMAGE, "sh", "-c", script), { stdout: "pipe" });
		const reader = child.stdout.getReader();
		await reader.read();
		child.kill("SIGTERM");
		expect(await child.exited).toBe(5);
	});
	test("the third interrupt that nobody minds ends the command, not the container", async () => {
		const child = Bun.spawn(
			// Not through a shell, which would mind them until it is gone.
			host.command("run", "--name", "deaf", ...NET, IMAGE, "sleep", "1000"),
			{
				stdout: "pipe",
				stderr: "pipe",
			},
		);
		const running = async () => (await host.nc("inspect", "-f", "{{.State.Status}}", "deaf")).stdout === "running\n";
		await until(running, "the container");
		for (let i = 0; i < 3; i++) {
			child.kill("SIGINT");
			await Bun.sleep(50);
		}
		expect(await child.exited).toBe(1);
		expect(await new Response(child.stderr).text()).toContain("got 3 SIGTERM/SIGINTs, forcefully exiting");
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "deaf")).toBe("running");
		await host.ok("rm", "-f", "deaf");
	});
	test("no signal is ignored in the container", async () => {
		const { stdout } = await host.nc("run", "--rm", ...NET, IMAGE, "grep", "SigIgn", "/proc/self/status");
		expect(stdout).toBe("SigIgn:\t0000000000000000\n");
	});
});
