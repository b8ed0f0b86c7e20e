/**
 * Which devices a container may open: device rules → an eBPF program on its v2 cgroup (BPF_PROG_TYPE_CGROUP_DEVICE,
 * cgroup-v2.rst "Device controller"). The kernel runs it on every open(2) and mknod(2) of a device, with
 * struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor } in r1; it answers 1 (let) or 0 (EPERM).
 * Compiling is pure.
 */

export interface DeviceRule {
	readonly type: "c" | "b";
	/** undefined: any. */
	readonly major: number | undefined;
	readonly minor: number | undefined;
	/** Some of "rwm": read, write, mknod. */
	readonly access: string;
}

const rule = (major: number, minor: number | undefined, access = "rwm"): DeviceRule => ({
	type: "c",
	major,
	minor,
	access,
});

/** docker's: a node may be made for any device; only these may be opened. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
	{ type: "c", major: undefined, minor: undefined, access: "m" },
	{ type: "b", major: undefined, minor: undefined, access: "m" },
	rule(1, 3), // null
	rule(1, 5), // zero
	rule(1, 7), // full
	rule(1, 8), // random
	rule(1, 9), // urandom
	rule(5, 0), // tty
	rule(5, 1), // console
	rule(5, 2), // ptmx
	rule(136, undefined), // pts/*
];

const DEV_BLOCK = 1;
const DEV_CHAR = 2;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

// struct bpf_insn { u8 code; u8 dst:4, src:4; s16 off; s32 imm }
const LDX_W = 0x61; // dst = *(u32 *)(src + off)
const MOV64_REG = 0xbf;
const AND32_K = 0x54;
const RSH32_K = 0x74;
const MOV64_K = 0xb7;
const JNE_K = 0x55;
const EXIT = 0x95;
const [R0, R1, R2, R3, R4, R5, R6] = [0, 1, 2, 3, 4, 5, 6];

interface Instruction {
	readonly code: number;
	readonly dst?: number;
	readonly src?: number;
	readonly off?: number;
	readonly imm?: number;
}

/** For each rule a block that lets the access through, or falls to the next; at the end, no. */
export function compileDeviceRules(rules: readonly DeviceRule[]): Uint8Array {
	const program: Instruction[] = [
		{ code: LDX_W, dst: R2, src: R1, off: 0 }, // type: low half of access_type
		{ code: MOV64_REG, dst: R3, src: R2 },
		{ code: AND32_K, dst: R2, imm: 0xffff },
		{ code: RSH32_K, dst: R3, imm: 16 }, // access: high half
		{ code: LDX_W, dst: R4, src: R1, off: 4 },
		{ code: LDX_W, dst: R5, src: R1, off: 8 },
		...rules.flatMap(block),
		{ code: MOV64_K, dst: R0, imm: 0 },
		{ code: EXIT },
	];
	const bytes = new DataView(new ArrayBuffer(8 * program.length));
	program.forEach(({ code, dst = 0, src = 0, off = 0, imm = 0 }, i) => {
		bytes.setUint8(8 * i, code);
		bytes.setUint8(8 * i + 1, (src << 4) | dst);
		bytes.setInt16(8 * i + 2, off, true);
		bytes.setInt32(8 * i + 4, imm, true);
	});
	return new Uint8Array(bytes.buffer);
}

function block({ type, major, minor, access }: DeviceRule): Instruction[] {
	const granted = [...access].reduce((bits, letter) => bits | (ACCESS[letter] ?? 0), 0);
	const tests: Instruction[] = [
		{ code: JNE_K, dst: R2, imm: type === "c" ? DEV_CHAR : DEV_BLOCK },
		// What is asked beyond what is granted must be nothing.
		{ code: MOV64_REG, dst: R6, src: R3 },
		{ code: AND32_K, dst: R6, imm: ~granted & 7 },
		{ code: JNE_K, dst: R6, imm: 0 },
		...(major === undefined ? [] : [{ code: JNE_K, dst: R4, imm: major }]),
		...(minor === undefined ? [] : [{ code: JNE_K, dst: R5, imm: minor }]),
	];
	const body = [...tests, { code: MOV64_K, dst: R0, imm: 1 }, { code: EXIT }];
	return body.map((instruction, i) =>
		instruction.code === JNE_K ? { ...instruction, off: body.length - i - 1 } : instruction,
	);
}
