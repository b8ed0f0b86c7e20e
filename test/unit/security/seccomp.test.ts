import { describe, expect, test } from "bun:test";
import { containerCapabilities } from "../../../src/security/capabilities.ts";
import { compileSeccomp, type SeccompRule } from "../../../src/security/seccomp-bpf.ts";
import { defaultProfile } from "../../../src/security/seccomp-profile.ts";
import { syscallNumbers } from "../../../src/security/syscall-numbers.ts";

const ALLOW = 0x7fff0000;
const errno = (n: number) => 0x50000 | n;
const ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };

/** Runs classic BPF as the kernel would: the test's own small machine. */
function execute(program: Uint8Array, nr: number, args: readonly bigint[] = [], arch = ARCH.x86_64): number {
	const data = new DataView(new ArrayBuffer(64));
	data.setUint32(0, nr, true);
	data.setUint32(4, arch, true);
	args.forEach((arg, i) => {
		data.setBigUint64(16 + 8 * i, arg, true);
	});
	const view = new DataView(program.buffer, program.byteOffset);
	let a = 0;
	for (let pc = 0; ; pc++) {
		const [code, jt, jf, k] = [
			view.getUint16(8 * pc, true),
			view.getUint8(8 * pc + 2),
			view.getUint8(8 * pc + 3),
			view.getUint32(8 * pc + 4, true),
		];
		if (code === 0x20) a = data.getUint32(k, true);
		else if (code === 0x54) a = (a & k) >>> 0;
		else if (code === 0x05) pc += k;
		else if (code === 0x15) pc += a === k ? jt : jf;
		else if (code === 0x25) pc += a > k ? jt : jf;
		else if (code === 0x35) pc += a >= k ? jt : jf;
		else if (code === 0x06) return k;
		else throw new Error(`instruction ${code}`);
	}
}

describe("the default profile", () => {
	const numbers = syscallNumbers("x86_64");
	const nr = (name: string) => numbers.get(name) ?? -1;
	const compile = (caps: bigint) => compileSeccomp(defaultProfile(caps, "x86_64"), { errno: 1 }, "x86_64", numbers);
	const plain = compile(0n);
	const admin = compile(1n << 21n);
	test("allows what programs need, refuses what they don't", () => {
		for (const name of ["read", "execve", "openat2", "futex", "socketpair", "ptrace", "seccomp"])
			expect(execute(plain, nr(name))).toBe(ALLOW);
		for (const name of [
			"mount",
			"unshare",
			"setns",
			"keyctl",
			"bpf",
			"io_uring_setup",
			"userfaultfd",
			"reboot",
			"init_module",
		])
			expect(execute(plain, nr(name))).toBe(errno(1));
	});
	test("asks the arguments of clone, personality and socket", () => {
		expect(execute(plain, nr("clone"), [0x11n])).toBe(ALLOW);
		expect(execute(plain, nr("clone"), [0x10000000n])).toBe(errno(1));
		expect(execute(plain, nr("personality"), [8n])).toBe(ALLOW);
		expect(execute(plain, nr("personality"), [9n])).toBe(errno(1));
		expect(execute(plain, nr("personality"), [0x1_0000_0008n])).toBe(errno(1));
		expect(execute(plain, nr("socket"), [2n])).toBe(ALLOW);
		expect(execute(plain, nr("socket"), [40n])).toBe(errno(1));
		expect(execute(plain, nr("socket"), [38n])).toBe(errno(1)); // AF_ALG
		for (const family of [1n, 10n, 16n, 37n, 39n, 41n]) expect(execute(plain, nr("socket"), [family])).toBe(ALLOW);
	});
	test("says clone3 does not exist, as it says of calls newer than itself and of other architectures", () => {
		expect(execute(plain, nr("clone3"))).toBe(errno(38));
		expect(execute(plain, 9999)).toBe(errno(38));
		expect(execute(plain, nr("read"), [], ARCH.aarch64)).toBe(errno(38));
		expect(execute(plain, 0x40000000 + nr("read"))).toBe(errno(38)); // x32
	});
	test("gives more to who has CAP_SYS_ADMIN", () => {
		for (const name of ["mount", "unshare", "clone3", "bpf"]) expect(execute(admin, nr(name))).toBe(ALLOW);
	});
	test("compiles for aarch64 too", () => {
		const arm = syscallNumbers("aarch64");
		const filter = compileSeccomp(defaultProfile(0n, "aarch64"), { errno: 1 }, "aarch64", arm);
		expect(execute(filter, arm.get("openat") ?? -1, [], ARCH.aarch64)).toBe(ALLOW);
		expect(execute(filter, arm.get("mount") ?? -1, [], ARCH.aarch64)).toBe(errno(1));
	});
});

test("every comparison of 64-bit arguments is right, at the edges and at random", () => {
	const numbers = new Map([["x", 5]]);
	const holds = {
		eq: (a: bigint, v: bigint) => a === v,
		// An int's value is compared as an int: junk in the high half must not make it differ.
		ne: (a: bigint, v: bigint) => (v >> 32n === 0n ? (a & 0xffffffffn) !== v : a !== v),
		gt: (a: bigint, v: bigint) => a > v,
		ge: (a: bigint, v: bigint) => a >= v,
		lt: (a: bigint, v: bigint) => a < v,
		le: (a: bigint, v: bigint) => a <= v,
		"masked-eq": (a: bigint, v: bigint) => (a & v) === (5n & v),
	} as const;
	const edges = [0n, 1n, 5n, 0xffffffffn, 0x100000000n, 0x100000005n, 0xffffffffffffffffn];
	for (const op of Object.keys(holds) as (keyof typeof holds)[]) {
		for (const value of edges) {
			const rule: SeccompRule = {
				names: ["x"],
				action: { allow: true },
				args: [{ index: 2, op, value, valueTwo: 5n & value }],
			};
			const filter = compileSeccomp([rule], { errno: 1 }, "x86_64", numbers);
			for (const arg of [...edges, BigInt(Math.floor(Math.random() * 2 ** 48))]) {
				expect([op, value, arg, execute(filter, 5, [0n, 0n, arg]) === ALLOW]).toEqual([
					op,
					value,
					arg,
					holds[op](arg, value),
				]);
			}
		}
	}
});

test("capabilities add and drop by docker's rules", () => {
	const all = (1n << 41n) - 1n;
	const given = (add: string[], drop: string[], privileged = false) =>
		containerCapabilities({ add, drop, privileged }, all);
	expect(given([], [])).toBe(0xa80425fbn);
	expect(given(["cap_net_admin"], ["ALL"])).toBe(1n << 12n);
	expect(given(["ALL"], ["SYS_ADMIN"])).toBe(all & ~(1n << 21n));
	expect(given([], [], true)).toBe(all);
	expect(containerCapabilities({ add: ["ALL"], drop: [], privileged: false }, 1n)).toBe(1n);
	expect(() => given(["X"], [])).toThrow('invalid CapAdd: unknown capability: "CAP_X"');
});
