/** bpf(2): loading a program and attaching it to a cgroup. The program lives as long as the cgroup does. */
import { addressOf, SyscallError, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** A cgroup below may have programs of its own: all must agree. */
const BPF_F_ALLOW_MULTI = 2;
const ATTR_SIZE = 128;

/** Restricts the devices of a cgroup by a program (cgroup/device-bpf.ts makes one). Throws SyscallError. */
export function attachDeviceProgram(cgroup: number, instructions: Uint8Array): void {
	const licence = new TextEncoder().encode("MIT\0");
	const load = new DataView(new ArrayBuffer(ATTR_SIZE));
	load.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
	load.setUint32(4, instructions.length / 8, true);
	load.setBigUint64(8, BigInt(addressOf(instructions)), true);
	load.setBigUint64(16, BigInt(addressOf(licence)), true);
	const loaded = trySyscall("bpf", BPF_PROG_LOAD, load, ATTR_SIZE);
	// Both are held until here: the kernel reads them by their addresses.
	if (loaded < 0 || instructions.length + licence.length === 0)
		throw new SyscallError("bpf", "device program", -loaded);
	using program = new Fd(loaded);
	const attach = new DataView(new ArrayBuffer(ATTR_SIZE));
	attach.setUint32(0, cgroup, true);
	attach.setUint32(4, program.number, true);
	attach.setUint32(8, BPF_CGROUP_DEVICE, true);
	attach.setUint32(12, BPF_F_ALLOW_MULTI, true);
	const attached = trySyscall("bpf", BPF_PROG_ATTACH, attach, ATTR_SIZE);
	if (attached < 0) throw new SyscallError("bpf", "device program on the cgroup", -attached);
}
