/** What others write archives with. Each makes one of a whole directory; what a format cannot hold, it leaves out. */
import { mkdtempSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { create } from "tar";

export interface Writer {
	readonly name: string;

	readonly write: (directory: string, archive: string) => Promise<void>;
}

/** Standard error is left: writers say there which names do not fit their format. */
async function run(command: readonly string[], output?: string): Promise<void> {
	if (output) rmSync(output, { force: true }); // Bun writes over what is there, and cuts nothing off
	const child = Bun.spawn([...command], { stdout: output ? Bun.file(output) : "ignore", stderr: "ignore" });
	await child.exited;
}

const gnu = (name: string, ...flags: string[]): Writer => ({
	name: `GNU tar ${name}`,
	write: (directory, archive) => run(["tar", "-C", directory, ...flags, "-cf", archive, "."]),
});
const bsd = (format: string): Writer => ({
	name: `bsdtar ${format}`,
	write: (directory, archive) => run(["bsdtar", "-C", directory, "--format", format, "-cf", archive, "."]),
});
const python = (format: string): Writer => ({
	name: `Python ${format}`,
	write: (directory, archive) => run(["python3", `${import.meta.dir}/write.py`, format, directory, archive]),
});

let built: string | undefined;
function goProgram(): string {
	if (built) return built;
	const dir = mkdtempSync("/tmp/nc-go-");
	const result = Bun.spawnSync(["go", "build", "-o", `${dir}/write`, `${import.meta.dir}/write.go`], {
		env: { ...process.env, GOCACHE: `${dir}/cache`, GO111MODULE: "off", CGO_ENABLED: "0", GOFLAGS: "" },
		stderr: "pipe",
	});
	if (!result.success) throw new Error(`go build: ${result.stderr}`);
	built = `${dir}/write`;
	return built;
}
/** What was compiled for it goes. */
export function removeGoProgram(): void {
	if (built) rmSync(dirname(built), { recursive: true });
	built = undefined;
}
const go = (format: string): Writer => ({
	name: `Go ${format}`,
	write: (directory, archive) => run([goProgram(), format, directory], archive),
});

const npm = (name: string, portable: boolean): Writer => ({
	name: `npm tar ${name}`,
	write: (directory, archive) =>
		create(
			{
				file: archive,
				cwd: directory,
				portable,
				preservePaths: true,
				jobs: 1, // with more it waits for ever for names that lead to the same file

				filter: (_, stat) => !("isFIFO" in stat && stat.isFIFO()),
			},
			["."],
		),
});

export const WRITERS: readonly Writer[] = [
	...["v7", "oldgnu", "gnu", "ustar", "pax"].map((format) => gnu(format, `--format=${format}`)),
	...["oldgnu", "gnu"].map((format) => gnu(`${format} sparse`, `--format=${format}`, "--sparse")),
	...["0.0", "0.1", "1.0"].map((version) =>
		gnu(`pax sparse ${version}`, "--format=pax", "--sparse", `--sparse-version=${version}`),
	),
	gnu("pax xattrs", "--format=pax", "--xattrs", "--xattrs-include=*"),
	...["v7", "ustar", "gnutar", "pax", "restricted"].map(bsd),
	{ name: "busybox tar", write: (directory, archive) => run(["busybox", "tar", "-C", directory, "-cf", archive, "."]) },
	...["ustar", "gnu", "pax"].map(python),
	npm("plain", false),
	...["ustar", "gnu", "pax", "auto"].map(go),
];
