/** The compiled binary with a state of its own, and the check that nothing of it is left. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";

export const BINARY = `${import.meta.dir}/../NanoContainer`;
export const IMAGE = "nanocontainer/busybox";

export interface Result {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface Options {
	readonly stdin?: string | Uint8Array;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
}

/** A host: root and run directories, and the program bound to them. */
export class Host {
	readonly dir = mkdtempSync("/tmp/nc-e2e-");
	readonly root = `${this.dir}/root`;
	readonly run = `${this.dir}/run`;

	command(...args: string[]): string[] {
		return [BINARY, "--root", this.root, "--run", this.run, ...args];
	}

	/** Runs a command to its end. */
	async nc(...args: (string | Options)[]): Promise<Result> {
		const options = args.find((arg): arg is Options => typeof arg === "object") ?? {};
		const child = Bun.spawn(this.command(...args.filter((arg): arg is string => typeof arg === "string")), {
			stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin as string),
			stdout: "pipe",
			stderr: "pipe",
			env: { ...process.env, ...options.env },
			...(options.cwd ? { cwd: options.cwd } : {}),
		});
		const [stdout, stderr, code] = await Promise.all([
			new Response(child.stdout).text(),
			new Response(child.stderr).text(),
			child.exited,
		]);
		return { code, stdout, stderr };
	}

	/** The same; throws unless it succeeded. Returns standard output without its last newline. */
	async ok(...args: (string | Options)[]): Promise<string> {
		const { code, stdout, stderr } = await this.nc(...args);
		if (code !== 0)
			throw new Error(`${args.filter((arg) => typeof arg === "string").join(" ")}: exit ${code}\n${stderr}`);
		return stdout.replace(/\n$/, "");
	}

	/** Runs a shell command in a new container that is removed after. */
	async sh(script: string, ...flags: string[]): Promise<Result> {
		return this.nc("run", "--rm", "--network", "none", ...flags, IMAGE, "sh", "-c", script);
	}

	/** What is left of this host in the kernel and on disk, besides images and named volumes. Empty is right. */
	async leftovers(): Promise<string[]> {
		await this.nc("ps", "-a"); // the next command tidies up
		const found: string[] = [];
		for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
			if (line.includes(this.dir)) found.push(`mount ${line.split(" ")[4]}`);
		}
		for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
			const command = readText(`/proc/${pid}/cmdline`);
			if (command.includes(this.dir) || (/^nanocontainer-(monitor|proxy)/.test(command) && this.#owns(command))) {
				found.push(`process ${pid} ${command.replaceAll("\0", " ")}`);
			}
		}
		for (const dir of [`${this.root}/containers`, `${this.run}/containers`, `${this.root}/staging`]) {
			if (existsSync(dir)) found.push(...readdirSync(dir).map((name) => `${dir}/${name}`));
		}
		for (const dir of containerCgroups()) {
			if (!this.#cgroupsBefore.has(dir) && readText(`${dir}/cgroup.procs`) === "") found.push(`cgroup ${dir}`);
		}
		found.push(...(await links()).filter((name) => name.startsWith("veth")).map((name) => `link ${name}`));
		return found;
	}

	#owns(command: string): boolean {
		const id = command.split("\0")[1] ?? "";
		return this.#ids.has(id.slice(0, 12));
	}
	readonly #ids = new Set<string>();
	readonly #cgroupsBefore = new Set(containerCgroups());

	/** Removes everything. Throws if a test left something behind. */
	async close(): Promise<void> {
		const ids = (await this.ok("ps", "-aq")).split("\n").filter(Boolean);
		for (const id of ids) this.#ids.add(id);
		if (ids.length) await this.nc("rm", "-f", "-v", ...ids);
		const left = await settled(() => this.leftovers());
		rmSync(this.dir, { recursive: true, force: true });
		if (left.length) throw new Error(`left behind:\n${left.join("\n")}`);
	}
}

/** Cgroups of containers, in every tree that there is. */
function containerCgroups(): string[] {
	const trees = ["/sys/fs/cgroup", ...namesIn("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}`)];
	return trees
		.flatMap((tree) => namesIn(`${tree}/nanocontainer`).map((name) => `${tree}/nanocontainer/${name}`))
		.filter((path) => existsSync(`${path}/cgroup.procs`));
}

function namesIn(directory: string): string[] {
	try {
		return readdirSync(directory);
	} catch {
		return [];
	}
}

/** The kernel takes a moment to take a network namespace apart: asks until the answer is empty, at most 5 s. */
export async function settled(ask: () => Promise<string[]>): Promise<string[]> {
	for (let attempt = 0; ; attempt++) {
		const answer = await ask();
		if (answer.length === 0 || attempt === 50) return answer;
		await Bun.sleep(100);
	}
}

/** Names of the links in this network namespace. */
export async function links(): Promise<string[]> {
	const text = await new Response(Bun.spawn(["ip", "-o", "link"], { stdout: "pipe" }).stdout).text();
	return [...text.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? "");
}

export function readText(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}

/** Asks until `test` holds; throws when that takes too long. */
export async function until(test: () => Promise<boolean> | boolean, what: string, timeoutMs = 10_000): Promise<void> {
	for (let attempt = 0; attempt < timeoutMs / 10; attempt++) {
		if (await test()) return;
		await Bun.sleep(10);
	}
	throw new Error(`waited in vain for ${what}`);
}

/** Brings loopback up in the suite's own network namespace. */
export function loopbackUp(): void {
	Bun.spawnSync(["ip", "link", "set", "lo", "up"]);
}
