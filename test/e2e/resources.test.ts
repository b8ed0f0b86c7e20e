import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { detectCgroups } from "../../src/cgroup/detect.ts";
import { WEIGHT_FILES } from "../../src/cgroup/resources.ts";
import { Host, IMAGE } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());
/** The kernel is asked as the program asks it: where a control file is depends on version, mounts and schedulers. */
const cgroups = detectCgroups();
const V1 = cgroups?.version === 1;

/** Reads a control file of a container's own cgroup, by version. */
const control = async (v1: string, v2: string, ...flags: string[]) =>
	(await host.sh(`cat /sys/fs/cgroup/${V1 ? v1 : v2}`, ...flags)).stdout.trim();

test("--memory limits, the kill is reported as OOMKilled and exit 137", async () => {
	const hog = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived";
	const { code, stdout } = await host.nc(
		"run",
		"--name",
		"hog",
		"--network",
		"none",
		"--memory",
		"16m",
		IMAGE,
		"sh",
		"-c",
		hog,
	);
	expect([code, stdout]).toEqual([137, ""]);
	expect(await host.ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}} {{.HostConfig.Memory}}", "hog")).toBe(
		"true 137 16777216",
	);
});
test("limits are in the control files", async () => {
	expect(await control("memory/memory.limit_in_bytes", "memory.max", "-m", "32m")).toBe(String(32 << 20));
	expect(await control("cpu/cpu.cfs_quota_us", "cpu.max", "--cpus", "0.5")).toStartWith("50000");
	expect(await control("cpu/cpu.shares", "cpu.weight", "--cpu-shares", "512")).toBe(V1 ? "512" : "59");
	expect(await control("cpuset/cpuset.cpus", "cpuset.cpus", "--cpuset-cpus", "0")).toBe("0");
	expect(await control("pids/pids.max", "pids.max", "--pids-limit", "20")).toBe("20");
	expect(
		await control("memory/memory.soft_limit_in_bytes", "memory.low", "-m", "64m", "--memory-reservation", "32m"),
	).toBe(String(32 << 20));
});
test("--pids-limit stops a fork bomb", async () => {
	const { stdout, stderr } = await host.sh("for i in $(seq 1 50); do sleep 3 & done; echo done", "--pids-limit", "10");
	expect(stdout + stderr).toMatch(/can't fork|Resource temporarily unavailable/);
});
test("--cpus throttles", async () => {
	const burn = "end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do :; done";
	const file = V1 ? "cpu/cpu.stat" : "cpu.stat";
	const { stdout } = await host.sh(`${burn}; cat /sys/fs/cgroup/${file}`, "--cpus", "0.2");
	expect(Number(/nr_throttled (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(3);
});
test("exec joins the limits", async () => {
	await host.ok("run", "-d", "--name", "small", "--network", "none", "--memory", "16m", IMAGE, "sleep", "1000");
	const { code } = await host.nc(
		"exec",
		"small",
		"sh",
		"-c",
		"x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived",
	);
	expect(code).not.toBe(0);
});
test("senseless limits are refused in docker's words", async () => {
	const refused = async (text: string, ...flags: string[]) => {
		const { code, stderr } = await host.sh("true", ...flags);
		expect(code).toBe(125);
		expect(stderr).toContain(text);
	};
	await refused("Minimum memory limit allowed is 6MB", "-m", "1m");
	await refused("invalid suffix: 'x'", "-m", "1x");
	await refused("Range of CPUs is from 0.01 to", "--cpus", "1000");
	await refused("Requested CPUs are not available - requested 999", "--cpuset-cpus", "999");
	await refused("Minimum memoryswap limit should be larger than memory limit", "-m", "64m", "--memory-swap", "32m");
	await refused("cannot both be set", "--cpus", "1", "--cpu-quota", "50000");
});
test("--oom-score-adj and --cgroup-parent are taken", async () => {
	expect((await host.sh("cat /proc/self/oom_score_adj", "--oom-score-adj", "300")).stdout).toBe("300\n");
	await host.ok(
		"run",
		"-d",
		"--name",
		"parent",
		"--network",
		"none",
		"--cgroup-parent",
		"/nc-e2e-parent",
		"-m",
		"64m",
		IMAGE,
		"sleep",
		"1000",
	);
	const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", "parent");
	expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain("/nc-e2e-parent/");
	await host.ok("rm", "-f", "parent");
});
test("a v1 tree that may not be written is left alone, and holds no container", async () => {
	if (!V1) return;
	const script = `
		mount -o remount,bind,ro /sys/fs/cgroup/freezer 2>/dev/null || { mount --bind /sys/fs/cgroup/freezer /sys/fs/cgroup/freezer; mount -o remount,bind,ro /sys/fs/cgroup/freezer; }
		"$@" run --rm --network none ${IMAGE} echo ran && "$@" run --rm --cgroupns host --network none ${IMAGE} echo ran
		"$@" run -d --name held --network none ${IMAGE} sleep 1000 && "$@" stop -t 0 held && "$@" rm held; "$@" ps -aq -f name=held`;
	const { stdout, stderr } = Bun.spawnSync(["unshare", "-m", "sh", "-c", script, "sh", ...host.command()]);
	expect([stdout.toString(), stderr.toString()]).toEqual([
		expect.stringMatching(/^ran\nran\n[0-9a-f]{64}\nheld\nheld\n$/),
		"",
	]);
});
test("--blkio-weight is set where the kernel weighs, and is a warning elsewhere", async () => {
	const name = "weighed";
	const { code, stderr } = await host.nc(
		...["run", "-d", "--name", name, "--network", "none", "--blkio-weight", "300", IMAGE, "sleep", "1000"],
	);
	const warning =
		"WARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.\n";
	const weighs = cgroups?.hasIoWeight() === true;
	expect([code, stderr]).toEqual([0, weighs ? "" : warning]);
	if (weighs) {
		const dir = `/sys/fs/cgroup/${V1 ? "blkio" : ""}`;
		const files = WEIGHT_FILES[V1 ? 1 : 2].map((file) => `cat ${dir}/${file} 2>/dev/null`);
		const read = await host.ok("exec", name, "sh", "-c", `${files.join("; ")}; true`);
		expect(read).toMatch(/\b(300|127|2[89]\d\d)\b/);
	}
	await host.ok("rm", "-f", name);
});
