/** One repository of one registry, by the distribution spec: manifests and blobs. */
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import { debug } from "../log.ts";
import { type BearerToken, basic, type Challenge, fetchToken, parseChallenges } from "./auth.ts";
import { readJson, readLimited } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import { reasonOf } from "./reason.ts";
import { delayBefore, request, type TransportOptions, Unreachable } from "./transport.ts";

const BODY_ATTEMPTS = 4;
const HUB = "registry-1.docker.io";

export interface RegistryOptions {
	/** "docker.io", "localhost:5000" */
	readonly host: string;
	/** "library/alpine" */
	readonly repository: string;
	readonly credentials: () => Credentials | undefined;
	/** Plain HTTP and unknown certificates are accepted. */
	readonly insecure: boolean;
	/** Tokens are asked for pushing too. */
	readonly push?: boolean;
	/** Base URL of a mirror to ask instead. */
	readonly mirror?: string;
}

/** Loopback, and what the configuration names: a host, or a network in CIDR form. Pure. */
export function isInsecure(host: string, configured: readonly string[]): boolean {
	const name = host.replace(/:\d+$/, "");
	if (name === "localhost" || /^127\./.test(name) || name === "[::1]") return true;
	return configured.some((entry) => entry === host || entry === name || inNetwork(name, entry));
}

function inNetwork(ip: string, cidr: string): boolean {
	const [network = "", bits] = cidr.split("/");
	const number = (text: string) => {
		const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)?.slice(1).map(Number);
		return parts?.reduce((sum, part) => sum * 256 + part, 0);
	};
	const a = number(ip);
	const b = number(network);
	if (a === undefined || b === undefined || !bits || !/^\d+$/.test(bits) || Number(bits) > 32) return false;
	const size = 2 ** (32 - Number(bits));
	return Math.floor(a / size) === Math.floor(b / size);
}

export class RegistryClient {
	readonly #options: RegistryOptions;
	readonly #transport: TransportOptions;
	#base: string | undefined;
	#challenge: Challenge | undefined;
	#token: BearerToken | undefined;

	constructor(options: RegistryOptions) {
		this.#options = options;
		// A mirror that is down must not keep the pull from the registry for long.
		this.#transport = { insecure: options.insecure, ...(options.mirror ? { attempts: 2 } : {}) };
	}

	/** The answer to GET /v2/<repository>/<path>, authorized as the registry asks. */
	get(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response> {
		return this.send("GET", path, { headers, ...(signal ? { signal } : {}) });
	}

	/** The same with any method. */
	async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
		const base = await this.#resolveBase();
		return this.sendTo(method, new URL(`${base}/v2/${this.#options.repository}/${path}`), init);
	}

	/** To an address that the registry itself has named. Another host than its own gets no credentials. */
	async sendTo(method: string, url: URL, init: RequestInit = {}): Promise<Response> {
		const own = url.host === new URL(await this.#resolveBase()).host;
		const all = { ...init, method };
		if (!own) return request(url.href, all, this.#transport);
		const first = await this.#send(url.href, all);
		if (first.status !== 401 || new URL(first.url).host !== url.host) return first;
		const challenge = this.#choose(first);
		if (!challenge) return first;
		await first.body?.cancel();
		this.#challenge = challenge;
		this.#token = undefined; // refused: expired, or for another scope
		return this.#send(url.href, all);
	}

	/** A token where one is offered, else a password. */
	#choose(response: Response): Challenge | undefined {
		const challenges = parseChallenges(response.headers.get("www-authenticate"));
		return challenges.find(({ scheme }) => scheme === "bearer") ?? challenges[0];
	}

	/**
	 * The same as get(), with the body of at most `limit` bytes: one that breaks off is asked for again. `check` throws
	 * for an answer that is none.
	 */
	async read(
		path: string,
		headers: Readonly<Record<string, string>>,
		what: string,
		limit: number,
		check: (response: Response) => Promise<void>,
	): Promise<{ readonly bytes: Uint8Array; readonly response: Response }> {
		for (let attempt = 1; ; attempt++) {
			const response = await this.get(path, headers);
			await check(response);
			try {
				return { bytes: await readLimited(response, what, limit), response };
			} catch (error) {
				if (error instanceof EngineError) throw error;
				if (attempt === BODY_ATTEMPTS)
					throw new EngineError("failed", `the ${what} broke off: ${reasonOf(error, response.url)}`);
				await Bun.sleep(delayBefore(attempt, null));
			}
		}
	}

	async #send(url: string, init: RequestInit): Promise<Response> {
		const authorization = await this.#authorization();
		const headers = new Headers(init.headers);
		if (authorization) headers.set("Authorization", authorization);
		return request(url, { ...init, headers }, this.#transport);
	}

	async #authorization(): Promise<string | undefined> {
		const challenge = this.#challenge;
		if (!challenge) return undefined;
		const credentials = this.#options.mirror ? undefined : this.#options.credentials();
		if (challenge.scheme === "basic") return credentials && basic(credentials);
		if (!this.#token || this.#token.expires < Date.now() + 1000) {
			if (new URL(challenge.realm).protocol !== "https:" && !this.#options.insecure) {
				throw new EngineError("failed", `the registry's token server ${challenge.realm} does not use https`);
			}
			const scope = `repository:${this.#options.repository}:${this.#options.push ? "pull,push" : "pull"}`;
			this.#token = await fetchToken(challenge, scope, credentials, (url, init) => request(url, init, this.#transport));
		}
		return this.#token.header;
	}

	/** The scheme: TLS; where it may be insecure and there is no TLS, plain HTTP. The first question tells. */
	async #resolveBase(): Promise<string> {
		if (this.#base) return this.#base;
		const { mirror, insecure } = this.#options;
		const host = this.#options.host === "docker.io" ? HUB : this.#options.host;
		const bases = mirror
			? [mirror.replace(/\/+$/, "")]
			: insecure
				? [`https://${host}`, `http://${host}`]
				: [`https://${host}`];
		let failure: unknown;
		for (const [i, base] of bases.entries()) {
			try {
				const response = await this.#ping(base, i < bases.length - 1);
				await response.body?.cancel();
				if (response.status === 401 && new URL(response.url).host === new URL(base).host)
					this.#challenge = this.#choose(response);
				this.#base = base;
				return base;
			} catch (error) {
				if (!(error instanceof Unreachable)) throw error;
				debug("registry", () => error.message);
				failure = error;
			}
		}
		throw failure;
	}

	#ping(base: string, once: boolean): Promise<Response> {
		return request(`${base}/v2/`, {}, once ? { ...this.#transport, attempts: 1 } : this.#transport);
	}
}

const ErrorDocument = v.object({
	errors: v.array(v.object({ code: v.nullish(v.string()), message: v.nullish(v.string()) })),
});

/** What the registry's error document says: the first error's code and message. */
export async function registryError(response: Response): Promise<{ code: string; message: string }> {
	const parsed = v.safeParse(ErrorDocument, await readJson(response, "error"));
	const first = parsed.success ? parsed.output.errors[0] : undefined;
	return { code: first?.code ?? "", message: first?.message ?? "" };
}

/** An answer that is not a success as docker words it; `familiar` is the image as the user knows it. */
export async function failureOf(response: Response, familiar: string, what: string): Promise<EngineError> {
	const { code, message } = await registryError(response);
	const repository = familiar.replace(/[:@][^/]*$/, "");
	if (response.status === 401 || response.status === 403 || code === "DENIED" || code === "UNAUTHORIZED") {
		return new EngineError(
			"denied",
			`pull access denied for ${repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
		);
	}
	if (response.status === 404 && what === "manifest") {
		return new EngineError("not-found", `manifest for ${familiar} not found: manifest unknown: manifest unknown`);
	}
	if (response.status === 429) {
		return new EngineError("failed", `toomanyrequests: ${message || "the registry asks to slow down"}`);
	}
	return new EngineError(
		"failed",
		`the registry answers ${response.status} for the ${what} of ${familiar}${message ? `: ${message}` : ""}`,
	);
}
