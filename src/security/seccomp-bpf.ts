/**
 * A seccomp profile → a filter, pure (seccomp(2), Documentation/userspace-api/seccomp_filter.rst). The filter is classic
 * BPF over struct seccomp_data { int nr; u32 arch; u64 ip; u64 args[6] }: a binary search over the numbers, so that the
 * cost of a system call is ten steps, not three hundred; then, for some, a look at arguments.
 */

export type SeccompAction = { readonly allow: true } | { readonly errno: number } | { readonly kill: true };

export interface ArgumentTest {
	readonly index: number;
	readonly op: "eq" | "ne" | "masked-eq" | "gt" | "ge" | "lt" | "le";
	/** For masked-eq the mask. */
	readonly value: bigint;
	/** For masked-eq what must be left under the mask. */
	readonly valueTwo: bigint;
}

export interface SeccompRule {
	readonly names: readonly string[];
	readonly action: SeccompAction;
	/** All must hold. */
	readonly args: readonly ArgumentTest[];
}

interface Instruction {
	code: number;
	jt: number;
	jf: number;
	k: number;
}

const LD_W_ABS = 0x20;
const JMP_JA = 0x05;
const JMP_JEQ_K = 0x15;
const JMP_JGT_K = 0x25;
const JMP_JGE_K = 0x35;
const ALU_AND_K = 0x54;
const RET_K = 0x06;

const RET_ALLOW = 0x7fff0000;
const RET_ERRNO = 0x00050000;
const RET_KILL_PROCESS = 0x80000000;
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const offsetOfArgument = (index: number): number => 16 + 8 * index;

/** x32 calls have this bit set in their number; they are another door to the same kernel. */
const X32_BIT = 0x40000000;
const ENOSYS = 38;

/** AUDIT_ARCH_ values (include/uapi/linux/audit.h). */
const AUDIT_ARCH: Readonly<Record<string, number>> = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };

const ret = (action: SeccompAction): Instruction => ({
	code: RET_K,
	jt: 0,
	jf: 0,
	k: "allow" in action ? RET_ALLOW : "kill" in action ? RET_KILL_PROCESS : RET_ERRNO | (action.errno & 0xffff),
});
const load = (offset: number): Instruction => ({ code: LD_W_ABS, jt: 0, jf: 0, k: offset });
const jump = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k });

/** What happens to one number: instructions that end in RET. */
type Block = Instruction[];

/**
 * Compiles a profile. `numbers` are those of the architecture; names without one don't exist there. For a call with
 * several rules the first whose arguments fit decides; with none, `fallback` does.
 */
export function compileSeccomp(
	rules: readonly SeccompRule[],
	fallback: SeccompAction,
	arch: "x86_64" | "aarch64",
	numbers: ReadonlyMap<string, number>,
): Uint8Array {
	const byNumber = new Map<number, SeccompRule[]>();
	for (const rule of rules) {
		for (const name of rule.names) {
			const number = numbers.get(name);
			if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), rule]);
		}
	}
	const program: Instruction[] = [
		load(OFFSET_ARCH),
		jump(JMP_JEQ_K, AUDIT_ARCH[arch] ?? 0, 1, 0),
		ret({ errno: ENOSYS }), // another architecture's calls have other numbers: none can be let through
		load(OFFSET_NR),
		...(arch === "x86_64" ? [jump(JMP_JGE_K, X32_BIT, 0, 1), ret({ errno: ENOSYS })] : []),
		...search(segments(byNumber, fallback)),
	];
	return encode(program);
}

/** From this number up to the next segment's, the same block. */
interface Segment {
	from: number;
	block: Block;
}

/** Runs of neighbouring numbers with the same fate. */
function segments(byNumber: ReadonlyMap<number, readonly SeccompRule[]>, fallback: SeccompAction): Segment[] {
	const list: Segment[] = [{ from: 0, block: [ret(fallback)] }];
	const append = (from: number, block: Block): void => {
		const last = list.at(-1);
		if (last?.from === from) last.block = block;
		else if (!last || !sameBlock(last.block, block)) list.push({ from, block });
	};
	for (const number of [...byNumber.keys()].sort((a, b) => a - b)) {
		append(number, blockOf(byNumber.get(number) ?? [], fallback));
		append(number + 1, [ret(fallback)]);
	}
	// Calls newer than the profile: "there is no such call" lets a libc use the older one (as runc does).
	if (!("allow" in fallback)) append(Math.max(-1, ...byNumber.keys()) + 1, [ret({ errno: ENOSYS })]);
	// Replacing a block may have made two neighbours alike.
	return list.filter((segment, i) => i === 0 || !sameBlock(segment.block, list[i - 1]?.block ?? []));
}

const sameBlock = (a: Block, b: Block): boolean => a.length === 1 && b.length === 1 && a[0]?.k === b[0]?.k;

function blockOf(rules: readonly SeccompRule[], fallback: SeccompAction): Block {
	const block: Block = [];
	for (const rule of rules) {
		if (rule.args.length === 0) return [...block, ret(rule.action)];
		block.push(...ruleBlock(rule));
	}
	return [...block, ret(fallback)];
}

/** Tests one after another; the first that fails jumps behind the RET. */
function ruleBlock(rule: SeccompRule): Block {
	const FAIL = -1;
	const body: Block = [];
	for (const test of rule.args) body.push(...testBlock(test, FAIL));
	body.push(ret(rule.action));
	return body.map((instruction, i) => ({
		...instruction,
		jt: instruction.jt === FAIL ? body.length - i - 1 : instruction.jt,
		jf: instruction.jf === FAIL ? body.length - i - 1 : instruction.jf,
	}));
}

/** 64-bit arguments are compared in two halves: the high one first. */
function testBlock({ index, op, value, valueTwo }: ArgumentTest, fail: number): Block {
	const high = (n: bigint): number => Number((n >> 32n) & 0xffffffffn);
	const low = (n: bigint): number => Number(n & 0xffffffffn);
	const loadLow = load(offsetOfArgument(index));
	const loadHigh = load(offsetOfArgument(index) + 4);
	switch (op) {
		case "eq":
			return [loadHigh, jump(JMP_JEQ_K, high(value), 0, fail), loadLow, jump(JMP_JEQ_K, low(value), 0, fail)];
		case "ne":
			// The kernel looks at an int's low half only: a value that fits in it is compared so, or junk in the high
			// half would get it past the filter.
			if (high(value) === 0) return [loadLow, jump(JMP_JEQ_K, low(value), fail, 0)];
			return [loadHigh, jump(JMP_JEQ_K, high(value), 0, 2), loadLow, jump(JMP_JEQ_K, low(value), fail, 0)];
		case "masked-eq":
			return [
				loadHigh,
				jump(ALU_AND_K, high(value), 0, 0),
				jump(JMP_JEQ_K, high(valueTwo), 0, fail),
				loadLow,
				jump(ALU_AND_K, low(value), 0, 0),
				jump(JMP_JEQ_K, low(valueTwo), 0, fail),
			];
		case "gt":
			return [
				loadHigh,
				jump(JMP_JGT_K, high(value), 3, 0),
				jump(JMP_JEQ_K, high(value), 0, fail),
				loadLow,
				jump(JMP_JGT_K, low(value), 0, fail),
			];
		case "ge":
			return [
				loadHigh,
				jump(JMP_JGT_K, high(value), 3, 0),
				jump(JMP_JEQ_K, high(value), 0, fail),
				loadLow,
				jump(JMP_JGE_K, low(value), 0, fail),
			];
		case "lt":
			return [
				loadHigh,
				jump(JMP_JGT_K, high(value), fail, 0),
				jump(JMP_JEQ_K, high(value), 0, 2),
				loadLow,
				jump(JMP_JGE_K, low(value), fail, 0),
			];
		case "le":
			return [
				loadHigh,
				jump(JMP_JGT_K, high(value), fail, 0),
				jump(JMP_JEQ_K, high(value), 0, 2),
				loadLow,
				jump(JMP_JGT_K, low(value), fail, 0),
			];
	}
}

/** A balanced tree of "is the number at least …?". A conditional jump reaches 255 instructions, JA any distance. */
function search(list: readonly Segment[]): Instruction[] {
	if (list.length <= 1) return list[0]?.block ?? [];
	const middle = list.length >> 1;
	const left = search(list.slice(0, middle));
	const right = search(list.slice(middle));
	const from = list[middle]?.from ?? 0;
	if (left.length <= 255) return [jump(JMP_JGE_K, from, left.length, 0), ...left, ...right];
	return [jump(JMP_JGE_K, from, 0, 1), jump(JMP_JA, left.length, 0, 0), ...left, ...right];
}

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } */
function encode(program: readonly Instruction[]): Uint8Array {
	const bytes = new DataView(new ArrayBuffer(8 * program.length));
	program.forEach(({ code, jt, jf, k }, i) => {
		bytes.setUint16(8 * i, code, true);
		bytes.setUint8(8 * i + 2, jt);
		bytes.setUint8(8 * i + 3, jf);
		bytes.setUint32(8 * i + 4, k >>> 0, true);
	});
	return new Uint8Array(bytes.buffer);
}
