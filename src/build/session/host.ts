/** What a build needs of the rest of the program, and is given by the engine: running a step, and images. */
import type { Resources } from "../../cgroup/resources.ts";
import type { Platform } from "./image-config.ts";

/** A mount of `RUN --mount`, with everything about it settled. */
export type StepMount =
	/** Directories of layers, top first, merged. What is written there is thrown away. */
	| {
			readonly kind: "tree";
			readonly directories: readonly string[];
			readonly source: string;
			readonly target: string;
			readonly file: boolean;
			readonly readonly: boolean;
	  }
	/** A directory of the host. */
	| { readonly kind: "directory"; readonly path: string; readonly target: string; readonly readonly: boolean }
	| { readonly kind: "tmpfs"; readonly target: string; readonly size: string | undefined }
	| {
			readonly kind: "secret";
			readonly content: Uint8Array;
			readonly target: string;
			readonly mode: number;
			readonly uid: number;
			readonly gid: number;
	  }
	| { readonly kind: "socket"; readonly path: string; readonly target: string };

/** Limits and names that all steps of a build share. */
export interface StepEnvironment {
	readonly addHosts: readonly string[];
	readonly shmSize: number | undefined;
	readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
	readonly cgroupParent: string;
	readonly resources: Resources;
}

export interface RunStep extends StepEnvironment {
	/** Layers below, top first. */
	readonly directories: readonly string[];
	/** Empty; holds the new layer afterwards. */
	readonly upper: string;
	readonly work: string;
	readonly args: readonly string[];
	/** NAME=value */
	readonly env: readonly string[];
	readonly user: string;
	readonly workingDir: string;
	readonly network: "bridge" | "none" | "host";
	readonly privileged: boolean;
	readonly mounts: readonly StepMount[];
	/** Called when the program runs: for what can be done beside it. */
	readonly onStarted: (() => void) | undefined;
	readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
	readonly signal: AbortSignal;
}

export interface SourceImage {
	readonly id: string;
	/** The image configuration, as it is stored. */
	readonly config: string;
	/** DiffIDs, bottom first. */
	readonly layers: readonly string[];
	/** Digest of the manifest, for the name in messages; undefined: it has never been in a registry. */
	readonly digest: string | undefined;
	/** Digest of its stored manifest. */
	readonly manifest: string;
}

export interface BuildHost {
	/** Lets a person look at where a step failed (--debug-shell); undefined: nobody wants to. */
	debug?(step: RunStep, failure: Error): Promise<void>;
	/** Runs a program in a root file system made of layers; returns its exit code. */
	runStep(step: RunStep): Promise<number>;
	/** A local image, or one that is pulled. */
	image(reference: string, platform: Platform, options: { readonly pull: boolean }): Promise<SourceImage>;
}
