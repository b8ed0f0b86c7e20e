import { expect, test } from "bun:test";
import { reasonOf } from "../../../src/registry/reason.ts";

const failure = (code: string, message = code) => Object.assign(new Error(message), { code });

test.each([
	["ECONNREFUSED", "dial tcp reg:5000: connect: connection refused"],
	["ENOTFOUND", "dial tcp: lookup reg: no such host"],
	["EPROTO", "tls: handshake failure: does the server speak TLS on this port? If not, name it in insecure-registries"],
	["CERT_HAS_EXPIRED", "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"],
	["ERR_TLS_CERT_ALTNAME_INVALID", "tls: failed to verify certificate: x509: certificate is not valid for reg"],
])("%s is told in Go's words", (code, text) => {
	expect(reasonOf(failure(code), "https://reg:5000/v2/")).toBe(text);
});

test("a certificate of one's own is of an unknown authority", () => {
	const text = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
	expect(reasonOf(failure("DEPTH_ZERO_SELF_SIGNED_CERT"), "https://reg/")).toBe(text);
	expect(reasonOf(failure("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "https://reg/")).toBe(text);
});

test("what has no words there keeps its own, without advice for programmers", () => {
	const advice = "It broke. For more information, pass `verbose: true` in the second argument to fetch()";
	expect(reasonOf(failure("ESTRANGE", advice), "https://reg/")).toBe("It broke.");
	expect(reasonOf(failure("ECONNREFUSED", "no address"), "")).toBe("no address");
});
