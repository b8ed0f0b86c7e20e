import { describe, expect, test } from "bun:test";
import { compileDeviceRules, DEFAULT_DEVICE_RULES, type DeviceRule } from "../../../src/cgroup/device-bpf.ts";
import { hierarchiesIn } from "../../../src/cgroup/driver.ts";
import { cpuWeight, settingsV1, settingsV2 } from "../../../src/cgroup/resources.ts";

/** Runs eBPF as the kernel would: the instructions that device programs use. */
function execute(program: Uint8Array, type: number, access: number, major: number, minor: number): number {
	const view = new DataView(program.buffer);
	const context = [(access << 16) | type, major, minor];
	const r = [0, 0, 0, 0, 0, 0, 0];
	for (let pc = 0; ; pc++) {
		const code = view.getUint8(8 * pc);
		const dst = view.getUint8(8 * pc + 1) & 15;
		const src = view.getUint8(8 * pc + 1) >> 4;
		const off = view.getInt16(8 * pc + 2, true);
		const imm = view.getInt32(8 * pc + 4, true);
		const value = r[dst] ?? 0;
		if (code === 0x61) r[dst] = context[off / 4] ?? 0;
		else if (code === 0xbf) r[dst] = r[src] ?? 0;
		else if (code === 0x54) r[dst] = (value & imm) >>> 0;
		else if (code === 0x74) r[dst] = value >>> imm;
		else if (code === 0xb7) r[dst] = imm;
		else if (code === 0x55) pc += value !== imm ? off : 0;
		else if (code === 0x95) return r[0] ?? 0;
		else throw new Error(`instruction ${code}`);
	}
}

describe("device rules", () => {
	const [MKNOD, READ, WRITE, BLOCK, CHAR] = [1, 2, 4, 1, 2] as const;
	test("docker's list: null may be opened, a disk not, nodes may be made of all", () => {
		const program = compileDeviceRules(DEFAULT_DEVICE_RULES);
		expect(execute(program, CHAR, READ | WRITE, 1, 3)).toBe(1);
		expect(execute(program, CHAR, READ, 136, 77)).toBe(1);
		expect(execute(program, BLOCK, READ, 8, 0)).toBe(0);
		expect(execute(program, CHAR, READ, 1, 1)).toBe(0); // mem
		expect(execute(program, CHAR, READ, 10, 200)).toBe(0); // net/tun
		expect(execute(program, BLOCK, MKNOD, 8, 0)).toBe(1);
		expect(execute(program, BLOCK, MKNOD | READ, 8, 0)).toBe(0);
	});
	test("every combination agrees with the rules read one by one", () => {
		const rules: DeviceRule[] = [
			{ type: "b", major: 8, minor: undefined, access: "r" },
			{ type: "c", major: 10, minor: 200, access: "rw" },
			{ type: "c", major: undefined, minor: 1, access: "m" },
		];
		const program = compileDeviceRules(rules);
		const bits = { m: 1, r: 2, w: 4 } as Record<string, number>;
		for (const type of [1, 2]) {
			for (let access = 1; access < 8; access++) {
				for (const major of [8, 10, 11]) {
					for (const minor of [0, 1, 200]) {
						const allowed = rules.some(
							(rule) =>
								(rule.type === "b") === (type === 1) &&
								(rule.major ?? major) === major &&
								(rule.minor ?? minor) === minor &&
								(access & ~[...rule.access].reduce((sum, letter) => sum | (bits[letter] ?? 0), 0)) === 0,
						);
						expect([type, access, major, minor, execute(program, type, access, major, minor)]).toEqual([
							type,
							access,
							major,
							minor,
							allowed ? 1 : 0,
						]);
					}
				}
			}
		}
	});
});

test("options become the files of v2 and of v1", () => {
	const of = (settings: ReturnType<typeof settingsV2>) =>
		Object.fromEntries(settings.map(({ file, value }) => [file, value]));
	const options = { memory: 64 << 20, nanoCpus: 5e8, cpuShares: 512, pidsLimit: -1, cpusetCpus: "0-1" };
	expect(of(settingsV2(options))).toEqual({
		"memory.max": "67108864",
		"memory.swap.max": "67108864",
		"cpu.max": "50000 100000",
		"cpu.weight": "59",
		"cpuset.cpus": "0-1",
		"pids.max": "max",
	});
	expect(of(settingsV1(options))).toEqual({
		"memory.limit_in_bytes": "67108864",
		"memory.memsw.limit_in_bytes": "134217728",
		"cpu.cfs_period_us": "100000",
		"cpu.cfs_quota_us": "50000",
		"cpu.shares": "512",
		"cpuset.cpus": "0-1",
		"pids.max": "max",
	});
	expect([2, 512, 1024, 262144].map(cpuWeight)).toEqual([1, 59, 100, 10000]);
	expect(of(settingsV2({ memory: 1 << 30, memorySwap: -1 }))["memory.swap.max"]).toBe("max");
});
test("hierarchiesIn() reads mountinfo of pure and hybrid hosts", () => {
	expect(hierarchiesIn("30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")).toEqual({
		unified: "/sys/fs/cgroup",
		v1: [],
	});
	const hybrid = hierarchiesIn(
		"31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/a,name=systemd\n34 30 0:29 / /mnt/again rw - cgroup cgroup rw,xattr,release_agent=/lib/a,name=systemd\n32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n",
	);
	expect(hybrid.v1).toEqual([
		{ root: "/sys/fs/cgroup/cpu,cpuacct", names: ["cpu", "cpuacct"] },
		{ root: "/sys/fs/cgroup/systemd", names: ["name=systemd"] },
	]);
	expect(hybrid.unified).toBe("/sys/fs/cgroup/unified");
});
