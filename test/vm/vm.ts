/**
 * `bun run vm [--arch arm64] [--memory MB] [KERNEL PARAMETERS…]`: builds an initramfs of NanoContainer and a few modules
 * and nothing else, and starts it in QEMU. Without parameters of yours, a shell in a container has the console;
 * `poweroff -f` in it ends the machine.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ensurePackages } from "../packages.ts";
import { debianKernel } from "./kernel.ts";
import { initramfs, type MachineOptions, qemuCommand } from "./machine.ts";

const { values, positionals } = parseArgs({
	options: { arch: { type: "string", default: process.arch }, memory: { type: "string", default: "768" } },
	allowPositionals: true,
});
const arch = values.arch === "arm64" || values.arch === "aarch64" ? "arm64" : "x64";

process.chdir(`${import.meta.dir}/../..`);
ensurePackages(arch === "arm64" ? "vm-arm64" : "vm");
const program = arch === process.arch ? "NanoContainer" : `NanoContainer-${arch}`;
if (!existsSync(program)) {
	const built = Bun.spawnSync([process.execPath, "build.ts", "--arch", arch], {
		stdio: ["ignore", "inherit", "inherit"],
	});
	if (!built.success) process.exit(1);
}
const options: MachineOptions = {
	kernel: debianKernel(arch === "arm64" ? "arm64" : "amd64"),
	arch,
	program,
	memory: Number(values.memory),
	parameters: positionals.length ? positionals : ["nanocontainer.console"],
};
mkdirSync("build/vm", { recursive: true });
const initrd = "build/vm/initramfs.cpio";
writeFileSync(initrd, initramfs(options));
process.stderr.write(`Linux ${options.kernel.release}, an initramfs with NanoContainer alone: ${initrd}\n`);
const qemu = Bun.spawn(qemuCommand(options, initrd), { stdio: ["inherit", "inherit", "inherit"] });
process.exit(await qemu.exited);
