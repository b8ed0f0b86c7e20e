/**
 * The last part of the plan, the same for a container's first process and for exec: credentials(7), capabilities(7),
 * seccomp(2), and the program itself.
 */
import type { ProcessConfig } from "./config.ts";
import { type Operation, op } from "./operations.ts";

export function identity(process: ProcessConfig, seccomp: Uint8Array | undefined): Operation[] {
	const { user, capabilities: caps } = process;
	const plan: Operation[] = [op.umask(process.umask), op.chdir(process.cwd)];
	if (process.noNewPrivileges) plan.push(op.noNewPrivs());
	// Without no_new_privs, installing a filter needs CAP_SYS_ADMIN, so it comes before capabilities go. What
	// follows (prctl, capset, setresuid, execve) the filter must allow, and docker's default does.
	else if (seccomp) plan.push(op.seccomp(seccomp));
	plan.push(op.capBounding(caps.bounding));
	plan.push(op.setgroups(user.additionalGids));
	if (user.uid !== 0) {
		// setresuid(2) from 0 to another clears the permitted set, unless it is to be kept for the next step.
		plan.push(op.keepcaps(true), op.setids(user.uid, user.gid), op.keepcaps(false));
	} else if (user.gid !== 0) {
		plan.push(op.setids(user.uid, user.gid));
	}
	plan.push(op.capset(caps.effective, caps.permitted, caps.inheritable, "no more than was asked for"));
	if (caps.ambient !== 0n) plan.push(op.capAmbient(caps.ambient));
	if (process.noNewPrivileges && seccomp) plan.push(op.seccomp(seccomp));
	return plan;
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Closing what is open, and execve(2). A name without a slash is looked for in the container's PATH. */
export function program(process: ProcessConfig): Operation[] {
	const name = process.args[0] ?? "";
	let path = "";
	for (const line of process.env) if (line.startsWith("PATH=")) path = line.slice(5); // the last counts
	path ||= DEFAULT_PATH;
	const candidates =
		name === "" || name.includes("/")
			? [name]
			: path.split(":").map((dir) => (dir ? `${dir}${dir.endsWith("/") ? "" : "/"}${name}` : `./${name}`));
	return [op.closeFds(), op.execve(candidates, process.args, process.env)];
}
