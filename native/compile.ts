/** Compiles the C of this folder for the machine's architecture, or with Debian's cross compiler for the other one. */
import type { Arch } from "./self-contained.ts";

const CROSS: Readonly<Record<Arch, string>> = { x64: "x86_64-linux-gnu-gcc", arm64: "aarch64-linux-gnu-gcc" };
const CROSS_PACKAGE: Readonly<Record<Arch, string>> = {
	x64: "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
	arm64: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
};
const STRICT = ["-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];

/** Nothing may be assumed to be set up where the start-up runs: no library, no stack protector, no relocation. */
const FREESTANDING = [
	...["-ffreestanding", "-nostdlib", "-static", "-fpie", "-fvisibility=hidden"],
	...["-fno-stack-protector", "-fno-builtin", "-fno-asynchronous-unwind-tables"],
	...["-Wl,--build-id=none", "-Wl,-T,native/start/start.ld"],
];

/** musl makes the smallest file; glibc works too. */
function compilerFor(arch: Arch): string {
	const candidates = arch === process.arch ? ["musl-gcc", "cc"] : [CROSS[arch]];
	const found = candidates.find((name) => Bun.which(name));
	if (found) return found;
	const packages = arch === process.arch ? "musl-tools (or gcc and libc6-dev)" : CROSS_PACKAGE[arch];
	throw new Error(`no C compiler found: apt-get install ${packages}`);
}

function compile(arch: Arch, flags: readonly string[], out: string, ...patterns: string[]): string {
	const compiler = compilerFor(arch);
	const sources = patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync()].sort());
	const result = Bun.spawnSync([compiler, ...STRICT, ...flags, "-o", out, ...sources], { stderr: "pipe" });
	if (!result.success) throw new Error(`${compiler} failed:\n${result.stderr}`);
	return out;
}

/** The monitor, init and what stands beside containers for their network: one static ELF. */
export const compileMonitor = (arch: Arch, out: string): string => compile(arch, ["-static", "-I", "native"], out, "native/*.c", "native/net/*.c");

/** The start-up of the executable (native/start/start.c). */
export const compileStart = (arch: Arch, out: string): string => compile(arch, FREESTANDING, out, "native/start/*.c");
