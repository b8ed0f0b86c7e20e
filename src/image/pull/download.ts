/** Downloads one blob into a file, resuming where an earlier attempt, or an earlier command, was cut off. */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { EngineError, messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import { failureOf, type RegistryClient } from "../../registry/client.ts";
import { reasonOf } from "../../registry/reason.ts";
import { delayBefore } from "../../registry/transport.ts";
import { errnoText } from "../../sys/errno.ts";
import type { Descriptor } from "../reference/spec.ts";

const ATTEMPTS_WITHOUT_PROGRESS = 5;
const HASH_CHUNK = 4 * 1024 * 1024;

/** A body that stands still for so long is given up, and asked for again. */
const IDLE_MS = 60_000;

/** What was sent can never become the blob: no part of it is worth keeping. */
export class WrongBlob extends EngineError {
	constructor(message: string) {
		super("failed", message);
	}
}

export interface DownloadHooks {
	/** Ends the download: another layer has failed. */
	readonly signal: AbortSignal;
	/** So many bytes of the file are there. */
	readonly onBytes: (total: number) => void;
}

/** Leaves the file complete and verified; throws otherwise, and keeps what is good for the next time. */
export async function downloadBlob(
	client: RegistryClient,
	descriptor: Descriptor,
	path: string,
	familiar: string,
	hooks: DownloadHooks,
): Promise<void> {
	const file = openSync(path, "a+", 0o600);
	try {
		const state = readExisting(file, descriptor.size);
		if (state.bytes) hooks.onBytes(state.bytes);
		for (let idle = 0; state.bytes < descriptor.size; ) {
			const before = state.bytes;
			let reason = `the registry sent ${state.bytes} of ${descriptor.size} bytes`;
			try {
				await fetchRest(client, descriptor, file, state, familiar, hooks);
			} catch (error) {
				if (error instanceof EngineError || hooks.signal.aborted) throw error;
				debug("pull", () => `${descriptor.digest}: ${messageOf(error)}`);
				reason = `the download broke off: ${reasonOf(error, "")}`;
			}
			if (state.bytes >= descriptor.size) break;
			idle = state.bytes > before ? 0 : idle + 1;
			if (idle >= ATTEMPTS_WITHOUT_PROGRESS) throw new EngineError("failed", reason);
			await Bun.sleep(delayBefore(idle + 1, null));
		}
		const digest = `sha256:${state.hash.digest("hex")}`;
		if (digest !== descriptor.digest) {
			ftruncateSync(file, 0);
			throw new WrongBlob(
				`filesystem layer verification failed for digest ${descriptor.digest}: the registry sent ${digest}`,
			);
		}
	} finally {
		closeSync(file);
	}
}

/** Reads a stored blob through; throws unless it is what the descriptor says. */
export async function verifyBlob(
	path: string,
	descriptor: Descriptor,
	onBytes: (total: number) => void,
): Promise<void> {
	const hash = new Bun.CryptoHasher("sha256");
	let bytes = 0;
	for await (const chunk of Bun.file(path).stream()) {
		hash.update(chunk);
		bytes += chunk.length;
	}
	if (bytes !== descriptor.size || `sha256:${hash.digest("hex")}` !== descriptor.digest) {
		throw new EngineError("failed", `the stored blob ${descriptor.digest} is not what the manifest says`);
	}
	onBytes(bytes);
}

interface State {
	bytes: number;
	hash: Bun.CryptoHasher;
}

/** What an earlier attempt left is hashed again: it is only as good as its digest. */
function readExisting(file: number, size: number): State {
	const state: State = { bytes: 0, hash: new Bun.CryptoHasher("sha256") };
	const buffer = Buffer.allocUnsafe(Math.min(HASH_CHUNK, Math.max(size, 1)));
	for (;;) {
		const n = readSync(file, buffer, 0, buffer.length, state.bytes);
		if (n === 0) break;
		state.hash.update(buffer.subarray(0, n));
		state.bytes += n;
	}
	if (state.bytes > size) {
		ftruncateSync(file, 0);
		return { bytes: 0, hash: new Bun.CryptoHasher("sha256") };
	}
	return state;
}

/**
 * One request for what is still missing. The file only ever grows: who unpacks behind the download has read all of it
 * that is there.
 */
async function fetchRest(
	client: RegistryClient,
	descriptor: Descriptor,
	file: number,
	state: State,
	familiar: string,
	hooks: DownloadHooks,
): Promise<void> {
	const headers: Record<string, string> = state.bytes ? { Range: `bytes=${state.bytes}-` } : {};
	const idle = new AbortController();
	const signal = AbortSignal.any([hooks.signal, idle.signal]);
	const response = await client.get(`blobs/${descriptor.digest}`, headers, signal);
	if (response.status === 416) {
		await response.body?.cancel();
		throw new WrongBlob(`the registry has less than the ${descriptor.size} bytes of ${descriptor.digest}`);
	}
	if (!response.ok) throw await failureOf(response, familiar, "layer");
	if (!response.body) throw new EngineError("failed", "the registry sent no body");
	// A registry that ignores Range sends everything again: what is there already is passed over.
	let skip = response.status === 206 ? 0 : state.bytes;
	const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
	if (response.status === 206 && start !== undefined && Number(start) !== state.bytes) {
		await response.body.cancel();
		throw new Error(`the registry sent bytes from ${start} instead of ${state.bytes}`);
	}
	const stopIdle = () => idle.abort(new Error(`nothing came for ${IDLE_MS / 1000} s`));
	let timer = setTimeout(stopIdle, IDLE_MS);
	try {
		for await (const all of response.body) {
			clearTimeout(timer);
			timer = setTimeout(stopIdle, IDLE_MS);
			const chunk = all.subarray(Math.min(skip, all.length));
			skip -= all.length - chunk.length;
			if (chunk.length === 0) continue;
			if (state.bytes + chunk.length > descriptor.size) {
				throw new WrongBlob(`the registry sends more than the ${descriptor.size} bytes of ${descriptor.digest}`);
			}
			write(file, chunk);
			state.hash.update(chunk);
			state.bytes += chunk.length;
			hooks.onBytes(state.bytes);
		}
	} finally {
		clearTimeout(timer);
	}
}

function write(file: number, chunk: Uint8Array): void {
	try {
		for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
	} catch (error) {
		const { errno = 0 } = error as NodeJS.ErrnoException;
		throw new EngineError("failed", `Cannot write the layer: ${errnoText(Math.abs(errno))}`);
	}
}
