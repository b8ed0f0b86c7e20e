/**
 * Image references, `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, with docker's rules: the grammar of the distribution project's
 * `reference` package, the default host docker.io and its `library/`. Pure.
 */
import { EngineError } from "../../errors.ts";
import { consistsOf, HEX_DIGITS } from "../../sys/text.ts";

export interface Reference {
	/** "docker.io", "localhost:5000" */
	readonly host: string;
	/** "library/alpine" */
	readonly path: string;
	/** undefined only where there is a digest. */
	readonly tag: string | undefined;
	/** "sha256:…" */
	readonly digest: string | undefined;
}

/** The image that this program carries (embedded.ts). */
export const EMBEDDED_REFERENCE = "docker.io/nanocontainer/busybox:latest";

const DEFAULT_HOST = "docker.io";
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const HOST =
	/^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ID_LENGTH = 64;
const MAX_NAME = 255;

/** Parses what a user types. A missing tag becomes "latest", unless there is a digest. */
export function parseReference(text: string): Reference {
	const at = text.indexOf("@");
	const digest = at < 0 ? undefined : text.slice(at + 1);
	let name = at < 0 ? text : text.slice(0, at);
	if (digest !== undefined && !DIGEST.test(digest)) throw invalid(badDigest(text, digest));
	if (name.length === ID_LENGTH && consistsOf(name, HEX_DIGITS)) {
		throw invalid(`invalid repository name (${name}), cannot specify 64-byte hexadecimal strings`);
	}
	let tag: string | undefined;
	const colon = name.lastIndexOf(":");
	if (colon > name.lastIndexOf("/")) {
		tag = name.slice(colon + 1);
		name = name.slice(0, colon);
		if (!TAG.test(tag)) throw invalid("invalid reference format");
	}
	const { host, path } = splitHost(name);
	if (!isSimple(path) && !PATH.test(path)) {
		if (PATH.test(path.toLowerCase())) {
			throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
		}
		throw invalid("invalid reference format");
	}
	if (host !== DEFAULT_HOST && !HOST.test(host)) throw invalid("invalid reference format");
	if (`${host}/${path}`.length > MAX_NAME) {
		throw invalid("invalid reference format: repository name must not be more than 255 characters");
	}
	return { host, path, tag: tag ?? (digest ? undefined : "latest"), digest };
}

/** A digest of another registered algorithm (image-spec descriptor.md) is well-formed, but not for us. */
const badDigest = (text: string, digest: string): string =>
	/^sha512:[0-9a-f]{128}$/.test(digest)
		? `"${text}" names a digest by sha512, which is not supported: only sha256 is`
		: "invalid reference format";

/** What most names are, and what takes no regular expression to see: letters and digits between slashes. */
const isSimple = (path: string): boolean =>
	consistsOf(path, LETTERS_AND_DIGITS) && !path.startsWith("/") && !path.endsWith("/") && !path.includes("//");
const LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789/";

const invalid = (message: string): EngineError => new EngineError("usage", message);

/** The first part is a host if it looks like one: a dot, a colon, "localhost", or upper case. */
function splitHost(name: string): { host: string; path: string } {
	const slash = name.indexOf("/");
	const first = name.slice(0, Math.max(slash, 0));
	const isHost =
		slash > 0 && (first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase());
	let host = isHost ? first : DEFAULT_HOST;
	let path = isHost ? name.slice(slash + 1) : name;
	if (host === "index.docker.io") host = DEFAULT_HOST;
	if (host === DEFAULT_HOST && !path.includes("/")) path = `library/${path}`;
	return { host, path };
}

/** "docker.io/library/alpine" */
export const repositoryOf = (reference: Reference): string => `${reference.host}/${reference.path}`;

/** The full form, by which it is stored: "docker.io/library/alpine:3.20". A digest wins over a tag. */
export function canonical(reference: Reference): string {
	const { digest, tag } = reference;
	return `${repositoryOf(reference)}${digest ? `@${digest}` : `:${tag}`}`;
}

/** The form docker shows: without docker.io and library/. */
export function familiar(canonicalText: string): string {
	return canonicalText.replace(/^docker\.io\/(library\/(?=[^/]*$))?/, "");
}

/** Splits a canonical text again: repository in its familiar form, and tag or digest. */
export function splitFamiliar(canonicalText: string): { repository: string; tag: string; digest: string } {
	const text = familiar(canonicalText);
	const at = text.indexOf("@");
	if (at >= 0) return { repository: text.slice(0, at), tag: "", digest: text.slice(at + 1) };
	const colon = text.lastIndexOf(":");
	return { repository: text.slice(0, colon), tag: text.slice(colon + 1), digest: "" };
}
