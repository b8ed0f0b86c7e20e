/** Mounts whose files belong to the container's user: seen so (`idmap`), or given to them (`U`). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chownSync, linkSync, lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { Host, IMAGE } from "../fixture.ts";

const host = new Host();
const dir = `${host.dir}/owners`;
const outside = `${host.dir}/outside`;
const ownerOf = (path: string) => `${lstatSync(path).uid}:${lstatSync(path).gid}`;
beforeAll(async () => {
	await host.ok("build", "-q", "-t", "made", "-", {
		stdin: `FROM ${IMAGE}\nRUN echo app:x:4000:5000::/:/bin/sh >> /etc/passwd\nRUN mkdir /data && echo 1 > /data/f`,
	});
});
beforeEach(() => {
	for (const path of [dir, outside]) {
		rmSync(path, { recursive: true, force: true });
		mkdirSync(`${path}/sub`, { recursive: true });
		writeFileSync(`${path}/f`, "content\n");
		writeFileSync(`${path}/of-root`, "root's\n");
	}
	for (const path of [dir, `${dir}/f`, `${dir}/sub`]) chownSync(path, 1234, 2345);
});
afterAll(() => host.close());

const as = (user: string, mount: string, script: string) =>
	host.nc("run", "--rm", "--network", "none", "-u", user, ...mount.split(" "), "made", "sh", "-c", script);

describe("idmap", () => {
	const LOOK = "stat -c '%u:%g %n' /m /m/f /m/of-root; echo new > /m/new && echo more >> /m/f && stat -c %u:%g /m/new";
	test.each([
		["4000:5000", `-v ${dir}:/m:idmap`, "4000:5000", "0:0"],
		["app", `--mount type=bind,src=${dir},dst=/m,idmap`, "4000:5000", "0:0"],
		["0", `-v ${dir}:/m:rw,idmap`, "0:0", "1234:2345"],
		["1234:2345", `-v ${dir}:/m:idmap`, "1234:2345", "0:0"],
	])("as %s with %s", async (user, mount, seen, roots) => {
		const result = await as(user, mount, LOOK);
		expect(result.stderr).toBe("");
		expect(result.stdout).toBe(`${seen} /m\n${seen} /m/f\n${roots} /m/of-root\n${seen}\n`);
		expect([ownerOf(`${dir}/new`), ownerOf(`${dir}/f`), ownerOf(`${dir}/of-root`)]).toEqual([
			"1234:2345",
			"1234:2345",
			"0:0",
		]);
	});
	test("with maps that are given; who has none is nobody, and can be written by nobody", async () => {
		const result = await as(
			"0",
			`-v ${dir}:/m:idmap=uids=1234-7-1#0-8-1;gids=2345-9-2`,
			`${LOOK.split(";")[0]}; touch /m/x`,
		);
		expect(result.stdout).toBe("7:9 /m\n7:9 /m/f\n8:65534 /m/of-root\n");
		expect(result.stderr).toContain("/m/x: Value too large");
	});
	test("a file, a volume, a part of a volume", async () => {
		expect((await as("4000", `-v ${dir}/f:/f:idmap,ro`, "stat -c %u /f; echo x > /f")).stdout).toBe("4000\n");
		expect((await as("4000", "-v owned:/data:idmap", "stat -c %u /data; echo two >> /data/f")).stdout).toBe("4000\n");
		const part = "--mount type=volume,src=owned,dst=/f,volume-subpath=f,idmap";
		expect((await as("4000", part, "stat -c %u /f; cat /f")).stdout).toBe("4000\n1\ntwo\n");
		await host.ok("volume", "rm", "owned");
	});
	test("in a container that runs", async () => {
		await host.ok("run", "-d", "--name", "live", "--network", "none", "-u", "app", "made", "sleep", "1000");
		await host.ok("update", "--mount-add", `type=bind,src=${dir},dst=/m,idmap`, "live");
		expect(await host.ok("exec", "live", "sh", "-c", "touch /m/late; stat -c %u:%g /m/late")).toBe("4000:5000");
		expect(ownerOf(`${dir}/late`)).toBe("1234:2345");
		await host.ok("update", "--mount-rm", "/m", "live");
		await host.ok("rm", "-f", "live");
	});
	test("a file system that cannot is told", async () => {
		expect((await as("4000", "-v /proc:/m:idmap", "true")).stderr).toContain("The file system of /proc cannot map ids");
	});
});

describe("U", () => {
	test("gives what is mounted, and nothing that its links lead to", async () => {
		symlinkSync(outside, `${dir}/sub/link`);
		linkSync(`${dir}/f`, `${dir}/again`);
		expect((await as("app", `-v ${dir}:/m:U`, "stat -c %u:%g /m /m/f /m/sub; touch /m/sub/new")).stdout).toBe(
			"4000:5000\n4000:5000\n4000:5000\n",
		);
		const all = [dir, `${dir}/of-root`, `${dir}/sub/link`, `${dir}/sub/new`, `${dir}/again`];
		expect(all.map(ownerOf)).toEqual(all.map(() => "4000:5000"));
		expect([outside, `${outside}/f`].map(ownerOf)).toEqual(["0:0", "0:0"]);
	});
	test("volumes and single files", async () => {
		expect((await as("app", "-v given:/data:U", "touch /data/new; stat -c %u /data/f")).stdout).toBe("4000\n");
		await host.ok("volume", "rm", "given");
		expect((await as("77", `--mount type=bind,src=${dir}/f,dst=/f,U`, "stat -c %u /f")).stdout).toBe("77\n");
		expect(statSync(dir).uid).toBe(1234);
	});
	test("directories that the host needs are not given away", async () => {
		symlinkSync("/etc", `${dir}/etc`);
		for (const place of ["/etc", "/", `${dir}/etc`]) {
			const { code, stderr } = await as("app", `-v ${place}:/m:U`, "true");
			expect([code, stderr]).toEqual([125, expect.stringContaining("cannot be given to the container's user")]);
		}
		expect(statSync("/etc").uid).toBe(0);
	});
});

test.each([
	["-v /tmp:/m:idmap=uids=1-2", "invalid idmap: 1-2"],
	["-v /tmp:/m:idmap=uids=1-2-4294967295", "invalid idmap: 1-2-4294967295"],
	["-v /tmp:/m:idmap=pids=1-2-3", "invalid idmap: pids=1-2-3"],
	["-v /tmp:/m:idmap=uids=1-2-3;uids=1-2-3", "invalid idmap"],
	["--mount type=tmpfs,dst=/m,idmap", "cannot use 'U' or 'idmap' with mount type 'tmpfs'"],
	["--mount type=volume,src=abc,dst=/m,volume-subpath=x,U", "a volume is given away whole"],
	["-v /tmp:/m:idmap=uids=0-5-3#2-9-1", "cannot map the ids of /tmp"],
])("%s is refused", async (mount, error) => {
	expect((await as("0", mount, "true")).stderr).toContain(error);
});
