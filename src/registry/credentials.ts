/**
 * Credentials from docker's client configuration (~/.docker/config.json): `auths`, or helper programs
 * (`credHelpers`, `credsStore`), which are run as docker-credential-NAME and speak JSON.
 */
import * as v from "valibot";
import { EngineError, messageOf } from "../errors.ts";
import { debug } from "../log.ts";
import { readInputFile } from "../sys/input-file.ts";

export interface Credentials {
	readonly username: string;
	readonly password: string;
	/** An OAuth2 refresh token, which some registries hand out instead of a password. */
	readonly identityToken: string | undefined;
}

const Config = v.object({
	auths: v.nullish(
		v.record(
			v.string(),
			v.object({
				auth: v.nullish(v.string()),
				username: v.nullish(v.string()),
				password: v.nullish(v.string()),
				identitytoken: v.nullish(v.string()),
			}),
		),
		{},
	),
	credsStore: v.nullish(v.string(), ""),
	credHelpers: v.nullish(v.record(v.string(), v.string()), {}),
});

const HelperAnswer = v.object({ Username: v.string(), Secret: v.string() });

/** Docker Hub is known by this key. */
const HUB_KEY = "https://index.docker.io/v1/";
const keyOf = (host: string): string => (host === "docker.io" ? HUB_KEY : host);

/** undefined: go as nobody. A broken file is none, and `warn` hears of it; an empty host asks only for that. */
export function findCredentials(configDir: string, host: string, warn: (why: string) => void): Credentials | undefined {
	const config = readConfig(`${configDir}/config.json`, warn);
	return config && host ? credentialsIn(config, host) : undefined;
}

function readConfig(path: string, warn: (why: string) => void): v.InferOutput<typeof Config> | undefined {
	let text: string;
	try {
		text = Buffer.from(readInputFile(path, MAX_CONFIG)).toString();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") warn(`${path}: ${messageOf(error)}`);
		return undefined;
	}
	if (text.trim() === "") return undefined; // as good as none, docker finds
	const json = parseJson(text);
	if (Array.isArray(json)) {
		warn(`${path}: it is a list, and no object`);
		return undefined;
	}
	const parsed = v.safeParse(Config, json);
	const wrong = parsed.success ? wrongAuth(parsed.output) : undefined;
	if (wrong !== undefined) warn(`${path}: ${wrong}`);
	if (parsed.success) return wrong === undefined ? parsed.output : undefined;
	const [issue] = parsed.issues;
	const key = issue?.path?.map((item) => String(item.key)).join(".") ?? "";
	warn(`${path}: ${json === undefined ? "it is not JSON" : `${key ? `"${key}": ` : ""}${issue?.message}`}`);
	return undefined;
}

/** Longest file that is read. */
const MAX_CONFIG = 4 * 1024 * 1024;

/** In docker's words; undefined: each is base64 of NAME:PASSWORD. */
function wrongAuth({ auths }: v.InferOutput<typeof Config>): string | undefined {
	for (const { auth } of Object.values(auths ?? {})) {
		if (!auth) continue;
		const at = /[^A-Za-z0-9+/=\r\n]/.exec(auth)?.index ?? (auth.replace(/[\r\n]/g, "").length % 4 ? auth.length : -1);
		if (at >= 0) return `illegal base64 data at input byte ${at}`;
		if (!Buffer.from(auth, "base64").includes(":")) return "invalid auth configuration file";
	}
	return undefined;
}

function credentialsIn(config: v.InferOutput<typeof Config>, host: string): Credentials | undefined {
	const { auths, credsStore, credHelpers } = config;
	const key = keyOf(host);
	const helper = credHelpers[host] ?? credHelpers[key] ?? credsStore;
	if (helper) return askHelper(helper, key);
	const entry = auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === host)?.[1];
	if (!entry) return undefined;
	const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
		.toString()
		.split(":");
	const found = {
		username: entry.username || username,
		password: entry.password || password.join(":").replace(/\0+$/, ""),
		identityToken: entry.identitytoken || undefined,
	};
	// What `logout` leaves behind.
	return found.username || found.password || found.identityToken ? found : undefined;
}

const hostOf = (key: string): string => key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");

/** undefined: it is none. */
function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function askHelper(name: string, server: string): Credentials | undefined {
	if (!/^[\w.-]+$/.test(name)) throw new EngineError("usage", `credential helper name "${name}" is invalid`);
	const program = Bun.which(`docker-credential-${name}`);
	if (!program)
		throw new EngineError("failed", `exec: "docker-credential-${name}": executable file not found in $PATH`);
	const result = Bun.spawnSync([program, "get"], { stdin: Buffer.from(server), stdout: "pipe", stderr: "ignore" });
	const answer = result.success ? v.safeParse(HelperAnswer, parseJson(result.stdout.toString())) : undefined;
	if (!answer?.success) {
		debug("registry", () => `docker-credential-${name} knows nothing of ${server}`);
		return undefined;
	}
	const { Username, Secret } = answer.output;
	const token = Username === "<token>" ? Secret : undefined;
	return { username: token ? "" : Username, password: token ? "" : Secret, identityToken: token };
}
