/** --user by the container's own passwd and group, which are a stranger's. */
import { expect, test } from "bun:test";
import { resolveUser } from "../../../src/runtime/users.ts";

const passwd =
	"# nobody: x\nroot:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:\nodd:x:0x5:1::/:\nnone:x::5::/:\n:x:7:7::/nameless:\n";
const group = "root:x:0:\nwww:x:33:\nextra:x:44:web,other\nweb:x:55:\nbad:x:5a:web\ndouble:x:44:web\n:x:66:\n";

test("users and groups by name and by number", () => {
	expect(resolveUser("", passwd, group, [])).toEqual({ uid: 0, gid: 0, groups: [0], home: "/root" });
	expect(resolveUser("web", passwd, group, [])).toEqual({ uid: 33, gid: 33, groups: [33, 44], home: "/srv" });
	expect(resolveUser("web:www", passwd, group, ["extra", "77"])).toEqual({
		uid: 33,
		gid: 33,
		groups: [33, 44, 77],
		home: "/srv",
	});
	expect(resolveUser("1000:web", passwd, group, [])).toEqual({ uid: 1000, gid: 55, groups: [55], home: "/" });
	expect(resolveUser("7", passwd, group, []).groups).toEqual([7]); // a user without a name is in no group's list
	for (const [user, extra] of [["odd"], ["nosuch"], ["web:nosuch"], ["web", "nosuch"], ["-1"]] as const) {
		expect(() => resolveUser(user, passwd, group, extra ? [extra] : [])).toThrow();
	}
});

test("a hundred thousand groups take no time", () => {
	const many = Array.from({ length: 100_000 }, (_, i) => `g${i}:x:${i + 100}:web`).join("\n");
	const started = performance.now();
	expect(resolveUser("web", passwd, many, []).groups.length).toBe(100_001);
	expect(performance.now() - started).toBeLessThan(2000);
});
