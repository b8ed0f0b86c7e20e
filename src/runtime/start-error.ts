/** A failed operation of the plan, as a sentence. */
import { EngineError } from "../errors.ts";
import { EACCES, EINVAL, ELOOP, ENODEV, ENOENT, ENOSYS, ENOTDIR, errnoText } from "../sys/errno.ts";
import { kernelRelease } from "../sys/kernel.ts";
import type { Operation } from "./operations.ts";

/** Its texts are loaded when something has failed. */
function failureText(operation: Operation | undefined, errno: number): string {
	const texts = require("./operation-texts.ts") as typeof import("./operation-texts.ts");
	return texts.failureText(operation, errno);
}

/** What the kernel lacks, and what still works without it. */
function missingFeature(operation: Operation | undefined, errno: number): string | undefined {
	if (operation?.code.startsWith("overlay") && errno === ENODEV) {
		return `This kernel (${kernelRelease()}) has no overlay file system (module overlay): containers cannot be started; pull, images and inspect work`;
	}
	if (operation?.code === "monitor" && (errno === EINVAL || errno === ENOSYS)) {
		return "This kernel lacks clone3(2) or a namespace (pid, uts, ipc, mount, network): containers cannot be started; pull, images and inspect work";
	}
	if (operation?.code === "pivot-root" && errno === EINVAL) {
		return "The root directory here is no mount point, and nothing can be mounted over it, so no container could leave it: bind it on itself first (mount --bind DIR DIR) and chroot again";
	}
	if (operation?.code === "mount" && errno === ELOOP) {
		return `The image has a symbolic link at ${operation.strings[1]}, where a file system of the kernel must be mounted: such an image is not started`;
	}
	if (operation?.code === "mount" && errno === ENODEV) {
		return `This kernel (${kernelRelease()}) has no file system "${operation.strings[0]}", which every container gets: containers cannot be started; pull, images and inspect work`;
	}
	if (operation?.code === "tree" && operation.strings.length > 2 && errno === EINVAL) {
		return `The file system of ${operation.strings[0]} cannot map ids on this kernel (${kernelRelease()}): leave out idmap (mount_setattr(2) lists those that can)`;
	}
	return errno === ENOSYS && operation
		? `This kernel is too old (Linux 5.12 is needed): ${failureText(operation, errno)}; pull, images and inspect work`
		: undefined;
}

/** Why a process did not come to run. A program that cannot be executed is told in docker's texts, which scripts look for. */
export function startError(operation: Operation | undefined, errno: number): EngineError {
	const lacking = missingFeature(operation, errno);
	if (lacking) return new EngineError("unsupported", lacking);
	if (operation?.code !== "execve") return new EngineError("failed", failureText(operation, errno));
	const name = String(operation.strings[Number(operation.numbers[0])]);
	const searched = !name.includes("/");
	if (searched && (errno === ENOENT || errno === ENOTDIR)) {
		return new EngineError("command-not-found", `exec: ${JSON.stringify(name)}: executable file not found in $PATH`);
	}
	if (errno === ENOENT || errno === ENOTDIR) {
		return new EngineError("command-not-found", `exec: ${JSON.stringify(name)}: stat ${name}: ${errnoText(errno)}`);
	}
	if (errno === EACCES)
		return new EngineError("command-not-executable", `exec: ${JSON.stringify(name)}: permission denied`);
	return new EngineError("command-not-executable", `exec ${name}: ${errnoText(errno)}`);
}
