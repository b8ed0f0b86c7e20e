/** Archives, indexes and fields as others write them: what docker takes, `load`, `pull` and ADD take too. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Host, loopbackUp } from "../fixture.ts";
import {
	pushImage,
	pushManifest,
	type Registry,
	sha256,
	startRegistry,
	type TarFile,
	tarOf,
	withChecksum,
} from "../registry.ts";

const host = new Host();
let registry: Registry;
beforeAll(async () => {
	loopbackUp();
	registry = await startRegistry(`${host.dir}/registry`, 5017);
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	await host.close();
});

const filter = (command: string) => (bytes: Uint8Array) =>
	Bun.spawnSync([command, "-c"], { stdin: bytes as Uint8Array<ArrayBuffer> }).stdout;
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const layerWith = (text: string) => tarOf([{ path: "said", data: text }]);
const configOf = (layers: readonly Uint8Array[], more: object = {}) =>
	JSON.stringify({
		architecture: ARCHITECTURE,
		os: "linux",
		rootfs: { type: "layers", diff_ids: layers.map(sha256) },
		...more,
	});

/** What the top layer of a loaded image says: its file "said", read without running anything of it. */
async function saidBy(image: string): Promise<string> {
	await host.ok("build", "-q", "-t", "look", "-", {
		stdin: `FROM nanocontainer/busybox\nCOPY --from=${image} /said /said\n`,
	});
	return host.ok("run", "--rm", "--network", "none", "look", "cat", "/said");
}

test("an archive whose files have holes", async () => {
	const layer = tarOf([{ path: "said", data: `sparse${"\0".repeat(300_000)}` }]);
	const dir = `${host.dir}/holes`;
	mkdirSync(dir);
	writeFileSync(`${dir}/layer.tar`, layer);
	writeFileSync(`${dir}/c.json`, configOf([layer]));
	writeFileSync(
		`${dir}/manifest.json`,
		JSON.stringify([{ Config: "c.json", RepoTags: ["holes:1"], Layers: ["layer.tar"] }]),
	);
	for (const format of ["gnu", "pax"]) {
		const packed = `cp --sparse=always layer.tar s && mv s layer.tar && tar -S --format=${format} -cf ../holes.tar *`;
		Bun.spawnSync(["sh", "-c", packed], { cwd: dir });
		expect(await host.ok("load", "-i", `${host.dir}/holes.tar`)).toBe("Loaded image: holes:1");
	}
	expect((await saidBy("holes:1")).replaceAll("\0", "")).toBe("sparse");
});

test("a layout with platforms, an attestation and somebody's own names beside the image", async () => {
	const layer = layerWith("layout");
	const config = configOf([layer]);
	const other = JSON.stringify({ ...JSON.parse(config), architecture: "s390x" });
	const media = "application/vnd.oci.image";
	const blobs: TarFile[] = [];
	const put = (data: string | Uint8Array, mediaType: string) => {
		const digest = sha256(Buffer.from(data as string));
		blobs.push({ path: `blobs/sha256/${digest.slice(7)}`, data });
		return { mediaType, digest, size: Buffer.byteLength(data as string) };
	};
	const manifest = (text: string) =>
		put(
			JSON.stringify({
				schemaVersion: 2,
				mediaType: `${media}.manifest.v1+json`,
				config: put(text, `${media}.config.v1+json`),
				layers: [put(layer, `${media}.layer.v1.tar`)],
			}),
			`${media}.manifest.v1+json`,
		);
	const name = { "org.opencontainers.image.ref.name": "platforms:1" };
	const index = {
		schemaVersion: 2,
		manifests: [
			{ ...manifest(other), platform: { os: "linux", architecture: "s390x" }, annotations: name },
			{ ...manifest(config), platform: { os: "linux", architecture: ARCHITECTURE }, annotations: name },
			{
				...put('{"schemaVersion":2}', `${media}.manifest.v1+json`),
				platform: { os: "unknown", architecture: "unknown" },
				annotations: { "vnd.docker.reference.type": "attestation-manifest" },
			},
			{ ...manifest(config), annotations: { "org.opencontainers.image.ref.name": "no such: name//" } },
		],
	};
	const archive = tarOf([
		{ path: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
		{ path: "index.json", data: JSON.stringify(index) },
		...blobs.filter(({ path }, i) => blobs.findIndex((one) => one.path === path) === i),
	]);
	expect(await host.ok("load", { stdin: archive })).toContain("Loaded image: platforms:1");
	expect(await saidBy("platforms:1")).toBe("layout");
	expect(await host.ok("image", "inspect", "-f", "{{.Architecture}}", "platforms:1")).toBe(ARCHITECTURE);
});

test("global records take no more memory than one header may", async () => {
	const record = (key: string) => {
		const body = ` ${key}=${"x".repeat(600_000)}\n`;
		const length = body.length + String(body.length + 6).length;
		return `${length}${body}`;
	};
	const many = tarOf(
		Array.from({ length: 5 }, (_, i) => ({
			path: "g",
			type: "GlobalExtendedHeader" as const,
			data: record(`NC.key${i}`),
		})),
	);
	expect((await host.nc("load", { stdin: many })).stderr).toContain("too many global records");
});

describe("docker's archives with compressed layers, as crane, jib and bazel write them", () => {
	const compressions: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
		gzip: (bytes) => gzipSync(bytes),
		zstd: (bytes) => zstdCompressSync(bytes),
		bzip2: filter("bzip2"),
		xz: filter("xz"),
		none: (bytes) => bytes,
	};
	for (const [name, compress] of Object.entries(compressions)) {
		test(`${name} is loaded, exported and stored as what it is`, async () => {
			const layer = layerWith(name);
			const manifest = [{ Config: "c.json", RepoTags: [`packed-${name}:1`], Layers: ["l1.tar.gz"] }];
			const archive = tarOf([
				{ path: "manifest.json", data: JSON.stringify(manifest) },
				{ path: "c.json", data: configOf([layer]) },
				{ path: "l1.tar.gz", data: compress(layer) },
			]);
			expect(await host.ok("load", { stdin: archive })).toBe(`Loaded image: packed-${name}:1`);
			expect(await saidBy(`packed-${name}:1`)).toBe(name);
			expect(await host.ok("system", "check")).toContain("No problem");
		});
	}

	test("a layer that is not what its DiffID says is refused, compressed or not", async () => {
		for (const compress of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => gzipSync(bytes)]) {
			const archive = tarOf([
				{ path: "manifest.json", data: JSON.stringify([{ Config: "c.json", RepoTags: ["liar:1"], Layers: ["l"] }]) },
				{ path: "c.json", data: configOf([layerWith("the one")]) },
				{ path: "l", data: compress(layerWith("another")) },
			]);
			const { code, stderr } = await host.nc("load", { stdin: archive });
			expect(stderr).toMatch(/digest/);
			expect(code).toBe(1);
		}
	});
});

describe("archives of docker before 1.10", () => {
	const layer = (id: string, parent: string | undefined, text: string): TarFile[] => [
		{ path: `${id}/VERSION`, data: "1.0" },
		{
			path: `${id}/json`,
			data: JSON.stringify({
				id,
				...(parent ? { parent } : {}),
				created: "2014-06-01T00:00:00Z",
				author: "somebody",
				container_config: { Cmd: ["/bin/sh", "-c", `#(nop) ${id}`] },
				config: { Env: ["OLD=yes"], Cmd: ["cat", "/said"], Labels: null },
				architecture: ARCHITECTURE,
				os: "linux",
				throwaway: true,
			}),
		},
		{ path: `${id}/layer.tar`, data: layerWith(text) },
	];

	test("repositories and one description a layer", async () => {
		const archive = tarOf([
			...layer("a".repeat(64), undefined, "bottom"),
			...layer("b".repeat(64), "a".repeat(64), "top"),
			{ path: "repositories", data: JSON.stringify({ old: { "1": "b".repeat(64), first: "a".repeat(64) } }) },
		]);
		const said = await host.ok("load", { stdin: archive });
		expect(said.split("\n").sort()).toEqual(["Loaded image: old:1", "Loaded image: old:first"]);
		expect(await saidBy("old:1")).toBe("top");
		expect(await saidBy("old:first")).toBe("bottom");
		const [image] = JSON.parse(await host.ok("image", "inspect", "old:1"));
		expect(image.Config.Env).toEqual(["OLD=yes"]);
		expect(image.RootFS.Layers.length).toBe(2);
		expect(image.Author).toBe("somebody");
	});

	test("a description that is its own ancestor ends", async () => {
		const archive = tarOf([
			...layer("c".repeat(64), "c".repeat(64), "round"),
			{ path: "repositories", data: JSON.stringify({ round: { "1": "c".repeat(64) } }) },
		]);
		expect((await host.nc("load", { stdin: archive })).stderr).toContain("more than 128 layers");
	});
});

describe("indexes", () => {
	const INDEX = "application/vnd.oci.image.index.v1+json";
	const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
	const indexOf = (...manifests: object[]) => ({ schemaVersion: 2, mediaType: INDEX, manifests });
	const sized = (document: object) => JSON.stringify(document).length;

	test("one in another, with and without a platform, is followed by pull", async () => {
		const image = await pushImage(registry.host, "nested:plain", [layerWith("nested")]);
		const size = Number(
			(
				await fetch(`http://${registry.host}/v2/nested/manifests/plain`, {
					method: "HEAD",
					headers: { Accept: MANIFEST },
				})
			).headers.get("content-length"),
		);
		const inner = indexOf({
			mediaType: MANIFEST,
			digest: image,
			size,
			platform: { os: "linux", architecture: ARCHITECTURE },
		});
		const innerDigest = await pushManifest(registry.host, "nested", "inner", inner, INDEX);
		const other = indexOf({
			mediaType: MANIFEST,
			digest: image,
			size,
			platform: { os: "linux", architecture: "s390x" },
		});
		const otherDigest = await pushManifest(registry.host, "nested", "other", other, INDEX);
		const outer = indexOf(
			{ mediaType: INDEX, digest: otherDigest, size: sized(other) },
			{ mediaType: INDEX, digest: innerDigest, size: sized(inner) },
		);
		await pushManifest(registry.host, "nested", "outer", outer, INDEX);
		await host.ok("pull", "-q", `${registry.host}/nested:outer`);
		expect(await saidBy(`${registry.host}/nested:outer`)).toBe("nested");
		const none = indexOf({ mediaType: INDEX, digest: otherDigest, size: sized(other) });
		await pushManifest(registry.host, "nested", "none", none, INDEX);
		expect((await host.nc("pull", `${registry.host}/nested:none`)).stderr).toContain("no matching manifest for linux/");
	});

	test("a digest by sha512 is refused by its name, in a reference, an index and a layout", async () => {
		const sha512 = `sha512:${"a".repeat(128)}`;
		expect((await host.nc("pull", `${registry.host}/x@${sha512}`)).stderr).toContain(
			"names a digest by sha512, which is not supported: only sha256 is",
		);
		const wrong = { mediaType: MANIFEST, digest: sha512, size: 10 };
		const layout = tarOf([
			{ path: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
			{ path: "index.json", data: JSON.stringify(indexOf(wrong)) },
		]);
		expect((await host.nc("load", { stdin: layout })).stderr).toContain(
			"is a digest by sha512, which is not supported",
		);
	});
});

describe("layers with odd fields", () => {
	/** Go's zero time, and 2^53 seconds, as base 256. */
	const timed = (seconds: bigint, file: TarFile): Buffer => {
		const bytes = tarOf([file]).subarray(0, -1024);
		const field = bytes.subarray(136, 148);
		field.fill(seconds < 0n ? 0xff : 0);
		field.writeBigInt64BE(seconds, 4);
		field[0] = seconds < 0n ? 0xff : 0x80;
		withChecksum(bytes.subarray(0, 512));
		return bytes;
	};

	test("times that no file system keeps are 0, and the content is kept", async () => {
		const layer = Buffer.concat([
			timed(2n ** 53n, { path: "late", data: "late" }),
			timed(-62_135_596_800n, { path: "zero", data: "zero" }),
			tarOf([{ path: "said", data: "kept", pax: { mtime: "99999999999999999999.5" } }]),
		]);
		await pushImage(registry.host, "times:1", [layer]);
		await host.ok("pull", "-q", `${registry.host}/times:1`);
		await host.ok("build", "-q", "-t", "look", "-", {
			stdin: `FROM nanocontainer/busybox\nCOPY --from=${registry.host}/times:1 / /t/\n`,
		});
		const times = await host.ok("run", "--rm", "--network", "none", "look", "sh", "-c", "cd /t; stat -c '%n %Y %s' *");
		expect(times.split("\n")).toEqual(["late 0 4", "said 0 4", "zero 0 4"]);
	});

	test("owners that no kernel knows and devices of plain files do not keep the content away", async () => {
		const layer = Buffer.from(tarOf([{ path: "said", data: "owned", pax: { uid: "99999999999", gid: "-7" } }]));
		const header = layer.subarray(1024, 1536);
		header.write("rubbish!", 329, "latin1");
		withChecksum(header);
		await pushImage(registry.host, "odd:1", [layer]);
		await host.ok("pull", "-q", `${registry.host}/odd:1`);
		expect(await saidBy(`${registry.host}/odd:1`)).toBe("owned");
	});

	test("names that climb stay in the layer", async () => {
		const layer = tarOf([
			{ path: "./../said", data: "clamped" },
			{ path: "../../v/a", data: "a" },
			{ path: "d/hard", type: "Link", linkpath: "../v/a" },
		]);
		await pushImage(registry.host, "climb:1", [layer]);
		await host.ok("pull", "-q", `${registry.host}/climb:1`);
		expect(await saidBy(`${registry.host}/climb:1`)).toBe("clamped");
	});
});

describe("ADD of an archive", () => {
	test("GNU's long names whose cut-off end is a slash are files", async () => {
		const name = `${"q".repeat(9)}/`.repeat(10);
		const dir = `${host.dir}/gnu`;
		mkdirSync(`${dir}/s/${name}`, { recursive: true });
		writeFileSync(`${dir}/s/${name}file`, "x\n");
		Bun.spawnSync(["tar", "--format=gnu", "-C", `${dir}/s`, "-cf", `${dir}/t.tar`, `${name}file`]);
		writeFileSync(`${dir}/Dockerfile`, "FROM nanocontainer/busybox\nADD t.tar /g/\n");
		await host.ok("build", "-q", "-t", "gnu", dir);
		expect(await host.ok("run", "--rm", "--network", "none", "gnu", "cat", `/g/${name}file`)).toBe("x");
		// The same bytes as a layer.
		await pushImage(registry.host, "gnu:1", [Buffer.from(await Bun.file(`${dir}/t.tar`).arrayBuffer())]);
		await host.ok("pull", "-q", `${registry.host}/gnu:1`);
	});

	test("speaks of the archive, not of a layer", async () => {
		const dir = `${host.dir}/broken`;
		mkdirSync(dir);
		writeFileSync(
			`${dir}/t.tar`,
			Buffer.concat([tarOf([{ path: "a", data: "a" }]).subarray(0, 1024), Buffer.alloc(512, "x")]),
		);
		writeFileSync(`${dir}/Dockerfile`, "FROM nanocontainer/busybox\nADD t.tar /g/\n");
		const { stderr } = await host.nc("build", "--progress", "plain", dir);
		expect(stderr).toContain("The tar archive is malformed");
		expect(stderr).not.toContain("layer");
	});
});
