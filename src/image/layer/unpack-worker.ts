/**
 * A thread that unpacks a layer while the main one downloads it (src/image/layer/unpack-pool.ts is its other end). Messages
 * in: a job, then how far the file has come, then its end. Message out: the result.
 */
import { EngineError, messageOf } from "../../errors.ts";
import { paths } from "../../paths.ts";
import { FileFollower } from "./blob-file.ts";
import { extractLayer } from "./extract.ts";

export interface UnpackJob {
	readonly root: string;
	readonly run: string;
	readonly blob: string;
	readonly diffId: string;
	readonly size: number;
}

export type ToWorker =
	| { readonly type: "job"; readonly job: UnpackJob }
	| { readonly type: "advance"; readonly bytes: number }
	| { readonly type: "finish" }
	| { readonly type: "fail"; readonly message: string };

export type FromWorker =
	| { readonly type: "done"; readonly size: number }
	| { readonly type: "failed"; readonly message: string; readonly expected: boolean };

declare const self: Worker;

Bun.unsafe.setJITPolicy(1); // here it pays (build.ts)

let follower: FileFollower | undefined;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
	switch (data.type) {
		case "job":
			follower = new FileFollower(data.job.blob);
			work(data.job, follower);
			return;
		case "advance":
			follower?.advance(data.bytes);
			return;
		case "finish":
			follower?.finish();
			return;
		case "fail":
			follower?.fail(new EngineError("failed", data.message));
	}
};

async function work(job: UnpackJob, bytes: FileFollower): Promise<void> {
	const answer = (message: FromWorker) => self.postMessage(message);
	Bun.gc(true); // what the layer before took: the next would grow the heap before anybody looks
	try {
		const source = { diffId: job.diffId, size: job.size, bytes, verify: () => {} };
		answer({ type: "done", size: await extractLayer(paths(job.root, job.run), source) });
	} catch (error) {
		answer({ type: "failed", message: messageOf(error), expected: error instanceof EngineError });
	}
}
