/** What is stored: archives that are loaded, and the check of all of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Host, IMAGE } from "../fixture.ts";
import { sha256, type TarFile, tarOf } from "../registry.ts";

const host = new Host();
afterAll(() => host.close());
const file = (name: string) => `${host.dir}/${name}`;

beforeAll(async () => {
	mkdirSync(file("context"));
	writeFileSync(file("context/Dockerfile"), `FROM ${IMAGE}\nRUN echo made > /made\nCMD cat /made\n`);
	for (const type of ["docker", "oci"]) {
		await host.ok("build", "-q", "-t", "app:1", "-o", `type=${type},dest=${file(`${type}.tar`)}`, file("context"));
	}
});

/** `docker save` before containerd: a directory a layer, each with a layer.tar; one is a link to another. */
function savedArchive(change: (files: TarFile[]) => void = () => {}): Buffer {
	const layer = tarOf([{ path: "old", data: "layer\n" }]);
	const config = JSON.stringify({
		...{ architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" },
		...{ config: { Cmd: ["/old"] }, rootfs: { type: "layers", diff_ids: [sha256(layer), sha256(layer)] } },
	});
	const files: TarFile[] = [
		{ path: "a/", type: "Directory" },
		{ path: "a/layer.tar", data: layer },
		{ path: "b/layer.tar", type: "SymbolicLink", linkpath: "../a/layer.tar" },
		{ path: "config.json", data: config },
		{
			path: "manifest.json",
			data: JSON.stringify([
				{ Config: "config.json", RepoTags: ["old:1", "old:2"], Layers: ["a/layer.tar", "b/layer.tar"] },
			]),
		},
	];
	change(files);
	return tarOf(files);
}

describe("load", () => {
	test("docker's archive and an OCI layout, from a file and on standard input, compressed or not", async () => {
		expect(await host.ok("load", "-i", file("docker.tar"))).toBe("Loaded image: app:1");
		expect(await host.ok("run", "--rm", "--network", "none", "app:1")).toBe("made");
		const id = await host.ok("inspect", "-f", "{{.Id}}", "app:1");
		await host.ok("rmi", "-f", "app:1");
		const oci = readFileSync(file("oci.tar"));
		for (const bytes of [oci, gzipSync(oci), zstdCompressSync(oci)]) {
			expect(await host.ok("load", { stdin: bytes })).toBe("Loaded image: app:1");
		}
		expect(await host.ok("inspect", "-f", "{{.Id}}", "app:1")).toBe(id);
	});
	test("what docker save once made, with all its names", async () => {
		expect(await host.ok("load", { stdin: savedArchive() })).toBe("Loaded image: old:1\nLoaded image: old:2");
		expect(await host.ok("inspect", "-f", "{{.Config.Cmd}} {{len .RootFS.Layers}}", "old:2")).toBe("[/old] 2");
	});
	test("of two files with the same name the last one counts", async () => {
		const twice = savedArchive((files) =>
			files.unshift({ path: "config.json", data: "{" }, { path: "manifest.json", data: "[" }),
		);
		expect(await host.ok("load", { stdin: twice })).toContain("Loaded image: old:1");
	});
	/** An OCI layout of images, each a list of blobs with the layers that they unpack to. */
	function layout(images: { name: string; layers: { blob: Uint8Array; diffId: string }[] }[]): Buffer {
		const blobs = new Map<string, Uint8Array>();
		const put = (bytes: Uint8Array | string) => {
			const content = Buffer.from(bytes as Uint8Array);
			blobs.set(sha256(content), content);
			return { digest: sha256(content), size: content.length };
		};
		const architecture = process.arch === "arm64" ? "arm64" : "amd64";
		const manifests = images.map(({ name, layers }) => {
			const diff_ids = layers.map(({ diffId }) => diffId);
			const config = put(
				JSON.stringify({ architecture, os: "linux", author: name, rootfs: { type: "layers", diff_ids } }),
			);
			const manifest = { schemaVersion: 2, config, layers: layers.map(({ blob }) => put(blob)) };
			return { ...put(JSON.stringify(manifest)), annotations: { "io.containerd.image.name": name } };
		});
		const files = [...blobs].map(([digest, data]) => ({ path: `blobs/sha256/${digest.slice(7)}`, data }));
		return tarOf([...files, { path: "index.json", data: JSON.stringify({ schemaVersion: 2, manifests }) }]);
	}
	const layerOf = (text: string) => {
		const blob = tarOf([{ path: "file", data: text }]);
		return { blob, diffId: sha256(blob) };
	};

	test("images that share a layer; one content compressed in two ways", async () => {
		const base = layerOf("shared");
		const again = { blob: gzipSync(base.blob), diffId: base.diffId };
		const stdin = layout([
			{ name: "docker.io/library/one:1", layers: [base, layerOf("one")] },
			{ name: "docker.io/library/two:1", layers: [base, again] },
		]);
		expect(await host.ok("load", { stdin })).toBe("Loaded image: one:1\nLoaded image: two:1");
		expect((await host.nc("system", "check")).stdout).toContain("No problem");
	});
	test("a blob that is to be two layers, and a name with a digest, are not believed", async () => {
		const base = layerOf("contradiction");
		const other = { blob: base.blob, diffId: `sha256:${"a".repeat(64)}` };
		const { code, stderr } = await host.nc("load", { stdin: layout([{ name: "x.io/liar:1", layers: [base, other] }]) });
		expect([code, stderr.includes("two DiffIDs for the layer")]).toEqual([1, true]);
		const claim = `docker.io/library/pinned@sha256:${"c".repeat(64)}`;
		expect(await host.ok("load", { stdin: layout([{ name: claim, layers: [layerOf("claim")] }]) })).toStartWith(
			"Loaded image ID: ",
		);
		expect((await host.nc("inspect", `pinned@sha256:${"c".repeat(64)}`)).code).toBe(1);
	});
	test("what is here already is verified too: the blob of one layer is not taken for another's", async () => {
		const [one, other] = [layerOf("here"), layerOf("here too")];
		await host.ok("load", { stdin: layout([{ name: "x.io/honest:1", layers: [one, other] }]) });
		const lie = { blob: one.blob, diffId: other.diffId };
		const { code, stderr } = await host.nc("load", { stdin: layout([{ name: "x.io/sly:1", layers: [lie] }]) });
		expect([code, stderr.includes("its image says")]).toEqual([1, true]);
	});
	test("archives that lie are refused, and leave nothing", async () => {
		const images = await host.ok("images", "-q");
		const edit = (path: string, data: string) => (files: TarFile[]) => {
			const at = files.findIndex((entry) => entry.path === path);
			files[at] = { path, data };
		};
		const cases: [string, Buffer][] = [
			["has another digest", savedArchive(edit("a/layer.tar", "not the layer"))],
			["is not JSON", savedArchive(edit("manifest.json", "{"))],
			["it has no ../../etc/passwd", savedArchive(edit("manifest.json", '[{"Config": "../../etc/passwd"}]'))],
			["it holds neither index.json nor manifest.json", tarOf([{ path: "x", data: "y" }])],
			["malformed", Buffer.from("x".repeat(2000))],
			["a name of more than 512 characters", tarOf([{ path: `${"n/".repeat(300)}x`, data: "" }])],
			["index.json is too large", tarOf([{ path: "index.json", data: `"${"x".repeat(5_000_000)}"` }])],
			[
				"its documents are too large together",
				savedArchive((files) => {
					const [config] = files.splice(3, 1);
					const Layers = ["a/layer.tar", "b/layer.tar"];
					files.push({ path: "config.json", data: String(config?.data).padEnd(4_000_000) });
					edit("manifest.json", JSON.stringify(Array(100).fill({ Config: "config.json", Layers })))(files);
				}),
			],
		];
		for (const [says, stdin] of cases) {
			const { code, stderr } = await host.nc("load", { stdin });
			expect({ says, code, told: stderr.includes(says) ? says : stderr }).toEqual({ says, code: 1, told: says });
		}
		expect(await host.ok("images", "-q")).toBe(images);
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
		expect((await host.nc("load", "-i", file("missing"))).stderr).toContain(`open ${file("missing")}: no such file`);
	});
});

describe("system check", () => {
	const check = (...flags: string[]) => host.nc("system", "check", ...flags);
	const blobs = () => readdirSync(`${host.root}/blobs/sha256`);

	test("finds nothing where nothing is", async () => {
		await check("--repair"); // what the refused archives left
		const { code, stdout } = await check();
		expect([code, stdout]).toEqual([
			0,
			expect.stringMatching(/^No problem: \d+ blobs, \d+ layers, \d+ images, 0 containers/),
		]);
	});
	test("finds what was damaged, lost and left over, and mends it", async () => {
		const [layer = ""] = readdirSync(`${host.root}/layers`);
		appendFileSync(`${host.root}/layers/${layer}/tampered`, "x");
		mkdirSync(`${host.root}/layers/${"0".repeat(64)}`);
		mkdirSync(`${host.root}/containers/stray`);
		mkdirSync(`${host.root}/volumes/stray/_data`, { recursive: true });
		writeFileSync(`${host.root}/blobs/sha256/${"1".repeat(64)}`, "");
		const { code, stdout } = await check();
		expect(code).toBe(1);
		for (const part of [
			`layer sha256:${layer} is damaged`,
			`layer sha256:${"0".repeat(64)} belongs to no image and no build`,
			"container stray is on the disk and not on record",
			"volume stray is on the disk and not on record",
			`blob sha256:${"1".repeat(64)} is damaged`,
			"5 problems",
		]) {
			expect(stdout).toContain(part);
		}
		const repaired = await check("--repair");
		expect([repaired.code, repaired.stdout.includes("unpacked again")]).toEqual([1, true]);
		// What users made is not taken away, whatever the records say.
		expect(existsSync(`${host.root}/volumes/stray/_data`)).toBe(true);
		for (const kind of ["volumes", "containers"]) rmSync(`${host.root}/${kind}/stray`, { recursive: true });
		expect((await check()).stdout).toContain("No problem");
	});
	test("what cannot be read, or is not ours, is told, and the rest is checked all the same", async () => {
		mkdirSync(`${host.root}/blobs/sha256/${"2".repeat(64)}`);
		writeFileSync(`${host.root}/blobs/sha256/notes.txt`, "");
		mkdirSync(`${host.root}/layers/old`);
		const { code, stdout } = await check("--repair");
		expect(code).toBe(1);
		expect(stdout).toContain(`blob sha256:${"2".repeat(64)} cannot be read: `);
		expect(stdout).toContain("blobs/sha256/notes.txt is not ours");
		expect(stdout).toContain("layers/old is not ours");
		for (const path of [`blobs/sha256/${"2".repeat(64)}`, "blobs/sha256/notes.txt", "layers/old"]) {
			rmSync(`${host.root}/${path}`, { recursive: true });
		}
		expect((await check()).stdout).toContain("No problem");
	});
	test("a manifest that is damaged takes no other blob with it", async () => {
		const image = await host.ok("inspect", "-f", "{{.Id}}", "app:1");
		const isManifest = (name: string) => {
			const text = readFileSync(`${host.root}/blobs/sha256/${name}`).subarray(0, 2000).toString("latin1");
			return text.includes(image) && text.includes('"layers"');
		};
		const manifest = blobs().find(isManifest) ?? "";
		const whole = readFileSync(`${host.root}/blobs/sha256/${manifest}`);
		const before = blobs().length;
		writeFileSync(`${host.root}/blobs/sha256/${manifest}`, "damaged");
		const { stdout } = await check("--repair");
		expect([stdout.includes("belongs to no image"), blobs().length]).toEqual([false, before - 1]);
		writeFileSync(`${host.root}/blobs/sha256/${manifest}`, whole);
		expect((await check()).code).toBe(0);
	});
	test("a blob of an image that is damaged goes, and the image says what it lacks", async () => {
		const manifest = await host.ok("inspect", "-f", "{{.Id}}", "old:1");
		const blob = blobs().find((name) => manifest.endsWith(name)) ?? "";
		const whole = readFileSync(`${host.root}/blobs/sha256/${blob}`);
		appendFileSync(`${host.root}/blobs/sha256/${blob}`, "x");
		expect((await check("--repair")).stdout).toContain("removed; pull its image again");
		writeFileSync(`${host.root}/blobs/sha256/${blob}`, whole);
		rmSync(`${host.root}/layers/${sha256(tarOf([{ path: "old", data: "layer\n" }])).slice(7)}`, { recursive: true });
		const { code, stdout } = await check("--repair");
		expect([code, stdout.includes("image docker.io/library/old:")]).toEqual([1, true]);
		await host.ok("rmi", "-f", "old:1", "old:2");
		expect((await check()).code).toBe(0);
	});
	test("a layer's blob that is lost is told", async () => {
		const layer = gzipSync(tarOf([{ path: "lost", data: "lost" }]));
		const config = JSON.stringify({
			...{ architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" },
			rootfs: { type: "layers", diff_ids: [sha256(tarOf([{ path: "lost", data: "lost" }]))] },
		});
		const blob = (bytes: Uint8Array | string) => ({ digest: sha256(bytes), size: bytes.length });
		const manifest = JSON.stringify({ schemaVersion: 2, config: blob(config), layers: [blob(layer)] });
		const entry = { ...blob(manifest), annotations: { "io.containerd.image.name": "x.io/lossy:1" } };
		const files = [config, manifest, layer].map((data) => ({ path: `blobs/sha256/${sha256(data).slice(7)}`, data }));
		const index = JSON.stringify({ schemaVersion: 2, manifests: [entry] });
		await host.ok("load", { stdin: tarOf([...files, { path: "index.json", data: index }]) });
		rmSync(`${host.root}/blobs/sha256/${sha256(layer).slice(7)}`);
		const { code, stdout } = await check();
		expect([code, stdout.includes(`image x.io/lossy:1 lacks blob ${sha256(layer)}`)]).toEqual([1, true]);
		await host.ok("rmi", "x.io/lossy:1");
		expect((await check()).code).toBe(0);
	});
	test("a layer under a running container is not replaced", async () => {
		await host.ok("run", "-d", "--name", "user", "--network", "none", IMAGE, "sleep", "1000");
		const [layer = ""] = JSON.parse(await host.ok("inspect", "-f", "{{json .RootFS.Layers}}", IMAGE)) as string[];
		appendFileSync(`${host.root}/layers/${layer.slice(7)}/etc/passwd`, "x");
		const { code, stdout } = await check("--repair");
		expect([code, stdout.includes("not mended: container user runs on it: stop it first")]).toEqual([1, true]);
		await host.ok("rm", "-f", "user");
		expect((await check("--repair")).code).toBe(0);
	});
});
