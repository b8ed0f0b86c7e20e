/** Uploads to a registry (distribution-spec, "Push"): blobs that it lacks, then manifests. */
import { EngineError } from "../errors.ts";
import { type RegistryClient, registryError } from "./client.ts";

/** A blob to send: its bytes are asked for only if the registry lacks it. */
export interface UploadBlob {
	readonly digest: string;
	readonly size: number;
	readonly body: () => Blob | Uint8Array;
}

/** Returns whether it had to be sent. */
export async function pushBlob(client: RegistryClient, blob: UploadBlob): Promise<boolean> {
	const known = await client.send("HEAD", `blobs/${blob.digest}`);
	await known.body?.cancel();
	if (known.ok) return false;
	const started = await client.send("POST", "blobs/uploads/", { headers: { "Content-Length": "0" } });
	if (started.status !== 202) throw await pushFailure(started, "start of an upload");
	await started.body?.cancel();
	const location = started.headers.get("location");
	if (!location) throw new EngineError("failed", "the registry did not say where to upload to");
	const url = new URL(location, started.url);
	url.searchParams.set("digest", blob.digest);
	const done = await client.sendTo("PUT", url, {
		headers: { "Content-Type": "application/octet-stream", "Content-Length": String(blob.size) },
		body: blob.body() as Blob,
	});
	if (done.status !== 201) throw await pushFailure(done, "upload");
	await done.body?.cancel();
	return true;
}

export async function pushManifest(
	client: RegistryClient,
	reference: string,
	manifest: string,
	mediaType: string,
): Promise<void> {
	const done = await client.send("PUT", `manifests/${reference}`, {
		headers: { "Content-Type": mediaType },
		body: manifest,
	});
	if (done.status !== 201 && done.status !== 200 && done.status !== 202) throw await pushFailure(done, "manifest");
	await done.body?.cancel();
}

async function pushFailure(response: Response, what: string): Promise<EngineError> {
	if (response.status === 401 || response.status === 403) {
		await response.body?.cancel();
		return new EngineError("denied", "denied: requested access to the resource is denied");
	}
	const { message } = await registryError(response);
	return new EngineError(
		"failed",
		`the registry answers ${response.status} to the ${what}${message ? `: ${message}` : ""}`,
	);
}
