/**
 * HTTP for registries: which scheme, redirects that don't carry credentials to other hosts, retries with back-off.
 */
import { EngineError, messageOf } from "../errors.ts";
import { debug } from "../log.ts";
import { reasonOf } from "./reason.ts";

const ATTEMPTS = 6;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
const REDIRECTS = 10;

export interface TransportOptions {
	/** A certificate nobody knows is accepted. */
	readonly insecure: boolean;
	/** How often to try; the first question to a registry that may not speak TLS is asked once. */
	readonly attempts?: number;
}

const retryable = (status: number): boolean => status === 429 || status === 408 || (status >= 500 && status !== 501);

/** How long to wait before try number `attempt` (from 1), with what the server asked for. */
export function delayBefore(attempt: number, retryAfter: string | null): number {
	const own = FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
	// Seconds, or a date (RFC 9110, 10.2.3).
	const asked = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) * 1000 : Date.parse(retryAfter ?? "") - Date.now();
	return Math.min(Math.max(own, Number.isFinite(asked) ? asked : 0), MAX_DELAY_MS);
}

/** Requests until there is an answer that another try would not change. */
export async function request(url: string, init: RequestInit, options: TransportOptions): Promise<Response> {
	const attempts = options.attempts ?? ATTEMPTS;
	for (let attempt = 1; ; attempt++) {
		let response: Response | undefined;
		let failure: unknown;
		try {
			response = await follow(url, init, options);
			if (!retryable(response.status) || attempt === attempts) return response;
			await response.body?.cancel();
		} catch (error) {
			if (init.signal?.aborted) throw error;
			if (error instanceof EngineError || attempt === attempts || refused(error)) throw unreachable(url, error);
			failure = error;
		}
		const wait = delayBefore(attempt, response?.headers.get("retry-after") ?? null);
		debug("registry", () => `${url}: ${response?.status ?? messageOf(failure)}, again in ${Math.round(wait)} ms`);
		await Bun.sleep(wait);
	}
}

/** Nobody listens, or the name is unknown, or it is not TLS: asking again changes nothing. */
function refused(error: unknown): boolean {
	const code = (error as { code?: string }).code ?? "";
	return /ConnectionRefused|ECONNREFUSED|ENOTFOUND|DNS|CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO|ERR_INVALID/i.test(
		code,
	);
}

export class Unreachable extends EngineError {
	constructor(message: string, cause: unknown) {
		super("failed", message, { cause });
	}
}

function unreachable(url: string, error: unknown): unknown {
	if (error instanceof EngineError) return error;
	return new Unreachable(`Get "${url}": ${reasonOf(error, url)}`, error);
}

/** For the first byte of an answer; a body that stands still is ended after IDLE_MS (src/image/pull/download.ts). */
const ANSWER_MS = 30_000;

const isWeb = (url: URL): boolean => url.protocol === "http:" || url.protocol === "https:";

async function follow(url: string, init: RequestInit, options: TransportOptions): Promise<Response> {
	if (!URL.canParse(url)) throw new EngineError("invalid", `invalid registry address: ${url}`);
	let at = new URL(url);
	const headers = new Headers(init.headers);
	for (let hops = 0; hops <= REDIRECTS; hops++) {
		// fetch() would open files and other stores too, with this machine's rights.
		if (!isWeb(at)) throw new EngineError("failed", `Get "${url}": refusing ${at.protocol}//, which is not HTTP`);
		const stop = new AbortController();
		const timer = setTimeout(() => stop.abort(new Error("no answer within 30 s")), ANSWER_MS);
		const signal = init.signal ? AbortSignal.any([init.signal, stop.signal]) : stop.signal;
		const response = await fetch(at.href, {
			...init,
			headers,
			signal,
			redirect: "manual",
			// Layers are compressed files: what is between here and there must not unpack them.
			decompress: false,
			...(options.insecure && at.host === new URL(url).host ? { tls: { rejectUnauthorized: false } } : {}),
		} as RequestInit).finally(() => clearTimeout(timer));
		const location = response.headers.get("location");
		if (response.status < 300 || response.status >= 400 || response.status === 304 || !location) return response;
		await response.body?.cancel();
		const next = new URL(location, at);
		// A name and password in it would become a header.
		next.username = next.password = "";
		if (at.protocol === "https:" && next.protocol !== "https:") {
			throw new EngineError(
				"failed",
				`Get "${at.href}": refusing a redirect from https to ${next.protocol}//${next.host}`,
			);
		}
		// Credentials are for the host they were given for, in a header or in a body.
		if (next.host !== at.host && init.body) {
			throw new EngineError("failed", `Post "${at.href}": refusing a redirect to ${next.host}`);
		}
		if (next.host !== at.host) headers.delete("authorization");
		at = next;
	}
	throw new EngineError("failed", `Get "${url}": stopped after ${REDIRECTS} redirects`);
}
