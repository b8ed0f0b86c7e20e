/** A real registry (Debian's docker-registry) on loopback, and images made and pushed by hand. */
import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Header } from "tar";

export interface Registry extends AsyncDisposable {
	/** "127.0.0.1:5001" */
	readonly host: string;
	readonly pid: number;
}

/** Starts one that keeps its data in `dir` and waits until it answers. */
export async function startRegistry(dir: string, port: number, extra = ""): Promise<Registry> {
	mkdirSync(dir, { recursive: true });
	const config = `${dir}/config.yml`;
	writeFileSync(
		config,
		`version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:${port}\n${extra}`,
	);
	const child = Bun.spawn(["docker-registry", "serve", config], { stdout: "ignore", stderr: "ignore" });
	const host = `127.0.0.1:${port}`;
	for (let attempt = 0; ; attempt++) {
		const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
		if (answer) break;
		if (attempt > 400) throw new Error("docker-registry does not start");
		await Bun.sleep(25);
	}
	return {
		host,
		pid: child.pid,
		async [Symbol.asyncDispose]() {
			child.kill();
			await child.exited;
		},
	};
}

export interface TarFile {
	readonly path: string;
	readonly type?:
		| "File"
		| "Directory"
		| "SymbolicLink"
		| "Link"
		| "CharacterDevice"
		| "BlockDevice"
		| "FIFO"
		| "GlobalExtendedHeader";
	readonly mode?: number;
	readonly uid?: number;
	readonly gid?: number;
	readonly data?: Uint8Array | string;
	readonly linkpath?: string;
	readonly devmaj?: number;
	readonly devmin?: number;
	readonly mtime?: Date;
	/** PAX records put before the entry. */
	readonly pax?: Readonly<Record<string, string | Uint8Array>>;
}

function block(file: TarFile, size: number, typeflag?: string): Buffer {
	const header = new Header({
		path: file.path.slice(0, 99),
		type: file.type ?? "File",
		mode: file.mode ?? (file.type === "Directory" ? 0o755 : 0o644),
		uid: file.uid ?? 0,
		gid: file.gid ?? 0,
		size,
		mtime: file.mtime ?? new Date(1_700_000_000_000),
		linkpath: file.linkpath ?? "",
		devmaj: file.devmaj ?? 0,
		devmin: file.devmin ?? 0,
	});
	header.encode();
	const bytes = Buffer.from(header.block ?? []);
	if (typeflag) bytes.write(typeflag, 156);
	return withChecksum(bytes);
}

/** A tar header's checksum counts its own field as blanks. */
export function withChecksum(header: Buffer): Buffer {
	header.fill(" ", 148, 156);
	const sum = header.reduce((total, byte) => total + byte, 0);
	header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
	return header;
}

const pad = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);

export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
	return Buffer.concat(
		Object.entries(records).map(([key, value]) => {
			const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
			let length = body.length + 1;
			while (String(length).length + body.length !== length) length = String(length).length + body.length;
			return Buffer.concat([Buffer.from(String(length)), body]);
		}),
	);
}

/** A tar archive, exactly as told, however wrong. */
export function tarOf(files: readonly TarFile[]): Buffer {
	const parts = files.flatMap((file) => {
		const data = Buffer.from((file.data ?? "") as string);
		const long = file.path.length > 99 ? { path: file.path } : {};
		const pax = paxRecords({ ...long, ...file.pax });
		const extended = pax.length ? [block({ path: "PaxHeader" }, pax.length, "x"), pad(pax)] : [];
		return [...extended, block(file, data.length), pad(data)];
	});
	return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export const sha256 = (bytes: Uint8Array | string): string =>
	`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

export async function pushBlob(host: string, repository: string, bytes: Uint8Array): Promise<string> {
	const digest = sha256(bytes);
	const start = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
	const location = new URL(start.headers.get("location") ?? "", `http://${host}`);
	location.searchParams.set("digest", digest);
	const done = await fetch(location, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
	if (done.status !== 201) throw new Error(`push of a blob: ${done.status} ${await done.text()}`);
	return digest;
}

export interface PushOptions {
	readonly config?: Record<string, unknown>;
	readonly compress?: (tar: Uint8Array) => Uint8Array;
	readonly architecture?: string;
	/** DiffIDs to claim instead of the true ones. */
	readonly diffIds?: readonly string[];
}

/** Pushes an image of these layers; returns its manifest's digest. */
export async function pushImage(
	host: string,
	name: string,
	layers: readonly Uint8Array[],
	options: PushOptions = {},
): Promise<string> {
	const [repository = "", tag = "latest"] = name.split(":");
	const compress = options.compress ?? ((tar: Uint8Array) => gzipSync(tar, { level: 1 }));
	const blobs = layers.map(compress);
	for (const blob of blobs) await pushBlob(host, repository, blob);
	const config = JSON.stringify({
		architecture: options.architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
		os: "linux",
		created: "2024-01-02T03:04:05Z",
		config: options.config ?? {},
		rootfs: { type: "layers", diff_ids: options.diffIds ?? layers.map((layer) => sha256(layer)) },
	});
	const configDigest = await pushBlob(host, repository, Buffer.from(config));
	const manifest = {
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {
			mediaType: "application/vnd.oci.image.config.v1+json",
			digest: configDigest,
			size: Buffer.byteLength(config),
		},
		layers: blobs.map((blob) => ({
			mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			digest: sha256(blob),
			size: blob.length,
		})),
	};
	return pushManifest(host, repository, tag, manifest, manifest.mediaType);
}

export async function pushManifest(
	host: string,
	repository: string,
	tag: string,
	manifest: object,
	mediaType: string,
): Promise<string> {
	const body = JSON.stringify(manifest);
	const done = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
		method: "PUT",
		body,
		headers: { "Content-Type": mediaType },
	});
	if (done.status !== 201) throw new Error(`push of a manifest: ${done.status} ${await done.text()}`);
	return sha256(body);
}
