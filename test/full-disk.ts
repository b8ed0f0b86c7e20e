/** What must be possible on a disk that is full, whichever way it is: space, or somebody's share of it. */

import { expect } from "bun:test";
import { rmSync } from "node:fs";
import { type Host, IMAGE } from "./fixture.ts";

/**
 * Fills the disk that a host has its root directory on, and frees it with nothing but the program's own commands, while
 * a container writes whatever becomes free.
 * @param confined the start of a command that makes the limit hold for whoever fills the disk.
 */
export async function isFreedWithTheTool(small: Host, confined: readonly string[] = []): Promise<void> {
	const none = ["--network", "none", IMAGE];
	const script = "trap 'exit 7' TERM; echo said; while :; do sleep 0.1; done";
	await small.ok("run", "-d", "--name", "runs", ...none, "sh", "-c", script);
	expect((await small.nc("run", "--name", "ended", ...none, "false")).code).toBe(1);
	await small.ok("build", "-q", "-t", "made:1", "-", { stdin: `FROM ${IMAGE}\nRUN echo x > /x\n` });
	await small.ok(
		"run",
		"-d",
		"--name",
		"greedy",
		...none,
		"sh",
		"-c",
		"while :; do cat /dev/zero >> /f 2>/dev/null; done",
	);
	const fill = () => Bun.spawnSync([...confined, "sh", "-c", `cat /dev/zero >> ${small.root}/filler 2>/dev/null`]);
	fill();
	expect(await small.ok("ps", "-a", "--format", "{{.Names}}")).toBe("greedy\nended\nruns");
	expect(await small.ok("logs", "runs")).toBe("said");
	// Who only waits keeps nobody out, although there was no room to share the database.
	const follower = Bun.spawn(small.command("logs", "-f", "runs"), { stdout: "pipe", stderr: "inherit" });
	const { value } = await follower.stdout.getReader().read();
	expect(Buffer.from(value ?? []).toString()).toBe("said\n");
	const asked = performance.now();
	expect(await small.ok("inspect", "-f", "{{.State.Status}}", "runs")).toBe("running");
	expect(await small.ok("ps", "-q", "--no-trunc", "-f", "name=runs")).toMatch(/^[0-9a-f]{64}$/);
	expect(performance.now() - asked).toBeLessThan(5000);
	follower.kill("SIGKILL");
	expect(await small.ok("stop", "runs")).toBe("runs");
	expect(await small.ok("inspect", "-f", "{{.State.ExitCode}}", "runs")).toBe("7");
	expect((await small.nc("create", ...none, "true")).stderr).toMatch(/no space left on device|disk quota exceeded|^$/);
	fill();
	for (const verb of [
		["rm", "runs"],
		["rmi", "-f", "made:1"],
		["builder", "prune", "-f"],
		["rm", "-f", "greedy"],
	]) {
		await small.ok(...verb);
		fill();
	}
	await small.ok("rm", "ended");
	rmSync(`${small.root}/filler`);
	for (const id of (await small.ok("ps", "-aq")).split("\n").filter(Boolean)) await small.ok("rm", "-f", id);
	expect(await small.ok("run", "--rm", ...none, "echo", "again")).toBe("again");
	expect(await small.ok("system", "check")).toContain("No problem");
}
