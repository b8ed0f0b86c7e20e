/** `tag` and `history`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());
let id = "";
beforeAll(async () => {
	id = await host.ok("build", "-q", "-t", "base", "-", {
		stdin: `FROM ${IMAGE}\nRUN head -c 1000 /dev/zero > /x\nENV A=b\nRUN true && : a rather long command that a table has no room for`,
	});
});
const idOf = (name: string) => host.ok("images", "-q", "--no-trunc", name);

test("tag gives a further name, takes it from who had it, and says nothing", async () => {
	expect(await host.ok("tag", "base", "other:1")).toBe("");
	expect(await idOf("other:1")).toBe(id);
	const next = await host.ok("build", "-q", "-t", "next", "-", { stdin: "FROM base\nRUN touch /y" });
	await host.ok("image", "tag", next.slice(7, 19), "other:1");
	expect([await idOf("other:1"), await idOf("base")]).toEqual([next, id]);
	await host.ok("tag", "other:1", "registry.example:5000/a/b");
	expect(await host.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "registry.example:5000/a/b")).toBe(
		"registry.example:5000/a/b:latest",
	);
	for (const [source, target, error] of [
		["nosuch", "x", "No such image: nosuch:latest"],
		["base", "A:b", "invalid reference format"],
		["base", `x@${id}`, "refusing to create a tag with a digest reference"],
	]) {
		const { code, stderr } = await host.nc("tag", source ?? "", target ?? "");
		expect([code === 0, stderr]).toEqual([false, expect.stringContaining(error ?? "")]);
	}
	await host.ok("rmi", "next", "other:1", "registry.example:5000/a/b");
});

test("history tells each step, the last first", async () => {
	const [head = "", first = "", second = "", third = ""] = (await host.ok("history", "base")).split("\n");
	expect(head.split(/\s{2,}/)).toEqual(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]);
	expect(first).toMatch(
		new RegExp(`^${id.slice(7, 19)} +.* ago +RUN /bin/sh -c true && : a rather long comma… +0B +buildkit`),
	);
	expect(second).toMatch(/^<missing> +.* ago +ENV A=b +0B /);
	expect(third).toMatch(/^<missing> .*RUN \/bin\/sh -c head -c 1000 \/dev\/zero > \/x #… +1kB /);
	expect((await host.ok("history", "-q", "--no-trunc", "base")).split("\n")[0]).toBe(id);
	expect(await host.ok("history", "-H=false", "--format", "{{.Size}} {{.CreatedSince}}", "base")).toMatch(
		/^0 20\d\d-.*Z$/m,
	);
	expect(
		await host.ok("history", "-q", "--platform", `linux/${process.arch === "arm64" ? "arm64" : "amd64"}`, "base"),
	).toContain(id.slice(7, 19));
	expect((await host.nc("history", "--platform", "linux/s390x", "base")).stderr).toContain(
		"image with reference base was found but does not provide the specified platform (linux/s390x)",
	);
	expect((await host.nc("history", "nosuch")).stderr).toBe(
		"Error response from daemon: No such image: nosuch:latest\n",
	);
});
