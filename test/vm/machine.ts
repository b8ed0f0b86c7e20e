/** A virtual machine: an initramfs with NanoContainer as its first process, a kernel, QEMU. */
import { readFileSync, writeFileSync } from "node:fs";
import { type CpioEntry, directory, encodeCpio, file, link } from "./cpio.ts";
import { type Kernel, type ModuleOptions, moduleEntries } from "./kernel.ts";

export interface MachineOptions {
	readonly kernel: Kernel;
	readonly arch: "x64" | "arm64";
	/** The executable to boot; undefined: it is not in the initramfs. */
	readonly program: string | undefined;
	/** The kernel's; default: the first serial line, which is what output() tells. */
	readonly console?: string;
	/** For the kernel's command line. */
	readonly parameters?: readonly string[];
	/** More files of the initramfs. */
	readonly files?: readonly CpioEntry[];
	readonly modules?: ModuleOptions;
	/** MB */
	readonly memory?: number;
	readonly cpus?: number;
	/** Raw images of disks. */
	readonly disks?: readonly string[];
	/** QEMU's -netdev. */
	readonly network?: string;
	/** More of QEMU's. */
	readonly qemu?: readonly string[];
	/** What /init is a link to; default: NanoContainer. */
	readonly init?: string;
}

export function initramfs({
	kernel,
	program,
	files = [],
	modules = {},
	init = "NanoContainer",
}: MachineOptions): Buffer {
	return encodeCpio([
		directory("dev"),
		{ name: "dev/console", mode: 0o020600, device: { major: 5, minor: 1 } },
		...moduleEntries(kernel, modules),
		...(program === undefined ? [] : [file("NanoContainer", readFileSync(program), 0o755)]),
		link("init", init),
		...files,
	]);
}

/** A network that leads nowhere but to QEMU's own DHCP and DNS. */
const ISOLATED = "user,restrict=on";

/** QEMU's command line. Software emulation, with a thread for each processor. */
export function qemuCommand(options: MachineOptions, initrd: string): string[] {
	const { arch, kernel, memory = 768, cpus = 2, disks = [], parameters = [], network = ISOLATED } = options;
	const { console = arch === "arm64" ? "ttyAMA0" : "ttyS0" } = options;
	const machine =
		arch === "arm64"
			? ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"]
			: ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"];
	return [
		...machine,
		...["-accel", "tcg,thread=multi", "-smp", String(cpus), "-m", `${memory}M`],
		...["-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
		...["-kernel", kernel.image, "-initrd", initrd],
		...["-append", [`console=${console}`, "quiet", "panic=-1", ...parameters].join(" ")],
		...disks.flatMap((path) => ["-drive", `file=${path},if=virtio,format=raw,cache=unsafe`]),
		...["-netdev", `${network},id=net`, "-device", "virtio-net-pci,netdev=net,romfile="],
		...(options.qemu ?? []),
	];
}

export interface Booted {
	/** Everything that was on the console. */
	readonly output: () => string;
	/** Waits until the console has said it; rejects when the machine ends before, or it takes too long. */
	readonly says: (what: RegExp | string, timeoutMs?: number) => Promise<string>;
	readonly type: (text: string) => void;
	/** Ends it as a power cut would. */
	readonly cut: () => Promise<void>;
	/** Waits for its own end. */
	readonly ended: (timeoutMs?: number) => Promise<void>;
	/** Milliseconds since QEMU started. */
	readonly age: () => number;
	readonly pid: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;

export function bootMachine(options: MachineOptions, scratch: string): Booted {
	const initrd = `${scratch}/initrd-${crypto.randomUUID()}`;
	writeFileSync(initrd, initramfs(options));
	const began = performance.now();
	const process = Bun.spawn(qemuCommand(options, initrd), { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
	let output = "";
	let over = false;
	let wake = Promise.withResolvers<void>();
	const moved = () => {
		wake.resolve();
		wake = Promise.withResolvers();
	};
	const read = async (stream: ReadableStream<Uint8Array>) => {
		const decoder = new TextDecoder();
		for await (const chunk of stream) {
			output += decoder.decode(chunk, { stream: true });
			moved();
		}
	};
	void Promise.all([read(process.stdout), read(process.stderr), process.exited]).then(() => {
		over = true;
		moved();
	});
	const until = async <T>(what: string, timeoutMs: number, test: () => T | undefined): Promise<T> => {
		const deadline = performance.now() + timeoutMs;
		for (;;) {
			const found = test();
			if (found !== undefined) return found;
			const left = deadline - performance.now();
			if (left <= 0) throw new Error(`${what}: not within ${timeoutMs} ms. The console:\n${output.slice(-4000)}`);
			const timer = Promise.withResolvers<void>();
			const alarm = setTimeout(timer.resolve, left);
			await Promise.race([wake.promise, timer.promise]);
			clearTimeout(alarm);
		}
	};
	return {
		output: () => output,
		says: (what, timeoutMs = DEFAULT_TIMEOUT_MS) =>
			until(`"${what}"`, timeoutMs, () => {
				const found = typeof what === "string" ? (output.includes(what) ? what : undefined) : what.exec(output)?.[0];
				if (found === undefined && over)
					throw new Error(`the machine ended without "${what}":\n${output.slice(-4000)}`);
				return found;
			}),
		type: (text) => {
			process.stdin.write(text);
			process.stdin.flush();
		},
		cut: async () => {
			process.kill("SIGKILL");
			await process.exited;
		},
		ended: async (timeoutMs = DEFAULT_TIMEOUT_MS) => {
			await until("the end of the machine", timeoutMs, () => (over ? true : undefined));
		},
		age: () => performance.now() - began,
		pid: process.pid,
	};
}
