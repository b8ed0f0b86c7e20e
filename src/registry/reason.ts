/**
 * Why a registry was not reached, in the words of Go's net and crypto packages: docker shows those, and scripts look for
 * them. Bun's own address programmers.
 */
import { messageOf } from "../errors.ts";

const NO_TLS = "does the server speak TLS on this port? If not, name it in insecure-registries";
const UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority";

/** By the error's code (errno(3), getaddrinfo(3), OpenSSL's verify(1)). */
const REASONS: Readonly<Record<string, (url: URL) => string>> = {
	ECONNREFUSED: (url) => dial(url, "connection refused"),
	ENETUNREACH: (url) => dial(url, "network is unreachable"),
	EHOSTUNREACH: (url) => dial(url, "no route to host"),
	ETIMEDOUT: (url) => dial(url, "i/o timeout"),
	ENOTFOUND: ({ hostname }) => `dial tcp: lookup ${hostname}: no such host`,
	EAI_AGAIN: ({ hostname }) => `dial tcp: lookup ${hostname}: Temporary failure in name resolution`,
	ECONNRESET: () => "connection reset by peer",
	EPROTO: () => `tls: handshake failure: ${NO_TLS}`,
	DEPTH_ZERO_SELF_SIGNED_CERT: () => unverified(UNKNOWN_AUTHORITY),
	SELF_SIGNED_CERT_IN_CHAIN: () => unverified(UNKNOWN_AUTHORITY),
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => unverified(UNKNOWN_AUTHORITY),
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => unverified(UNKNOWN_AUTHORITY),
	CERT_HAS_EXPIRED: () => unverified("x509: certificate has expired or is not yet valid"),
	CERT_NOT_YET_VALID: () => unverified("x509: certificate has expired or is not yet valid"),
	ERR_TLS_CERT_ALTNAME_INVALID: ({ hostname }) => unverified(`x509: certificate is not valid for ${hostname}`),
};

const dial = ({ host }: URL, why: string): string => `dial tcp ${host}: connect: ${why}`;
const unverified = (why: string): string => `tls: failed to verify certificate: ${why}`;

/** `url`: what was asked for. An error that has no words of Go's keeps its own, without Bun's advice for programmers. */
export function reasonOf(error: unknown, url: string): string {
	const reason = REASONS[(error as { code?: string }).code ?? ""];
	if (reason && URL.canParse(url)) return reason(new URL(url));
	return messageOf(error).replace(/\s*(?:For more information, pass|pass) `verbose: true`.*$/s, "");
}
