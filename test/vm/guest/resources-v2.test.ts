/** What the kernel does with limits where there is cgroup v2 and nothing else. Runs in a machine (suites.test.ts). */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Host, IMAGE } from "../../fixture.ts";

const host = new Host();
afterAll(() => host.close());
const CGROUP = "/sys/fs/cgroup";

/** Control file of a container, as the host sees it. */
async function control(name: string, file: string): Promise<string> {
	const id = await host.ok("inspect", "-f", "{{.Id}}", name);
	return readFileSync(`${CGROUP}/nanocontainer/${id}/${file}`, "utf8").trim();
}

const idle = (name: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, "--network", "none", ...flags, IMAGE, "sleep", "1000");

test("this machine has cgroup v2 alone", () => {
	const mounts = readFileSync("/proc/self/mountinfo", "utf8");
	expect([mounts.includes(" - cgroup2 "), mounts.includes(" - cgroup ")]).toEqual([true, false]);
});

test("--memory kills, and it is reported", async () => {
	const hog = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived";
	const { code } = await host.nc("run", "--name", "hog", "--network", "none", "-m", "16m", IMAGE, "sh", "-c", hog);
	expect(code).toBe(137);
	expect(await host.ok("inspect", "-f", "{{.State.OOMKilled}}", "hog")).toBe("true");
});

test("--memory-reservation, --memory-swap, --pids-limit, --cpuset-cpus, --cpu-shares are in the control files", async () => {
	await idle("limits", "-m", "64m", "--memory-reservation", "32m", "--memory-swap", "96m", "--pids-limit", "30");
	expect(await control("limits", "memory.max")).toBe(String(64 << 20));
	expect(await control("limits", "memory.low")).toBe(String(32 << 20));
	expect(await control("limits", "memory.swap.max")).toBe(String(32 << 20));
	expect(await control("limits", "pids.max")).toBe("30");
	await idle("weight", "--blkio-weight", "300");
	expect(await control("weight", "io.weight")).toBe("default 2930");
	await idle("cpus", "--cpuset-cpus", "1", "--cpu-shares", "512");
	expect(await control("cpus", "cpuset.cpus.effective")).toBe("1");
	expect(await control("cpus", "cpu.weight")).toBe("59");
	expect(await host.ok("exec", "cpus", "grep", "Cpus_allowed_list", "/proc/self/status")).toContain("\t1");
});

test("update changes the limits of a container that runs", async () => {
	await idle("changed", "-m", "64m");
	await host.ok("update", "-m", "48m", "--memory-swap", "96m", "--cpus", "0.5", "--pids-limit", "20", "changed");
	expect(await control("changed", "memory.max")).toBe(String(48 << 20));
	expect(await control("changed", "memory.swap.max")).toBe(String(48 << 20));
	expect(await control("changed", "cpu.max")).toBe("50000 100000");
	expect(await control("changed", "pids.max")).toBe("20");
});

test("--memory-swap: what does not fit is swapped, or kills", async () => {
	const made =
		"dd if=/dev/zero of=/swap bs=1M count=128 2>/dev/null && chmod 600 /swap && mkswap /swap && swapon /swap";
	expect(Bun.spawnSync(["busybox", "sh", "-c", made]).exitCode).toBe(0);
	const hog = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); echo survived";
	const run = async (swap: string) => (await host.sh(hog, "-m", "24m", "--memory-swap", swap)).code;
	expect([await run("140m"), await run("24m")]).toEqual([0, 137]);
	Bun.spawnSync(["busybox", "swapoff", "/swap"]);
	rmSync("/swap");
});

test("--memory-reservation keeps what is in memory, when another container wants it", async () => {
	const parent = `${CGROUP}/pressure`;
	mkdirSync(parent);
	mkdirSync("/data", { recursive: true });
	for (const name of ["kept", "wanted"])
		writeFileSync(`/data/${name}`, Buffer.alloc(name === "kept" ? 40 << 20 : 100 << 20));
	const left = async (...flags: string[]) => {
		Bun.spawnSync(["busybox", "sync"]);
		writeFileSync("/proc/sys/vm/drop_caches", "3"); // what is read next is counted to who reads it
		// The limit is out of reach, and there so that memory is counted by container.
		const common = ["--network", "none", "--cgroup-parent", "pressure", "-m", "300m", "-v", "/data:/data"];
		const reader = ["sh", "-c", "cat /data/kept >/dev/null; echo read; sleep 1000"];
		const id = await host.ok("run", "-d", "--name", "reader", ...common, ...flags, IMAGE, ...reader);
		writeFileSync(`${parent}/memory.max`, String(72 << 20));
		while (!(await host.ok("logs", "reader")).includes("read")) await Bun.sleep(50);
		await host.ok(
			"run",
			"--rm",
			...common,
			IMAGE,
			"sh",
			"-c",
			"cat /data/wanted >/dev/null; cat /data/wanted >/dev/null",
		);
		const bytes = Number(readFileSync(`${parent}/${id}/memory.current`, "utf8"));
		await host.ok("rm", "-f", "reader");
		return bytes;
	};
	const [without, reserved] = [await left(), await left("--memory-reservation", "48m")];
	expect(reserved).toBeGreaterThan(36 << 20);
	expect(without).toBeLessThan(reserved / 2);
	rmSync("/data", { recursive: true });
});

/** Loops that a shell does in three seconds, which begin soon and are the same three for all that ask at once. */
async function work(...flags: string[]): Promise<number> {
	const from = Math.trunc(Number(readFileSync("/proc/uptime", "latin1").split(".")[0])) + 2;
	const until = (second: number, step: string) =>
		`while read up rest < /proc/uptime; [ \${up%.*} -lt ${second} ]; do ${step}; done`;
	return Number(
		(await host.sh(`n=0; ${until(from, ":")}; ${until(from + 3, "n=$((n + 1))")}; echo $n`, ...flags)).stdout,
	);
}

test("--cpus 0.5 halves the work done", async () => {
	// One after the other, on a machine whose own host may be busy in between: of three, the middle one counts.
	const shares: number[] = [];
	for (let round = 0; round < 3; round++) {
		const [whole, half] = [await work("--cpuset-cpus", "0"), await work("--cpuset-cpus", "0", "--cpus", "0.5")];
		shares.push(half / whole);
	}
	const [, share = 0] = shares.toSorted((a, b) => a - b);
	expect(share).toBeGreaterThan(0.25);
	expect(share).toBeLessThan(0.75);
});

test("--cpu-shares divides a processor that two want", async () => {
	const [much, little] = await Promise.all([
		work("--cpuset-cpus", "0", "--cpu-shares", "4096"),
		work("--cpuset-cpus", "0", "--cpu-shares", "256"),
	]);
	expect(much / little).toBeGreaterThan(2);
});

test("--pids-limit stops a fork bomb", async () => {
	const { stdout, stderr } = await host.sh("for i in $(seq 1 50); do sleep 3 & done; echo done", "--pids-limit", "10");
	expect(stdout + stderr).toMatch(/can't fork|Resource temporarily unavailable/);
});

test("the freezer stops a container, and lets it go on", async () => {
	const id = await idle("frozen");
	writeFileSync(`${CGROUP}/nanocontainer/${id}/cgroup.freeze`, "1");
	while (!/^frozen 1$/m.test(await control("frozen", "cgroup.events"))) await Bun.sleep(10);
	writeFileSync(`${CGROUP}/nanocontainer/${id}/cgroup.freeze`, "0");
	expect(await host.ok("exec", "frozen", "echo", "thawed")).toBe("thawed");
});

test("--device-write-bps slows a writer down", async () => {
	mkdirSync("/data", { recursive: true });
	const device = "vda"; // where /data is
	const write = async (...flags: string[]) => {
		const began = performance.now();
		const script = "dd if=/dev/zero of=/data/file bs=64k count=48 oflag=direct 2>/dev/null; rm /data/file";
		expect((await host.sh(script, "-v", "/data:/data", ...flags)).code).toBe(0);
		return performance.now() - began;
	};
	const free = await write();
	const limited = await write("--device-write-bps", `/dev/${device}:1mb`);
	expect(limited - free).toBeGreaterThan(1500); // 3 MB at 1 MB/s
	await idle("io", "--device-read-iops", `/dev/${device}:100`);
	expect(await control("io", "io.max")).toMatch(/^\d+:\d+ rbps=max wbps=max riops=100 wiops=max$/);
	const { code, stderr } = await host.sh("true", "--device-read-bps", "/dev/null:1mb");
	expect([code, stderr.includes("/dev/null is not a block device")]).toEqual([125, true]);
});

test("devices: docker's list, and what is asked for; the others cannot be opened", async () => {
	const [disk = ""] = readdirSync("/sys/block").filter((name) => name === "vda"); // where /data is
	const [major, minor] = readFileSync(`/sys/block/${disk}/dev`, "utf8").trim().split(":");
	const peek = `mknod /d b ${major} ${minor} && head -c 1 /d >/dev/null && echo open`;
	expect((await host.sh(`${peek}; head -c 1 /dev/zero >/dev/null && echo zero`)).stdout).toBe("zero\n");
	expect((await host.sh(peek, "--device-cgroup-rule", `b ${major}:* r`)).stdout).toBe("open\n");
	expect((await host.sh(peek, "--device-cgroup-rule", `b ${major}:${minor} w`)).stdout).toBe("");
	expect((await host.sh(`head -c 1 /dev/${disk} >/dev/null && echo open`, "--device", `/dev/${disk}`)).stdout).toBe(
		"open\n",
	);
	expect((await host.sh(peek, "--privileged")).stdout).toBe("open\n");
	expect((await host.sh("true", "--device-cgroup-rule", "x 1:1 r")).stderr).toContain(
		"invalid device cgroup format 'x 1:1 r'",
	);
});

test("NanoContainer in a container of its own", async () => {
	const nested = [
		"/NanoContainer --root /store/a run --rm -m 32m --pids-limit 20 nanocontainer/busybox cat /sys/fs/cgroup/memory.max",
		"/NanoContainer --root /store/a run --rm --network none nanocontainer/busybox echo inside the inside",
	].join(" && ");
	const { code, stdout, stderr } = await host.nc(
		...["run", "--rm", "--privileged", "-v", `${import.meta.dir}/../../../NanoContainer:/NanoContainer:ro`],
		...["--tmpfs", "/store", "--tmpfs", "/run", IMAGE, "sh", "-c", nested],
	);
	expect([code, stdout, stderr]).toEqual([0, `${32 << 20}\ninside the inside\n`, ""]);
});

test("a host whose root cgroup has children with controllers on and off, as systemd makes them", async () => {
	for (const slice of ["system.slice", "user.slice"]) mkdirSync(`${CGROUP}/${slice}`, { recursive: true });
	writeFileSync(`${CGROUP}/system.slice/cgroup.subtree_control`, "+memory");
	const flags = ["-m", "32m", "--pids-limit", "20", "--cgroup-parent", "system.slice"];
	expect((await host.sh("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max", ...flags)).stdout).toBe(
		`${32 << 20}\n20\n`,
	);
});
