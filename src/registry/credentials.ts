/**
 * Credentials from docker's client configuration (~/.docker/config.json): `auths`, or helper programs
 * (`credHelpers`, `credsStore`), which are run as docker-credential-NAME and speak JSON.
 */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { EngineError, messageOf } from "../errors.ts";
import { debug } from "../log.ts";

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
		text = readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code !== "ENOENT" && code !== "ENOTDIR") warn(`${path}: ${messageOf(error)}`);
		return undefined;
	}
	const json = parseJson(text);
	const parsed = v.safeParse(Config, Array.isArray(json) ? undefined : (json ?? text));
	if (parsed.success) return parsed.output;
	const [issue] = parsed.issues;
	const key = issue?.path?.map((item) => String(item.key)).join(".") ?? "";
	warn(`${path}: ${json === undefined ? "it is not JSON" : `${key ? `"${key}": ` : ""}${issue?.message}`}`);
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
