import { describe, expect, test } from "bun:test";
import { constants } from "node:os";
import type { RuntimeConfig } from "../../../src/runtime/config.ts";
import { renderPlan, renderPlanJson } from "../../../src/runtime/explain.ts";
import { bindOptions, mountOptions } from "../../../src/runtime/mounts.ts";
import { failureText } from "../../../src/runtime/operation-texts.ts";
import { OPCODES, op } from "../../../src/runtime/operations.ts";
import { cloneFlags, compilePlan, type PlanInputs } from "../../../src/runtime/plan.ts";
import { encodePlan } from "../../../src/runtime/plan-encode.ts";
import { exitCodeOf, FORWARDED_SIGNALS, parseSignal } from "../../../src/runtime/signals.ts";

const config: RuntimeConfig = {
	ociVersion: "1.2.0",
	hostname: "box",
	domainname: "",
	root: { readonly: true },
	process: {
		terminal: true,
		user: { uid: 7, gid: 8, additionalGids: [9] },
		args: ["sh"],
		env: ["PATH=/bin:/usr/bin", "A=b"],
		cwd: "/w",
		umask: 0o22,
		capabilities: { bounding: 3n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n },
		rlimits: [{ type: "nofile", soft: 1, hard: -1 }],
		noNewPrivileges: true,
		oomScoreAdj: 5,
	},
	mounts: [
		{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid"] },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
	],
	linux: {
		namespaces: ["pid", "uts", "ipc", "mount", "network", "cgroup"],
		devices: [{ path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o666 }],
		sysctl: { "net.ipv4.ip_forward": "1" },
		maskedPaths: ["/proc/keys"],
		readonlyPaths: ["/proc/sys"],
		seccomp: new Uint8Array(16),
	},
};
const inputs: PlanInputs = {
	monitor: op.monitor(0, 0, ["id"]),
	layers: ["/l2", "/l1"],
	upper: "/u",
	work: "/k",
	mountpoint: "/r",
	overlayLayersOneByOne: true,
	cgroupJoins: ["/cg/cgroup.procs"],
	shared: [],
	network: { messages: new Uint8Array(4), count: 1, text: "x" },
	meanwhile: "the link is made",
	terminalSize: { rows: 24, columns: 80 },
	initProcess: true,
};
const codes = (changes: Partial<PlanInputs> = {}, other = config) =>
	compilePlan(other, { ...inputs, ...changes }).map((o) => o.code);

describe("compilePlan()", () => {
	const order = codes();
	const before = (a: string, b: string) =>
		expect(order.indexOf(a as never)).toBeLessThan(order.lastIndexOf(b as never));
	test("joins the cgroup before it makes the cgroup namespace", () => before("write", "unshare"));
	test("makes mounts private before it mounts", () => before("propagation", "overlay"));
	test("takes what stays connected to the host before it makes mounts private", () => {
		const connected = { destination: "/s", type: "bind", source: "/src", options: ["rbind", "rslave"] };
		const plan = compilePlan({ ...config, mounts: [...config.mounts, connected] }, inputs);
		const codes = plan.map(({ code }) => code);
		expect(codes.indexOf("tree")).toBeLessThan(codes.indexOf("propagation"));
		expect(plan.find(({ code }) => code === "tree")?.numbers).toEqual([0, 0x8000]);
		const bind = plan.find(({ code, strings }) => code === "bind" && strings[1] === "/s");
		expect(bind?.numbers.at(-1)).toBe(0);
	});
	test("writes sysctls before /proc/sys turns read-only", () => before("sysctl", "readonly"));
	test("makes the root read-only after everything has been made in it", () => {
		for (const code of ["mount", "mknod", "touch", "mkdir"]) before(code, "setattr");
	});
	test("waits for the link before it configures the network", () => before("sync", "netlink"));
	test("leaves the host before it gives up rights, and the rights before the program", () => {
		before("pivot-root", "setids");
		before("setsid", "stdio");
		before("setids", "capset");
		before("capset", "execve");
		expect(order.at(-1)).toBe("execve");
	});
	test("installs seccomp last with no_new_privs, before capabilities go without", () => {
		expect(order.indexOf("seccomp")).toBeGreaterThan(order.indexOf("capset"));
		const without = codes({}, { ...config, process: { ...config.process, noNewPrivileges: false } });
		expect(without.indexOf("seccomp")).toBeLessThan(without.indexOf("capset"));
	});
	test("has no network of its own on the host's", () => {
		const host = codes({ network: undefined }, { ...config, linux: { ...config.linux, namespaces: ["pid", "mount"] } });
		expect(host).not.toContain("netlink");
		expect(host).not.toContain("sethostname");
	});
	test("cloneFlags() leaves the cgroup namespace to unshare", () => {
		expect(cloneFlags(["pid", "cgroup"])).toBe(0x20000000);
	});
});

describe("encodePlan()", () => {
	test("is the layout of native/plan.h", () => {
		const { bytes, resultsOffset } = encodePlan({ cloneFlags: 0x20000000, cgroupFd: 5, pidNamespaceFd: -1 }, [
			op.umask(0o22),
			op.sethostname("box"),
		]);
		const view = new DataView(bytes.buffer);
		expect([
			view.getUint32(0, true),
			view.getUint32(8, true),
			view.getInt32(24, true),
			view.getInt32(28, true),
		]).toEqual([0x4c50434e, 2, 5, -1]);
		expect([view.getUint32(64, true), view.getUint32(68, true), view.getBigInt64(72, true)]).toEqual([
			OPCODES.umask,
			64,
			0o22n,
		]);
		expect([view.getUint32(128, true), view.getUint32(184, true), view.getUint32(192, true)]).toEqual([
			OPCODES.sethostname,
			1,
			3,
		]);
		expect(Buffer.from(bytes.subarray(196, 200)).toString("latin1")).toBe("box\0");
		expect(resultsOffset % 8).toBe(0);
		expect(bytes.length).toBe(resultsOffset + 16);
	});
	test("numbers keep their sign and their 64 bits, texts their bytes", () => {
		const numbers = [0, 1, -1, 0x7fffffff, 0x80000000, -0x80000000, 2 ** 40 + 3, 1n << 63n, -5n, (1n << 41n) - 1n];
		for (const number of numbers) {
			const { bytes } = encodePlan({ cloneFlags: 0xc0000000, cgroupFd: -1, pidNamespaceFd: -1 }, [
				op.setrlimit(7, number as number, Number.POSITIVE_INFINITY),
			]);
			const view = new DataView(bytes.buffer);
			expect(view.getBigUint64(16, true)).toBe(0xc0000000n);
			expect(view.getBigInt64(80, true)).toBe(BigInt.asIntN(64, BigInt(number)));
			expect(view.getBigInt64(88, true)).toBe(-1n);
		}
		for (const text of ["", "a", "é", "漢字", "👩‍👩‍👧", "\ud800", "x".repeat(5000)]) {
			const { bytes } = encodePlan({ cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: -1 }, [op.sethostname(text)]);
			const length = new DataView(bytes.buffer).getUint32(128, true);
			expect(bytes.subarray(132, 132 + length)).toEqual(new TextEncoder().encode(text));
			expect(bytes[132 + length]).toBe(0);
		}
	});
	test("keeps every operation's size a multiple of eight", () => {
		const { bytes, resultsOffset } = encodePlan(
			{ cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: -1 },
			compilePlan(config, inputs),
		);
		const view = new DataView(bytes.buffer);
		let at = 64;
		let count = 0;
		for (; at < resultsOffset; count++) {
			expect(view.getUint32(at + 4, true) % 8).toBe(0);
			at += view.getUint32(at + 4, true);
		}
		expect([at, count]).toEqual([resultsOffset, view.getUint32(8, true)]);
	});
});

test("a plan is explained one line an operation, and as JSON", () => {
	const plan = compilePlan(config, inputs);
	expect(renderPlan(plan, []).trimEnd().split("\n")).toHaveLength(plan.length);
	expect(
		renderPlan(
			plan,
			plan.map(() => 1500),
		),
	).toContain("1.5 µs");
	expect(JSON.parse(renderPlanJson(plan, []))[0]).toEqual({
		number: 0,
		operation: "monitor",
		call: "clone3(…)",
		why: "the new process",
		microseconds: null,
	});
	expect(failureText(op.mount("proc", "/proc", 0, [], ""), 1)).toBe("mount proc on /proc: operation not permitted");
});
test("mount options become attributes, the rest is the file system's", () => {
	expect(mountOptions(["nosuid", "ro", "rw", "size=1m"])).toEqual({ attributes: 2, data: ["size=1m"] });
	expect(bindOptions(["rbind", "ro", "rro", "rslave"])).toEqual({
		recursive: 0x8000,
		attributes: 1,
		propagation: 1 << 19,
		attributesRecursive: 0x8000,
	});
});
test("signals by every name docker takes, wait statuses as docker's codes", () => {
	expect(["TERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX", "IOT"].map(parseSignal)).toEqual([15, 15, 15, 37, 64, 6]);
	expect(["", "0", "65", "NOSUCH", "RTMIN+99"].map(parseSignal)).toEqual([
		undefined,
		undefined,
		undefined,
		undefined,
		undefined,
	]);
	for (const [name, number] of Object.entries(constants.signals))
		expect([name, parseSignal(name)]).toEqual([name, number]);
	for (const { name, number } of FORWARDED_SIGNALS) expect([name, number]).toEqual([name, constants.signals[name]]);
	expect([0x0700, 9, 0x8b].map(exitCodeOf)).toEqual([7, 137, 139]);
});
