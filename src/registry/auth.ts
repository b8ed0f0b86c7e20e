/** A registry's challenge → an Authorization header (distribution spec, token authentication). */
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";

export type Challenge =
	| { readonly scheme: "basic" }
	| { readonly scheme: "bearer"; readonly realm: string; readonly service: string; readonly scope: string };

/** Parses WWW-Authenticate; undefined if it asks for something else. Pure. */
export function parseChallenge(header: string | null): Challenge | undefined {
	const match = /^\s*(\w+)(?:\s+(.*))?$/s.exec(header ?? "");
	if (!match) return undefined;
	const scheme = match[1]?.toLowerCase();
	if (scheme === "basic") return { scheme };
	if (scheme !== "bearer") return undefined;
	const parameters = new Map(
		[...(match[2] ?? "").matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]*))/g)].map(([, key = "", quoted, plain]) => [
			key.toLowerCase(),
			quoted ?? plain ?? "",
		]),
	);
	const realm = parameters.get("realm");
	if (!realm || !URL.canParse(realm)) return undefined;
	return { scheme, realm, service: parameters.get("service") ?? "", scope: parameters.get("scope") ?? "" };
}

export const basic = ({ username, password }: Credentials): string =>
	`Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const Token = v.object({
	token: v.optional(v.string()),
	access_token: v.optional(v.string()),
	expires_in: v.optional(v.number()),
});

export interface BearerToken {
	readonly header: string;
	/** Milliseconds since 1970. */
	readonly expires: number;
}

/** Registries that say nothing mean a minute. */
const DEFAULT_SECONDS = 60;

/** Fetches a token for what the challenge names. `request` is the client's, with its retries. */
export async function fetchToken(
	challenge: Extract<Challenge, { scheme: "bearer" }>,
	scope: string,
	credentials: Credentials | undefined,
	request: (url: string, init: RequestInit) => Promise<Response>,
): Promise<BearerToken> {
	const url = new URL(challenge.realm);
	if (url.protocol !== "https:" && url.protocol !== "http:") {
		throw new EngineError("failed", `the registry's token server has an impossible address: ${challenge.realm}`);
	}
	let response: Response;
	if (credentials?.identityToken) {
		const body = new URLSearchParams({
			grant_type: "refresh_token",
			refresh_token: credentials.identityToken,
			service: challenge.service,
			scope: challenge.scope || scope,
			client_id: "nanocontainer",
		});
		response = await request(url.href, { method: "POST", body });
	} else {
		if (challenge.service) url.searchParams.set("service", challenge.service);
		url.searchParams.set("scope", challenge.scope || scope);
		response = await request(url.href, credentials ? { headers: { Authorization: basic(credentials) } } : {});
	}
	if (!response.ok) {
		await response.body?.cancel();
		throw new EngineError("denied", `unauthorized: the token server ${url.host} answers ${response.status}`);
	}
	const parsed = v.safeParse(Token, await response.json().catch(() => undefined));
	const token = parsed.success ? (parsed.output.token ?? parsed.output.access_token) : undefined;
	if (!parsed.success || !token) throw new EngineError("failed", `the token server ${url.host} gave no token`);
	return { header: `Bearer ${token}`, expires: Date.now() + (parsed.output.expires_in ?? DEFAULT_SECONDS) * 1000 };
}
