/**
 * Logical lines of a Dockerfile → typed instructions (Dockerfile reference). Pure. Errors carry their lines and are
 * worded as BuildKit words them.
 */
import { EngineError } from "../../errors.ts";
import { didYouMean } from "./closest.ts";
import type { CommandLine, Instruction, NameValue, Run, RunMount, StageInstruction } from "./instruction.ts";
import { jsonArray } from "./json-array.ts";
import { expandWords } from "./lex.ts";
import { type Dockerfile, DockerfileError, type Line, parseLines } from "./lines.ts";
import { Flags } from "./parse-flags.ts";
import { parseHealthcheck } from "./parse-health.ts";
import { parseRunMount } from "./parse-run-mount.ts";

type Parser = (line: Line, flags: Flags, escapeChar: string) => Instruction;

export interface ParsedDockerfile extends Dockerfile {
	readonly instructions: readonly Instruction[];
}

export function parseDockerfile(text: string): ParsedDockerfile {
	const file = parseLines(text);
	return { ...file, instructions: file.lines.map((line) => parseLine(line, file.directives.escapeChar)) };
}

/** One instruction given as text: an ONBUILD trigger, or `commit --change`. */
export function parseInstruction(text: string): StageInstruction {
	const line = parseLines(text).lines[0];
	const instruction = line && parseLine(line, "\\");
	if (!instruction || instruction.kind === "FROM") throw new EngineError("invalid", `not an instruction: ${text}`);
	return instruction;
}

function parseLine(line: Line, escapeChar: string): Instruction {
	const fail = (message: string): DockerfileError =>
		new DockerfileError(`dockerfile parse error on line ${line.range.start}: ${message}`, line.range);
	const parser = Object.hasOwn(PARSERS, line.keyword) ? PARSERS[line.keyword] : undefined;
	if (!parser) {
		throw fail(`unknown instruction: ${line.keyword}${didYouMean(line.keyword, Object.keys(PARSERS))}`);
	}
	if (line.rest === "" && line.keyword !== "ONBUILD" && line.keyword !== "CMD" && line.keyword !== "ENTRYPOINT") {
		throw fail(
			NO_ARGUMENTS.has(line.keyword)
				? `${line.keyword} requires ${NO_ARGUMENTS.get(line.keyword)}`
				: `${line.keyword} requires at least one argument`,
		);
	}
	try {
		const flags = new Flags(line.keyword, line.flags);
		const instruction = parser(line, flags, escapeChar);
		flags.end();
		return instruction;
	} catch (error) {
		if (error instanceof DockerfileError || !(error instanceof EngineError)) throw error;
		throw fail(error.message);
	}
}

const NO_ARGUMENTS = new Map([
	["FROM", "either one or three arguments"],
	["WORKDIR", "exactly one argument"],
	["USER", "exactly one argument"],
	["STOPSIGNAL", "exactly one argument"],
	["MAINTAINER", "exactly one argument"],
	["COPY", "at least two arguments, but only one was provided. Destination could not be determined"],
	["ADD", "at least two arguments, but only one was provided. Destination could not be determined"],
	["ARG", "at least one argument"],
]);

/** The instruction in one line: heredocs by their words alone, blanks joined. */
const textOf = (line: Line): string => [line.keyword, ...line.flags, line.rest].filter(Boolean).join(" ");
const base = (line: Line) => ({ range: line.range, text: textOf(line) });

function commandLine(rest: string): CommandLine {
	const json = jsonArray(rest);
	return json ? { shell: false, args: json } : { shell: true, args: [rest] };
}

const blanks = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** Words with their quotes still on them, for ENV, LABEL and ARG: what is quoted holds together. */
function quotedWords(rest: string, escapeChar: string): string[] {
	return expandWords(rest, { escapeChar, lookup: () => undefined, verbatim: true, rawQuotes: true, rawEscapes: true });
}

const from: Parser = (line, flags) => {
	const words = blanks(line.rest);
	const [image = "", as, name] = words;
	if (words.length !== 1 && !(words.length === 3 && as?.toUpperCase() === "AS")) {
		throw new EngineError("invalid", "FROM requires either one or three arguments");
	}
	if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(name.toLowerCase())) {
		throw new EngineError(
			"invalid",
			`invalid name for build stage: "${name}", name can't start with a number or contain symbols`,
		);
	}
	return {
		kind: "FROM",
		...base(line),
		image,
		platform: flags.text("platform"),
		name: name?.toLowerCase(),
		comment: line.comment,
	};
};

const arg: Parser = (line, _flags, escapeChar) => {
	const args = quotedWords(line.rest, escapeChar).map((word): NameValue => {
		const equals = word.indexOf("=");
		const name = equals < 0 ? word : word.slice(0, equals);
		if (name === "") throw new EngineError("invalid", "ARG names can not be blank");
		return { name, value: equals < 0 ? undefined : word.slice(equals + 1) };
	});
	return { kind: "ARG", ...base(line), args, comment: line.comment };
};

const pairs =
	(kind: "ENV" | "LABEL"): Parser =>
	(line, _flags, escapeChar) => {
		const words = quotedWords(line.rest, escapeChar);
		if (!words[0]?.includes("=")) {
			const [, name = "", value] = /^(\S+)\s+([\s\S]+)$/.exec(line.rest) ?? [];
			if (value === undefined) throw new EngineError("invalid", `${kind} must have two arguments`);
			return { kind, ...base(line), pairs: [{ name, value }], legacy: true };
		}
		const list = words.map((word) => {
			const equals = word.indexOf("=");
			if (equals < 0) {
				throw new EngineError("invalid", `Syntax error - can't find = in "${word}". Must be of the form: name=value`);
			}
			const name = word.slice(0, equals);
			if (name === "") throw new EngineError("invalid", `${kind} names can not be blank`);
			return { name, value: word.slice(equals + 1) };
		});
		return { kind, ...base(line), pairs: list, legacy: false };
	};

const run: Parser = (line, flags): Run => {
	const network = flags.text("network") ?? "default";
	if (network !== "default" && network !== "none" && network !== "host") {
		throw new EngineError("invalid", `invalid network mode: "${network}"`);
	}
	const security = flags.text("security") ?? "sandbox";
	if (security !== "sandbox" && security !== "insecure") {
		throw new EngineError("invalid", `security "${security}" is not valid`);
	}
	const mounts: RunMount[] = flags.all("mount").map((text) => parseRunMount(text));
	return {
		kind: "RUN",
		...base(line),
		command: commandLine(line.rest),
		heredocs: line.heredocs,
		mounts,
		network,
		security,
	};
};

const copy =
	(kind: "COPY" | "ADD"): Parser =>
	(line, flags) => {
		const words = jsonArray(line.rest) ?? blanks(line.rest);
		const destination = words.at(-1);
		if (words.length < 2 || destination === undefined) {
			throw new EngineError(
				"invalid",
				`${kind} requires at least two arguments, but only one was provided. Destination could not be determined`,
			);
		}
		const heredocs = line.heredocs;
		if (heredocs.some((heredoc) => heredoc.word === destination)) {
			throw new EngineError("invalid", `${kind} cannot accept a heredoc as a destination`);
		}
		const add = kind === "ADD";
		return {
			kind,
			...base(line),
			sources: words.slice(0, -1).filter((word) => !heredocs.some((heredoc) => heredoc.word === word)),
			heredocs,
			destination,
			from: add ? undefined : flags.text("from"),
			chown: flags.text("chown"),
			chmod: flags.text("chmod"),
			link: flags.bool("link") ?? false,
			parents: add ? false : (flags.bool("parents") ?? false),
			exclude: flags.all("exclude"),
			checksum: add ? flags.text("checksum") : undefined,
			keepGitDir: add ? (flags.bool("keep-git-dir") ?? false) : false,
			unpack: add ? flags.bool("unpack") : undefined,
		};
	};

const command =
	(kind: "CMD" | "ENTRYPOINT"): Parser =>
	(line) => ({ kind, ...base(line), command: commandLine(line.rest) });

const simple =
	(kind: "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER"): Parser =>
	(line) => ({ kind, ...base(line), value: line.rest });

const listed =
	(kind: "EXPOSE" | "VOLUME"): Parser =>
	(line) => {
		const values = (kind === "VOLUME" ? jsonArray(line.rest) : undefined) ?? blanks(line.rest);
		if (kind === "VOLUME" && (values.length === 0 || values.includes(""))) {
			throw new EngineError("invalid", "VOLUME specified can not be an empty string");
		}
		return { kind, ...base(line), values };
	};

const shell: Parser = (line) => {
	const values = jsonArray(line.rest);
	if (!values) throw new EngineError("invalid", `SHELL requires the arguments to be in JSON form: ${line.rest}`);
	if (values.length === 0) throw new EngineError("invalid", "SHELL requires at least one argument");
	return { kind: "SHELL", ...base(line), values };
};

const onbuild: Parser = (line) => {
	const word = /^\S*/.exec(line.rest)?.[0].toUpperCase() ?? "";
	if (word === "") throw new EngineError("invalid", "ONBUILD requires at least one argument");
	if (word === "ONBUILD") throw new EngineError("invalid", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (word === "FROM" || word === "MAINTAINER") {
		throw new EngineError("invalid", `${word} isn't allowed as an ONBUILD trigger`);
	}
	const documents = line.heredocs.map(({ name, content }) => `\n${content}${name}`).join("");
	const trigger = line.rest + documents;
	parseInstruction(trigger); // a mistake in it is told now, not in the build that is based on this one
	return { kind: "ONBUILD", ...base(line), trigger };
};

const PARSERS: Readonly<Record<string, Parser>> = {
	ADD: copy("ADD"),
	ARG: arg,
	CMD: command("CMD"),
	COPY: copy("COPY"),
	ENTRYPOINT: command("ENTRYPOINT"),
	ENV: pairs("ENV"),
	EXPOSE: listed("EXPOSE"),
	FROM: from,
	HEALTHCHECK: (line, flags) => ({ kind: "HEALTHCHECK", ...base(line), ...parseHealthcheck(line.rest, flags) }),
	LABEL: pairs("LABEL"),
	MAINTAINER: simple("MAINTAINER"),
	ONBUILD: onbuild,
	RUN: run,
	SHELL: shell,
	STOPSIGNAL: simple("STOPSIGNAL"),
	USER: simple("USER"),
	VOLUME: listed("VOLUME"),
	WORKDIR: simple("WORKDIR"),
};
