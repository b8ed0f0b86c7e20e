/**
 * Makes the embedded image when the program is built: a small root file system around Debian's static busybox, as the three documents of an OCI image.
 * The same input gives the same bytes: no time of day, no owner of the build is in it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Header } from "tar/header";

const BUSYBOX = ["bin/busybox", "usr/bin/busybox"];
const LICENCE = "usr/share/doc/busybox-static/copyright";

interface Entry {
	readonly path: string;
	readonly type: "File" | "Directory" | "SymbolicLink";
	readonly mode: number;
	readonly data?: Uint8Array;
	readonly linkpath?: string;
}

const DIRECTORIES = [
	"bin",
	"dev",
	"etc",
	"home",
	"proc",
	"root",
	"sys",
	"tmp",
	"usr",
	"usr/bin",
	"usr/share",
	"usr/share/doc",
	"usr/share/doc/busybox",
	"var",
	"var/tmp",
];

const FILES: Readonly<Record<string, string>> = {
	"etc/passwd":
		"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
	"etc/group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/shadow": "root:*:::::::\ndaemon:*:::::::\nnobody:*:::::::\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
};

function tarball(entries: readonly Entry[]): Buffer {
	const parts: Buffer[] = [];
	for (const entry of entries) {
		const data = Buffer.from(entry.data ?? []);
		const header = new Header({
			path: entry.path,
			type: entry.type,
			mode: entry.mode,
			uid: 0,
			gid: 0,
			size: data.length,
			mtime: new Date(0),
			linkpath: entry.linkpath ?? "",
		});
		header.encode();
		parts.push(Buffer.from(header.block ?? []), data, Buffer.alloc((512 - (data.length % 512)) % 512));
	}
	return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** The names that busybox answers to. One for another processor cannot be asked: this machine's has the same. */
function appletsOf(busybox: string): string[] {
	for (const program of [busybox, ...BUSYBOX.map((path) => `/${path}`)]) {
		try {
			const { success, stdout } = Bun.spawnSync([program, "--list"]);
			if (success) return stdout.toString().trim().split("\n");
		} catch {}
	}
	throw new Error(
		`${busybox} does not run here, and neither does a busybox of this machine: its commands are not known`,
	);
}

function entriesOf(busybox: string, licence: string): Entry[] {
	const applets = appletsOf(busybox).filter((name) => name !== "busybox");
	return [
		...DIRECTORIES.map(
			(path): Entry => ({
				path: `${path}/`,
				type: "Directory",
				mode: path === "tmp" || path === "var/tmp" ? 0o1777 : path === "root" ? 0o700 : 0o755,
			}),
		),
		...Object.entries(FILES).map(
			([path, text]): Entry => ({
				path,
				type: "File",
				mode: path.endsWith("shadow") ? 0o600 : 0o644,
				data: Buffer.from(text),
			}),
		),
		{ path: "bin/busybox", type: "File", mode: 0o755, data: readFileSync(busybox) },
		{ path: "usr/share/doc/busybox/copyright", type: "File", mode: 0o644, data: readFileSync(licence) },
		...applets.map((name): Entry => ({ path: `bin/${name}`, type: "SymbolicLink", mode: 0o777, linkpath: "busybox" })),
		{ path: "usr/bin/env", type: "SymbolicLink", mode: 0o777, linkpath: "../../bin/busybox" },
	];
}

const digestOf = (bytes: Uint8Array | string): string =>
	`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/**
 * Writes image-layer.tar.gz, image-config and image-manifest; empty ones if busybox-static is missing. `root`: where
 * that package is installed or unpacked, ending in a slash.
 */
export function makeImage(dir: string, architecture: "amd64" | "arm64", root: string): void {
	const busybox = BUSYBOX.map((path) => `${root}${path}`).find((path) => existsSync(path));
	const out = (name: string, bytes: Uint8Array | string) => writeFileSync(`${dir}/${name}`, bytes);
	if (!busybox || !existsSync(`${root}${LICENCE}`)) {
		process.stderr.write("build: busybox-static is not installed: this build carries no image\n");
		for (const name of ["image-layer.tar.gz", "image-config", "image-manifest"]) out(name, "");
		return;
	}
	const layer = tarball(entriesOf(busybox, `${root}${LICENCE}`));
	const compressed = gzipSync(layer, { level: 9 });
	const config = JSON.stringify({
		architecture,
		os: "linux",
		created: "1970-01-01T00:00:00Z",
		config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] },
		rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
		history: [{ created: "1970-01-01T00:00:00Z", created_by: "NanoContainer build.ts" }],
	});
	out("image-layer.tar.gz", compressed);
	out("image-config", config);
	out(
		"image-manifest",
		JSON.stringify({
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.manifest.v1+json",
			config: {
				mediaType: "application/vnd.oci.image.config.v1+json",
				digest: digestOf(config),
				size: Buffer.byteLength(config),
			},
			layers: [
				{
					mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
					digest: digestOf(compressed),
					size: compressed.length,
				},
			],
		}),
	);
}
