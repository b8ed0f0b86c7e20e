import { describe, expect, test } from "bun:test";
import { canonical, familiar, parseReference, splitFamiliar } from "../../../src/image/reference/reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("parseReference()", () => {
	const cases: Record<string, string> = {
		alpine: "docker.io/library/alpine:latest",
		"alpine:3.20": "docker.io/library/alpine:3.20",
		"user/x": "docker.io/user/x:latest",
		"docker.io/alpine": "docker.io/library/alpine:latest",
		"index.docker.io/library/a": "docker.io/library/a:latest",
		"localhost/x": "localhost/x:latest",
		"host:5000/a/b:tag": "host:5000/a/b:tag",
		"registry.example.com/a": "registry.example.com/a:latest",
		"a__b/c.d-e--f": "docker.io/a__b/c.d-e--f:latest",
		"[::1]:5000/x": "[::1]:5000/x:latest",
		[`alpine@${digest}`]: `docker.io/library/alpine@${digest}`,
		[`alpine:3@${digest}`]: `docker.io/library/alpine@${digest}`,
	};
	for (const [text, expected] of Object.entries(cases)) {
		test(`${text.slice(0, 40)} is ${expected.slice(0, 50)}`, () =>
			expect(canonical(parseReference(text))).toBe(expected));
	}
	for (const text of [
		"",
		":",
		"a:",
		"a//b",
		"-a",
		"a_",
		"a:b:c/",
		"a b",
		"a@sha256:12",
		"A/../b",
		`${"a/".repeat(130)}b`,
		"a:-tag",
		"a".repeat(64),
	]) {
		test(`"${text.slice(0, 20)}" is refused`, () => expect(() => parseReference(text)).toThrow());
	}
	test("upper case is told apart", () => {
		expect(() => parseReference("UPPER")).toThrow(
			"invalid reference format: repository name (library/UPPER) must be lowercase",
		);
		expect(canonical(parseReference("Host/x"))).toBe("Host/x:latest"); // upper case makes it a host
	});
});

test("familiar() takes away what docker does not show", () => {
	expect(familiar("docker.io/library/alpine:3")).toBe("alpine:3");
	expect(familiar("docker.io/user/x:1")).toBe("user/x:1");
	expect(familiar("host:5000/library/x:1")).toBe("host:5000/library/x:1");
	expect(splitFamiliar("localhost:5000/a:b")).toEqual({ repository: "localhost:5000/a", tag: "b", digest: "" });
});
