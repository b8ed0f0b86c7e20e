/** Built images are docker's and podman's too, and what they are is what docker makes of the same Dockerfile. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Parser, type ReadEntry } from "tar";
import { BUILDKIT } from "../build/buildkit.ts";
import { CORPUS, type Entry } from "../build/corpus.ts";
import { Host, IMAGE, loopbackUp } from "../fixture.ts";
import { Docker, podman, removeCgroups } from "../peers.ts";
import { tarOf } from "../registry.ts";

loopbackUp();
const host = new Host();
let docker: Docker;
const pod = podman(`${host.dir}/podman`);

beforeAll(async () => {
	docker = await Docker.start(`${host.dir}/docker`);
	// Both begin with the same image.
	const context = contextOf({ dockerfile: `FROM ${IMAGE}`, files: {} });
	await host.ok("build", "-q", "-t", IMAGE, "-o", `type=docker,dest=${host.dir}/base.tar`, context);
	await docker.ok("load", "-i", `${host.dir}/base.tar`);
}, 60_000);
afterAll(async () => {
	await docker?.[Symbol.asyncDispose]();
	removeCgroups();
	await host.close();
});

let count = 0;
function contextOf({ dockerfile, files }: Pick<Entry, "dockerfile" | "files">): string {
	const dir = `${host.dir}/context${count++}`;
	mkdirSync(dir);
	for (const [path, content] of Object.entries({ Dockerfile: dockerfile, ...files })) {
		mkdirSync(dirname(`${dir}/${path}`), { recursive: true });
		writeFileSync(`${dir}/${path}`, content);
		utimesSync(`${dir}/${path}`, 1_500_000_000 + count, 1_500_000_000 + count);
	}
	return dir;
}

describe("archives of built images", () => {
	const dockerfile = `FROM ${IMAGE}\nWORKDIR /w\nENV FROM_BUILD=yes\nRUN echo layer > f && ln -s f l && chmod 4711 f\nCMD ["sh", "-c", "cat l; echo $FROM_BUILD; stat -c %a f; pwd"]`;
	// Its own limits would be higher than what a machine without CAP_SYS_RESOURCE may set.
	const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
	const flags = ["--rm", "--network", "none", ...limits];
	const expected = "layer\nyes\n4711\n/w";
	for (const type of ["docker", "oci"] as const) {
		test(`type=${type} runs under podman${type === "docker" ? " and docker" : ""}`, async () => {
			const archive = `${host.dir}/${type}.tar`;
			const name = `built-${type}:1`;
			const context = contextOf({ dockerfile, files: {} });
			await host.ok("build", "-q", "-t", name, "-o", `type=${type},dest=${archive}`, context);
			const loaded = await pod("load", "-q", "-i", archive);
			const image =
				loaded
					.split("\n")
					.at(-1)
					?.replace("Loaded image: ", "")
					.replace(/^.*sha256:/, "") ?? "";
			expect(await pod("run", ...flags, image)).toBe(expected);
			// This file is an OCI layout and docker's format in one, whatever it was asked to be.
			await docker.ok("load", "-i", archive);
			expect(await docker.ok("run", "--rm", "--network", "none", name)).toBe(expected);
		});
	}
});

const FIELDS = ["Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Labels", "ExposedPorts", "Volumes"].concat(
	"Healthcheck",
	"OnBuild",
	"Shell",
	"StopSignal",
);

interface ConfigFile {
	readonly config: Readonly<Record<string, unknown>>;
	readonly history: readonly unknown[];
}

const isNothing = (value: unknown): boolean =>
	value === undefined ||
	value === null ||
	value === "" ||
	(typeof value === "object" && Object.keys(value).length === 0);
const fieldsOf = ({ config }: ConfigFile) =>
	Object.fromEntries(FIELDS.map((name) => [name, isNothing(config[name]) ? null : config[name]]));

/** What docker puts into every container that it makes. */
const DOCKERS = /^(\.dockerenv|dev(\/.*)?|proc|sys|etc\/(hosts|hostname|resolv\.conf|mtab))$/;

/** A root file system's archive: path → type, mode, owner, size, link, content; times of what was copied. */
async function treeOf(archive: Uint8Array): Promise<Record<string, string>> {
	const tree: Record<string, string> = {};
	const parser = new Parser({
		onReadEntry(entry: ReadEntry) {
			const path = entry.path.replace(/^\.?\//, "").replace(/\/$/, "");
			const hash = new Bun.CryptoHasher("md5");
			entry.on("data", (chunk: Uint8Array) => hash.update(chunk));
			entry.on("end", () => {
				const mode = ((entry.mode ?? 0) & 0o7777).toString(8);
				const old = entry.mtime && entry.mtime.getTime() < 1_600_000_000_000 ? entry.mtime.getTime() : "new";
				const time = entry.type === "File" ? old : "";
				if (path === "" || DOCKERS.test(path)) return;
				const link = entry.type === "Link" ? "hard" : (entry.linkpath ?? "");
				tree[path] = [entry.type, mode, entry.uid, entry.gid, link, hash.digest("hex"), time].join(" ");
			});
		},
	});
	await new Promise<void>((resolve, reject) => {
		parser.on("end", resolve);
		parser.on("error", reject);
		parser.end(Buffer.from(archive));
	});
	return tree;
}

/** Entries whose words docker of Debian knows, with both of its builders. */
const shared = [...CORPUS, ...BUILDKIT].filter(({ peers }) => peers);

describe("the same Dockerfile", () => {
	test("enough of them are compared", () => expect(shared.length).toBeGreaterThanOrEqual(20));
	for (const entry of shared) {
		test(entry.name, async () => {
			const context = contextOf(entry);
			const flags = [...(entry.flags ?? []), "--network", "none"];
			const name = `same-${count}`;
			const archive = `${host.dir}/${name}.tar`;
			await host.ok("build", "-q", ...flags, "-t", name, "-o", `type=docker,dest=${archive}`, context);
			await docker.ok("build", "-q", ...flags, "-t", `docker-${name}`, ".", { cwd: context, buildkit: true });
			const configOf = async (image: string): Promise<ConfigFile> => {
				const [{ Config }] = JSON.parse(await docker.ok("image", "inspect", image));
				const history = await docker.ok("history", "-q", image);
				return { config: Config, history: history.split("\n") };
			};
			await docker.ok("load", "-i", archive);
			const [ours, theirs] = [await configOf(name), await configOf(`docker-${name}`)];
			expect(fieldsOf(ours)).toEqual(fieldsOf(theirs));
			expect(ours.history.length).toBe(theirs.history.length);
			const exported = async (image: string) => {
				const container = await docker.ok("create", "--network", "none", image, "x");
				const file = `${host.dir}/${name}-export.tar`;
				await docker.ok("export", "-o", file, container);
				await docker.ok("rm", container);
				return treeOf(await Bun.file(file).bytes());
			};
			expect(await exported(name)).toEqual(await exported(`docker-${name}`));
		});
	}
});

/** PAX headers of a tar archive: path → file capabilities, which are all that docker saves of extended attributes. */
function attributesOf(tar: Buffer): [string, string][] {
	const found: [string, string][] = [];
	let attributes: string[] = [];
	const field = (at: number, length: number) => tar.toString("latin1", at, at + length).replace(/\0.*$/s, "");
	for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
		const size = Number.parseInt(field(at + 124, 12), 8) || 0;
		if (field(at + 156, 1) === "x") {
			for (let p = at + 512; p < at + 512 + size; ) {
				const length = Number.parseInt(tar.toString("latin1", p, p + 12), 10);
				const record = tar.subarray(p, p + length - 1);
				const [, name] = /^\d+ SCHILY\.xattr\.(security\.capability)=/.exec(record.toString("latin1")) ?? [];
				if (name) attributes.push(`${name}=${record.subarray(record.indexOf(0x3d) + 1).toString("hex")}`);
				p += length;
			}
		} else {
			const path = field(at, 100).replace(/^\.?\/|\/$/g, "");
			if (attributes.length) found.push([path, attributes.sort().join(" ")]);
			attributes = [];
		}
		at += 512 + Math.ceil(size / 512) * 512;
	}
	return found;
}

test("file capabilities are the same: unpacked, copied and carried from stage to stage", async () => {
	const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
	const pax = { "SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.note": "kept" };
	const archive = tarOf([{ path: "tool", mode: 0o755, data: "tool", pax }]);
	const dockerfile = `FROM ${IMAGE} AS one\nADD caps.tar /x/\nFROM ${IMAGE}\nCOPY --from=one /x/tool /y/tool\nRUN cp -a /y/tool /z`;
	const context = contextOf({ dockerfile, files: {} });
	writeFileSync(`${context}/caps.tar`, archive);
	await host.ok(
		"build",
		"-q",
		"--network",
		"none",
		"-t",
		"caps",
		"-o",
		`type=docker,dest=${host.dir}/caps.tar`,
		context,
	);
	await docker.ok("load", "-i", `${host.dir}/caps.tar`);
	await docker.ok("build", "-q", "--network", "none", "-t", "docker-caps", ".", { cwd: context, buildkit: true });
	const saved = async (image: string) => {
		await docker.ok("save", "-o", `${host.dir}/saved.tar`, image);
		const attributes = new Map<string, string>();
		const parser = new Parser({
			onReadEntry(entry: ReadEntry) {
				const parts: Buffer[] = [];
				entry.on("data", (chunk: Buffer) => parts.push(Buffer.from(chunk)));
				entry.on("end", () => {
					if (!entry.path.endsWith(".tar")) return;
					for (const [path, text] of attributesOf(Buffer.concat(parts))) attributes.set(path, text);
				});
			},
		});
		await new Promise((resolve, reject) => {
			parser.on("end", resolve).on("error", reject);
			parser.end(Buffer.from(readFileSync(`${host.dir}/saved.tar`)));
		});
		return Object.fromEntries(attributes);
	};
	const theirs = await saved("docker-caps");
	expect(theirs["y/tool"]).toContain("security.capability=");
	expect(await saved("caps")).toEqual(theirs);
});
