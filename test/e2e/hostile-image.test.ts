/** Images that plant symbolic links where the engine mounts, makes or reads. The host's side must stay as it was. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Host, loopbackUp } from "../fixture.ts";
import { pushImage, type Registry, startRegistry, type TarFile, tarOf } from "../registry.ts";

loopbackUp();
const host = new Host();
let registry: Registry;
const trap = `${host.dir}/trap`;
const busybox = readFileSync("/bin/busybox");
beforeAll(async () => {
	registry = await startRegistry(`${host.dir}/registry`, 5000);
	mkdirSync(trap);
	writeFileSync(`${trap}/file`, "host");
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	await host.close();
});

const link = (path: string, linkpath: string): TarFile => ({ path, type: "SymbolicLink", linkpath });
let count = 0;
/** Runs a script in an image that has /busybox and these files. */
async function runIn(files: readonly TarFile[], script: string, ...flags: string[]) {
	const name = `planted${count++}`;
	await pushImage(registry.host, name, [tarOf([{ path: "busybox", mode: 0o755, data: busybox }, ...files])]);
	return host.nc(
		"run",
		"--rm",
		"--network",
		"none",
		"-q",
		...flags,
		`${registry.host}/${name}`,
		"/busybox",
		"sh",
		"-c",
		script,
	);
}
const hostIsUntouched = () => {
	expect(readdirSync(trap)).toEqual(["file"]);
	expect(readFileSync(`${trap}/file`, "utf8")).toBe("host");
	expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(trap);
};

describe("planted links", () => {
	for (const target of ["dev", "proc", "sys", "etc", "tmp"]) {
		test(`/${target} as an absolute link to a directory of the host`, async () => {
			const { stdout } = await runIn([link(target, trap)], "/busybox echo alive; /busybox cat /proc/self/comm");
			expect(stdout === "" || stdout.startsWith("alive")).toBe(true); // refused, or resolved inside
			hostIsUntouched();
		});
		test(`/${target} as a relative link that climbs out`, async () => {
			await runIn([link(target, `../../../../../../../..${trap}`)], "/busybox true");
			hostIsUntouched();
		});
	}
	test("/etc/hosts, hostname and resolv.conf as links to files of the host", async () => {
		const files = ["hosts", "hostname", "resolv.conf"].map((name) => link(`etc/${name}`, `${trap}/file`));
		await runIn([{ path: "etc/", type: "Directory" }, ...files], "/busybox echo evil > /etc/hosts");
		hostIsUntouched();
	});
	test("/etc/passwd as a link to the host's is not read", async () => {
		writeFileSync(`${trap}/file`, "host");
		const { stdout, stderr } = await runIn(
			[{ path: "etc/", type: "Directory" }, link("etc/passwd", "/proc/self/root/etc/passwd")],
			"/busybox id -u",
			"-u",
			"daemon",
		);
		expect(stdout).toBe("");
		expect(stderr).toContain("unable to find user daemon");
	});
	test("the working directory as a link", async () => {
		const { stdout } = await runIn([link("w", trap)], "/busybox pwd; /busybox ls", "-w", "/w");
		expect(stdout).not.toContain("file");
		hostIsUntouched();
	});
	test("a mount target as a link", async () => {
		mkdirSync(`${host.dir}/src`, { recursive: true });
		writeFileSync(`${host.dir}/src/own`, "x");
		await runIn([link("m", trap)], "/busybox ls /m", "-v", `${host.dir}/src:/m`);
		await runIn([link("m", `${trap}/file`)], "/busybox ls /m", "-v", `${host.dir}/src/own:/m`);
		await runIn([link("m", "/proc/self/root")], "/busybox ls /m", "--tmpfs", "/m/x");
		hostIsUntouched();
	});
	test("a volume is filled from inside the image only", async () => {
		await runIn([link("v", trap)], "/busybox true", "-v", "filled:/v");
		expect(existsSync(`${host.root}/volumes/filled/_data/file`)).toBe(false);
		hostIsUntouched();
	});
	test("a dangling link is refused or made inside", async () => {
		await runIn([link("proc", "/nowhere"), link("dev", "nowhere/too")], "/busybox true");
		expect(existsSync("/nowhere")).toBe(false);
		hostIsUntouched();
	});
});

describe("what safety hangs on is not reached through links", () => {
	const IMAGE = "nanocontainer/busybox";
	test("/proc as a link into /dev cannot leave procfs unmasked elsewhere", async () => {
		const { code, stdout, stderr } = await runIn(
			[
				{ path: "real/proc/", type: "Directory" },
				{ path: "dev/", type: "Directory" },
				link("dev/x", "/real"),
				link("proc", "/dev/x/proc"),
			],
			"/busybox ls /real/proc/sys/kernel/core_pattern && /busybox echo reached",
		);
		expect(stdout).not.toContain("reached");
		expect(code).toBe(125);
		expect(stderr).toContain("symbolic link at /proc");
	});
	test("CVE-2025-31133: a planted /dev/null does not unmask what is masked", async () => {
		await host.ok(
			"run",
			"--rm",
			"--network",
			"none",
			"-v",
			"planted:/dev",
			IMAGE,
			"ln",
			"-sf",
			"/proc/timer_list",
			"/dev/null",
		);
		const { stdout } = await host.sh("cat /proc/timer_list; cat /proc/keys", "-v", "planted:/dev");
		expect(stdout).toBe("");
	});
	test("nothing is mounted inside /proc", async () => {
		const flags = [
			["-v", "/tmp:/proc/sys/net"],
			["-v", "/proc"],
			["--tmpfs", "/proc/1"],
		];
		for (const flag of flags) {
			const { code, stderr } = await host.sh("true", ...flag);
			expect({ code, inside: stderr.includes("cannot be mounted because it is inside /proc") }).toEqual({
				code: 125,
				inside: true,
			});
		}
	});
	test("a container's standard input is a null device of its own, not the host's", async () => {
		const before = statSync("/dev/null");
		const { stdout } = await host.sh("chmod 640 /dev/stdin; chown 1234 /proc/self/fd/0; ls -ln /dev/null; cat");
		expect(stdout).toStartWith("crw-r-----    1 1234");
		expect([statSync("/dev/null").mode, statSync("/dev/null").uid]).toEqual([before.mode, before.uid]);
	});
	test("--cgroup-parent cannot lead out of the cgroup tree", async () => {
		expect((await host.sh("echo fine", "--cgroup-parent", `../../../../..${trap}/group`)).stdout).toBe("fine\n");
		hostIsUntouched();
	});
	test("a volume that another container has mounted is not filled under its hands", async () => {
		await host.ok("run", "-d", "--name", "holder", "--network", "none", "-v", "held:/x", IMAGE, "sleep", "1000");
		expect((await host.sh("ls /bin | head -1", "-v", "held:/bin:nocopy")).stdout).toBe("");
		await host.sh("true", "-v", "held:/var");
		expect(readdirSync(`${host.root}/volumes/held/_data`)).toEqual([]);
		await host.ok("rm", "-f", "holder");
		await host.sh("true", "-v", "held:/var");
		expect(readdirSync(`${host.root}/volumes/held/_data`)).not.toEqual([]);
	});
	test("a link at a mount target that leads nowhere is followed inside the image", async () => {
		const { stdout } = await runIn(
			[
				{ path: "etc/", type: "Directory" },
				link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf"),
				link("w", "/not/there"),
			],
			"/busybox pwd; /busybox grep -c nameserver /etc/resolv.conf; /busybox ls /run/systemd/resolve",
			"-w",
			"/w",
			"--dns",
			"9.9.9.9",
		);
		expect(stdout).toBe("/not/there\n1\nstub-resolv.conf\n");
	});
});

describe("break-outs from inside", () => {
	const IMAGE = "nanocontainer/busybox";
	test("the host's root is not reachable by .. or a kept descriptor", async () => {
		const { stdout } = await host.nc(
			"run",
			"--rm",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			`ls /../../..${trap} 2>&1; for f in 0 1 2 3 4 5 6 7 8 9; do ls /proc/self/fd/$f/..${trap} 2>/dev/null; done; cat /proc/1/root${trap}/file 2>&1`,
		);
		expect(stdout).not.toContain("host\n");
		expect(stdout).not.toMatch(/^file$/m);
	});
	test("a process that exec brings in cannot be traced for the host's descriptors", async () => {
		await host.ok(
			"run",
			"-d",
			"--name",
			"watcher",
			"--network",
			"none",
			"--cap-add",
			"SYS_PTRACE",
			IMAGE,
			"sh",
			"-c",
			"while :; do for p in /proc/[0-9]*; do readlink $p/exe $p/fd/* 2>/dev/null; done; done > /seen",
		);
		for (let i = 0; i < 10; i++) await host.ok("exec", "watcher", "true");
		const seen = await host.ok("exec", "watcher", "cat", "/seen");
		expect(seen).not.toContain(host.dir);
		await host.ok("rm", "-f", "watcher");
	});
	test("chroot and mount tricks stay inside; /sys and /proc/sys are read-only", async () => {
		const { stdout } = await host.nc(
			"run",
			"--rm",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"mkdir /c; cp /bin/busybox /c/; chroot /c /busybox sh -c 'cd ../../../..; /busybox ls' ; echo x > /proc/sysrq-trigger; echo x > /sys/kernel/mm/ksm/run",
		);
		expect(stdout).toBe("busybox\n");
	});
});
