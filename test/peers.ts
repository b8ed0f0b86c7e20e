/** Debian's docker and podman, with state of their own, to compare with. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import type { Result } from "./fixture.ts";

async function spawn(command: string[], env: Readonly<Record<string, string>> = {}, cwd?: string): Promise<Result> {
	const child = Bun.spawn(command, {
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		env: { ...process.env, ...env },
		...(cwd ? { cwd } : {}),
	});
	const [stdout, stderr, code] = await Promise.all([
		new Response(child.stdout).text(),
		new Response(child.stderr).text(),
		child.exited,
	]);
	return { code, stdout, stderr };
}

async function ok(result: Promise<Result>, what: string): Promise<string> {
	const { code, stdout, stderr } = await result;
	if (code !== 0) throw new Error(`${what}: exit ${code}\n${stdout}${stderr}`);
	return stdout.replace(/\n$/, "");
}

/** Where their containers' cgroups are: both leave the directories behind, which removeCgroups() takes away. */
const CGROUP = `nc-peers-${process.pid}`;

export function removeCgroups(): void {
	const found = Bun.spawnSync(["find", "/sys/fs/cgroup", "-depth", "-path", `*/${CGROUP}*`, "-type", "d"]);
	for (const path of found.stdout.toString().split("\n").filter(Boolean)) rmdirSync(path);
}

/** A docker daemon of our own: no bridge, no rules, unless they are what is asked for. */
export class Docker implements AsyncDisposable {
	readonly #daemon: Bun.Subprocess;
	readonly #socket: string;

	readonly #data: string;

	private constructor(daemon: Bun.Subprocess, socket: string, data: string) {
		this.#data = data;
		this.#daemon = daemon;
		this.#socket = socket;
	}

	static async start(dir: string, { rules = false } = {}): Promise<Docker> {
		mkdirSync(dir, { recursive: true });
		const socket = `${dir}/docker.sock`;
		const daemon = Bun.spawn(
			[
				"/usr/sbin/dockerd",
				...["--data-root", `${dir}/data`, "--exec-root", `${dir}/exec`, "-p", `${dir}/pid`],
				...["-H", `unix://${socket}`],
				...(rules ? [] : ["--bridge", "none", "--iptables=false", "--ip6tables=false"]),
				...["--cgroup-parent", `/${CGROUP}`],
			],
			{ stdout: "ignore", stderr: Bun.file(`${dir}/log`) },
		);
		const docker = new Docker(daemon, socket, `${dir}/data`);
		for (let attempt = 0; ; attempt++) {
			if (existsSync(socket) && (await docker.run("version")).code === 0) return docker;
			if (attempt > 300 || daemon.exitCode !== null) {
				throw new Error(`dockerd does not start:\n${readFileSync(`${dir}/log`, "utf8")}`);
			}
			await Bun.sleep(100);
		}
	}

	/** `options.buildkit`: which of its two builders. */
	run(...args: (string | { readonly cwd?: string; readonly buildkit?: boolean })[]): Promise<Result> {
		const options = args.find((arg) => typeof arg === "object") ?? {};
		const words = args.filter((arg): arg is string => typeof arg === "string");
		return spawn(this.command(...words), { ...this.env, DOCKER_BUILDKIT: options.buildkit ? "1" : "0" }, options.cwd);
	}

	readonly command = (...words: string[]): string[] => ["/usr/bin/docker", ...words];

	get env(): Readonly<Record<string, string>> {
		return { DOCKER_HOST: `unix://${this.#socket}` };
	}

	ok(...args: Parameters<Docker["run"]>): Promise<string> {
		return ok(this.run(...args), `docker ${args.filter((arg) => typeof arg === "string").join(" ")}`);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#daemon.kill();
		await this.#daemon.exited;
		// It mounts its directory on itself, and does not always take that back.
		Bun.spawnSync(["umount", "-l", this.#data], { stderr: "ignore" });
	}
}

/** podman with a store of its own. */
export function podman(dir: string): (command: string, ...args: string[]) => Promise<string> {
	const own = ["--root", `${dir}/root`, "--runroot", `${dir}/run`, "--tmpdir", `${dir}/tmp`, "--storage-driver", "vfs"];
	const cgroups = ["--cgroup-manager", "cgroupfs", "--runtime", "runc"];
	return (command, ...args) => {
		const words = command === "run" ? [command, "--cgroup-parent", `/${CGROUP}`, ...args] : [command, ...args];
		return ok(spawn(["podman", ...own, ...cgroups, ...words]), `podman ${words.join(" ")}`);
	};
}
