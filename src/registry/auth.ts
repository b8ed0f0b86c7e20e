/** A registry's challenge → an Authorization header (distribution spec, token authentication). */
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import { readJson } from "./body.ts";
import type { Credentials } from "./credentials.ts";

export type Challenge =
	| { readonly scheme: "basic" }
	| { readonly scheme: "bearer"; readonly realm: string; readonly service: string; readonly scope: string };

/**
 * Parses WWW-Authenticate (RFC 9110, 11.6.1), which may hold several challenges, or be sent several times, which fetch
 * joins with commas. Those that we cannot answer are left out. Pure.
 */
export function parseChallenges(header: string | null): Challenge[] {
	const found: Challenge[] = [];
	// A scheme stands alone, or before its first parameter; a parameter has "=" behind its name.
	const schemes = [...(header ?? "").matchAll(/(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[\w-]+\s*=|\s*(?:,|$))/g)];
	for (const [i, match] of schemes.entries()) {
		const start = (match.index ?? 0) + match[0].length;
		const text = (header ?? "").slice(start, schemes[i + 1]?.index);
		const parameters = new Map(
			[...text.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,]*))/g)].map(([, key = "", quoted, plain]) => [
				key.toLowerCase(),
				quoted ?? plain ?? "",
			]),
		);
		const scheme = match[1]?.toLowerCase();
		const realm = parameters.get("realm") ?? "";
		if (scheme === "basic") found.push({ scheme });
		if (scheme !== "bearer" || !URL.canParse(realm)) continue;
		found.push({ scheme, realm, service: parameters.get("service") ?? "", scope: parameters.get("scope") ?? "" });
	}
	return found;
}

export const basic = ({ username, password }: Credentials): string =>
	`Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const Token = v.object({
	token: v.nullish(v.string()),
	access_token: v.nullish(v.string()),
	expires_in: v.nullish(v.number()),
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
	const parsed = v.safeParse(Token, await readJson(response, "token"));
	const token = parsed.success ? parsed.output.token || parsed.output.access_token : undefined;
	// It goes into a header: what cannot stand there was not meant for it.
	if (!parsed.success || !token || !/^[\x21-\x7e]+$/.test(token))
		throw new EngineError("failed", `the token server ${url.host} gave no token`);
	return { header: `Bearer ${token}`, expires: Date.now() + (parsed.output.expires_in ?? DEFAULT_SECONDS) * 1000 };
}
