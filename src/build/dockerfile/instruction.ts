/** What a Dockerfile's instructions are once they have been read: typed, not yet expanded. */
import type { Heredoc, Range } from "./lines.ts";

interface Base {
	readonly range: Range;
	/** The instruction in one line, as progress, history and cache key show it. */
	readonly text: string;
}

/** `RUN x`, or `RUN ["x"]`: with the shell of the stage, or as it is. */
export interface CommandLine {
	readonly shell: boolean;
	readonly args: readonly string[];
}

export interface NameValue {
	readonly name: string;
	/** undefined: `ARG name` */
	readonly value: string | undefined;
}

export interface From extends Base {
	readonly kind: "FROM";
	readonly image: string;
	readonly platform: string | undefined;
	readonly name: string | undefined;
	readonly comment: string;
}

export interface Arg extends Base {
	readonly kind: "ARG";
	readonly args: readonly NameValue[];
	readonly comment: string;
}

export interface Pairs extends Base {
	readonly kind: "ENV" | "LABEL";
	readonly pairs: readonly { readonly name: string; readonly value: string }[];
	/** `ENV name value`: the old form. */
	readonly legacy: boolean;
}

export type MountType = "bind" | "cache" | "tmpfs" | "secret" | "ssh";

/** `--mount=type=…,key=value` of RUN, not yet expanded. */
export interface RunMount {
	/** As it is written: it is read again when the step is carried out, with its variables. */
	readonly text: string;
	readonly type: MountType;
	readonly options: Readonly<Record<string, string>>;
}

export interface Run extends Base {
	readonly kind: "RUN";
	readonly command: CommandLine;
	readonly heredocs: readonly Heredoc[];
	readonly mounts: readonly RunMount[];
	readonly network: "default" | "none" | "host";
	readonly security: "sandbox" | "insecure";
}

export interface Copy extends Base {
	readonly kind: "COPY" | "ADD";
	readonly sources: readonly string[];
	readonly heredocs: readonly Heredoc[];
	readonly destination: string;
	readonly from: string | undefined;
	readonly chown: string | undefined;
	readonly chmod: string | undefined;
	readonly link: boolean;
	readonly parents: boolean;
	readonly exclude: readonly string[];
	readonly checksum: string | undefined;
	readonly keepGitDir: boolean;
	/** ADD only; undefined: archives of the context, not of URLs. */
	readonly unpack: boolean | undefined;
}

export interface CommandInstruction extends Base {
	readonly kind: "CMD" | "ENTRYPOINT";
	readonly command: CommandLine;
}

export interface Healthcheck extends Base {
	readonly kind: "HEALTHCHECK";
	/** ["NONE"], ["CMD", …] or ["CMD-SHELL", …] */
	readonly test: readonly string[];
	/** Nanoseconds; undefined: docker's default. */
	readonly interval?: number;
	readonly timeout?: number;
	readonly startPeriod?: number;
	readonly startInterval?: number;
	readonly retries?: number;
}

/** Instructions with one argument. */
export interface Simple extends Base {
	readonly kind: "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER";
	readonly value: string;
}

/** Instructions with a list. */
export interface Listed extends Base {
	readonly kind: "EXPOSE" | "VOLUME" | "SHELL";
	readonly values: readonly string[];
}

export interface Onbuild extends Base {
	readonly kind: "ONBUILD";
	/** The instruction to come, as text. */
	readonly trigger: string;
}

export type StageInstruction = Arg | Pairs | Run | Copy | CommandInstruction | Healthcheck | Simple | Listed | Onbuild;
export type Instruction = From | StageInstruction;
