/** What is for another machine: files of Debian packages of any architecture, and Bun. Nothing is installed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";

export type DebianArch = "amd64" | "arm64";

const CACHE = `${import.meta.dir}/../build/debian`;

function run(command: readonly string[], cwd: string): string {
	const result = Bun.spawnSync([...command], { cwd, stdout: "pipe", stderr: "pipe" });
	if (!result.success) throw new Error(`${command[0]} failed: ${result.stderr.toString().trim().split("\n").at(-1)}`);
	return result.stdout.toString();
}

/** apt with lists and cache of its own, so that another architecture does not become the machine's. */
function aptOptions(arch: DebianArch): string[] {
	const state = `${CACHE}/apt-${arch}`;
	for (const dir of ["lists/partial", "cache/archives/partial"]) mkdirSync(`${state}/${dir}`, { recursive: true });
	return [
		...["-q", "-o", `APT::Architecture=${arch}`, "-o", `APT::Architectures=${arch}`],
		...["-o", `Dir::State::lists=${state}/lists`, "-o", `Dir::Cache=${state}/cache`],
		...["-o", "Dir::State::status=/dev/null", "-o", "APT::Sandbox::User="],
	];
}

/**
 * Downloads and unpacks `name`; returns the directory, which is kept for the next time. A package that only depends
 * on another (linux-image-cloud-amd64) is followed to that. Errors: apt's or dpkg's last words.
 */
export function debianPackage(name: string, arch: DebianArch): string {
	const out = `${CACHE}/${arch}/${name}`;
	if (existsSync(out)) return out;
	const options = aptOptions(arch);
	const lists = readdirSync(`${CACHE}/apt-${arch}/lists`);
	if (!lists.some((file) => file.includes("_Packages"))) run(["apt-get", ...options, "update"], CACHE);
	const depends = run(["apt-cache", ...options, "depends", name], CACHE);
	const real = /^linux-image-cloud/.test(name) ? (/Depends: (\S+)/.exec(depends)?.[1] ?? name) : name;
	const staging = `${out}.part`;
	rmSync(staging, { recursive: true, force: true });
	mkdirSync(`${staging}/files`, { recursive: true });
	run(["apt-get", ...options, "download", real], staging);
	const archive = readdirSync(staging).find((file) => file.endsWith(".deb"));
	if (!archive) throw new Error(`apt-get downloaded nothing for ${real}`);
	run(["dpkg-deb", "-x", archive, "files"], staging);
	renameSync(`${staging}/files`, out);
	rmSync(staging, { recursive: true, force: true });
	return out;
}

/** Bun's executable for another architecture, out of its npm package, of the version that package.json pins. */
export function bunFor(arch: "x64" | "arm64"): string {
	const name = arch === "arm64" ? "bun-linux-aarch64" : "bun-linux-x64";
	const { devDependencies } = JSON.parse(readFileSync(`${import.meta.dir}/../package.json`, "utf8"));
	const dir = `${CACHE}/../npm/${name}-${devDependencies.bun}`;
	const program = `${dir}/package/bin/bun`;
	if (existsSync(program)) return program;
	mkdirSync(dir, { recursive: true });
	run(["npm", "pack", "--silent", `@oven/${name}@${devDependencies.bun}`], dir);
	const archive = readdirSync(dir).find((file) => file.endsWith(".tgz"));
	if (!archive) throw new Error(`npm packed nothing for @oven/${name}`);
	run(["tar", "xzf", archive], dir);
	rmSync(`${dir}/${archive}`);
	return program;
}
