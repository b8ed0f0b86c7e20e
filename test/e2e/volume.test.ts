/** Volumes that users name: made, listed, looked at, filled, removed; nothing is taken from a container that has it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp } from "../fixture.ts";

const host = new Host();
beforeAll(loopbackUp);
afterAll(() => host.close());

const place = (name: string) => `${host.root}/volumes/${name}/_data`;
const names = async (...args: string[]) => (await host.ok("volume", "ls", "-q", ...args)).split("\n").filter(Boolean);
const json = async (...args: string[]) => JSON.parse(await host.ok(...args));

describe("volume create", () => {
	test("prints the name, makes the directory, and makes one of a name once", async () => {
		expect(await host.ok("volume", "create", "data", "--label", "a=1", "--label", "b")).toBe("data");
		expect(existsSync(place("data"))).toBe(true);
		expect(await host.ok("volume", "create", "data")).toBe("data");
		expect(await json("volume", "inspect", "data")).toEqual([
			{
				CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
				Driver: "local",
				Labels: { a: "1", b: "" },
				Mountpoint: place("data"),
				Name: "data",
				Options: null,
				Scope: "local",
			},
		]);
	});
	test("without a name it is anonymous", async () => {
		const name = await host.ok("volume", "create");
		expect(name).toMatch(/^[0-9a-f]{64}$/);
		expect((await json("volume", "inspect", name))[0].Labels).toEqual({ "com.docker.volume.anonymous": "" });
	});
	test("what cannot be is refused in docker's words", async () => {
		for (const [args, text] of [
			[["a"], "create a: volume name is too short"],
			[["../x"], 'create ../x: "../x" includes invalid characters'],
			[["-d", "nosuch", "vol"], "error looking up volume plugin nosuch"],
			[["-o", "foo=1", "vol"], 'create vol: invalid option: "foo"'],
			[["-o", "type=none", "-o", "o=bind", "vol"], 'create vol: missing required option: "device"'],
			[["-o", "o=bind", "-o", "device=rel", "vol"], '"device" must be an absolute path'],
		] as const) {
			const { code, stderr } = await host.nc("volume", "create", ...args);
			expect([code, stderr]).toEqual([1, expect.stringContaining(text)]);
		}
		expect(await names()).not.toContain("vol");
		expect((await host.nc("volume", "create", "--scope", "multi", "vol")).stderr).toContain("there is no swarm");
	});
	test("a bind volume is another place's name, filled from the image where that is empty", async () => {
		const device = `${host.dir}/device`;
		mkdirSync(device);
		await host.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, "bound");
		expect((await host.sh("ls /d", "-v", "bound:/d")).stdout).toBe("");
		expect((await host.sh("echo kept > /d/x", "-v", "bound:/d")).code).toBe(0);
		expect(readFileSync(`${device}/x`, "utf8")).toBe("kept\n");
		expect(await host.ok("volume", "inspect", "-f", "{{.Options.device}}", "bound")).toBe(device);
		await host.ok("volume", "rm", "bound");
		await host.ok("volume", "create", "-o", "type=bind", "-o", "o=bind,ro", "-o", `device=${device}`, "toread");
		expect((await host.sh("touch /d/x", "-v", "toread:/d")).stderr).toContain("Read-only file system");
		await host.ok("volume", "rm", "toread");
		const mount = `type=volume,src=made,dst=/d,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=${device}`;
		expect((await host.sh("cat /d/x", "--mount", mount)).stdout).toBe("kept\n");
		expect((await host.sh("true", "--mount", "type=volume,src=odd,dst=/d,volume-opt=foo=1")).stderr).toContain(
			'create odd: invalid option: "foo"',
		);
		await host.ok("volume", "rm", "made");
		expect(existsSync(`${device}/x`)).toBe(true); // its name went, not it
		const filled = `${host.dir}/filled`;
		mkdirSync(filled);
		await host.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${filled}`, "filling");
		expect((await host.sh("ls /bin | wc -l", "-v", "filling:/bin")).code).toBe(0);
		expect(readdirSync(filled).length).toBeGreaterThan(10);
		await host.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/nosuch/place", "broken");
		expect((await host.sh("true", "-v", "broken:/d")).stderr).toContain(
			"error while mounting volume 'broken': failed to mount local volume: /nosuch/place: no such file or directory",
		);
		await host.ok("volume", "rm", "broken", "filling");
	});
});

describe("volume ls", () => {
	test("is a table, names, JSON or a template", async () => {
		const table = (await host.ok("volume", "ls")).split("\n");
		expect(table[0]).toBe("DRIVER    VOLUME NAME");
		expect(table).toContain("local     data");
		expect(await host.ok("volume", "ls", "--format", '{{.Name}} {{.Labels}} {{.Label "a"}}', "-f", "name=dat")).toBe(
			"data a=1,b= 1",
		);
		expect(JSON.parse(await host.ok("volume", "ls", "--format", "json", "-f", "name=^data$"))).toMatchObject({
			Driver: "local",
			Links: "N/A",
			Mountpoint: place("data"),
			Name: "data",
			Scope: "local",
		});
	});
	test("filters", async () => {
		await host.ok("create", "--name", "user", "-v", "used:/d", IMAGE);
		expect(await names("-f", "dangling=false")).toEqual(["used"]);
		expect(await names("-f", "dangling=true")).not.toContain("used");
		expect(await names("-f", "label=a=1")).toEqual(["data"]);
		expect(await names("-f", "label=a=1", "-f", "label=nosuch")).toEqual([]);
		expect(await names("-f", "driver=nosuch")).toEqual([]);
		expect((await host.nc("volume", "ls", "-f", "nosuch=1")).stderr).toContain("invalid filter 'nosuch'");
		expect((await host.nc("volume", "ls", "-f", "dangling=maybe")).stderr).toContain("invalid filter 'dangling=maybe'");
	});
});

describe("volume rm and prune", () => {
	test("a container keeps its volumes, whether it runs or not", async () => {
		const id = await host.ok("ps", "-aq", "--no-trunc", "-f", "name=user");
		const { code, stderr } = await host.nc("volume", "rm", "-f", "used");
		expect([code, stderr]).toEqual([1, `Error response from daemon: remove used: volume is in use - [${id}]\n`]);
		await host.ok("volume", "prune", "-f", "-a");
		expect(await names()).toEqual(["used"]);
		await host.ok("rm", "user");
		expect(await host.ok("volume", "rm", "used")).toBe("used");
		expect(existsSync(`${host.root}/volumes/used`)).toBe(false);
	});
	test("what is not there", async () => {
		expect((await host.nc("volume", "rm", "nosuch")).stderr).toBe(
			"Error response from daemon: get nosuch: no such volume\n",
		);
		expect(await host.nc("volume", "rm", "-f", "nosuch")).toMatchObject({ code: 0, stdout: "nosuch\n" });
		expect(await host.nc("volume", "inspect", "nosuch")).toMatchObject({
			code: 1,
			stdout: "[]\n",
			stderr: "Error response from daemon: get nosuch: no such volume\n",
		});
	});
	test("prune takes anonymous ones, asks first, and tells what it took", async () => {
		const anonymous = await host.ok("volume", "create", "--label", "keep");
		await host.ok("volume", "create", "named");
		writeFileSync(`${place(anonymous)}/file`, Buffer.alloc(1000));
		const asked = await host.nc("volume", "prune", { stdin: "\n" });
		expect(asked).toMatchObject({
			code: 0,
			stdout:
				"WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] ",
		});
		expect(await host.ok("volume", "prune", "-f", "--filter", "label!=keep")).toBe("Total reclaimed space: 0B");
		expect(await host.ok("volume", "prune", "-f")).toBe(`Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 1kB`);
		expect(await names()).toEqual(["named"]);
		expect(await host.ok("volume", "prune", "-f", "--filter", "all=1")).toContain("named");
		expect(await names()).toEqual([]);
	});
	test("many at once, of the same and of others: none is left, none is taken twice", async () => {
		await Promise.all(Array.from({ length: 8 }, (_, i) => host.ok("volume", "create", `m${i % 4}`)));
		const removed = await Promise.all(Array.from({ length: 8 }, (_, i) => host.nc("volume", "rm", `m${i % 4}`)));
		expect(removed.filter(({ code }) => code === 0)).toHaveLength(4);
		expect(readdirSync(`${host.root}/volumes`)).toEqual([]);
	});
	test("killed at any moment, it is there whole, or gone with the next removal", async () => {
		for (let i = 0; i < 10; i++) {
			await host.ok("volume", "create", "victim");
			for (let n = 0; n < 50; n++) writeFileSync(`${place("victim")}/${n}`, "");
			const child = Bun.spawn(host.command("volume", "rm", "victim"), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(3 * i); // at another moment each time
			child.kill("SIGKILL");
			await child.exited;
			if ((await names()).length) await host.ok("volume", "rm", "victim");
		}
		await host.ok("volume", "create", "last");
		await host.ok("volume", "rm", "last");
		expect(readdirSync(`${host.root}/volumes`)).toEqual([]);
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
	}, 60_000);
});

test("--volumes-from: the other's volumes and directories, also where that one has ended; its own mounts win", async () => {
	mkdirSync(`${host.dir}/shared`);
	await host.ok(
		"run",
		"--name",
		"lender",
		"-v",
		"lent:/a",
		"-v",
		`${host.dir}/shared:/b`,
		"-v",
		"/anonymous",
		"--tmpfs",
		"/t",
		IMAGE,
		"sh",
		"-c",
		"echo one > /a/x; echo two > /b/x; echo three > /anonymous/x",
	);
	const read = "cat /a/x /b/x /anonymous/x; touch /a/y && echo written; ls -d /t";
	const { stdout } = await host.sh(read, "--volumes-from", "lender");
	expect(stdout).toBe("one\ntwo\nthree\nwritten\n");
	expect((await host.sh(read, "--volumes-from", "lender:ro")).stdout).toBe("one\ntwo\nthree\n");
	expect((await host.sh("ls /a; cat /b/x", "--volumes-from", "lender", "--tmpfs", "/a")).stdout).toBe("two\n");
	expect((await host.sh("true", "--volumes-from", "nosuch")).stderr).toContain("No such container: nosuch");
	expect((await host.sh("true", "--volumes-from", "lender:wrong")).stderr).toContain("invalid mode: wrong");
	await host.ok("create", "--name", "borrower", "--volumes-from", "lender", IMAGE);
	expect(await host.ok("inspect", "-f", "{{json .HostConfig.VolumesFrom}}", "borrower")).toBe('["lender"]');
	await host.ok("rm", "-v", "lender");
	expect(await names()).toContain("lent");
	expect(await names("-f", "dangling=false")).toHaveLength(2); // the anonymous one is the borrower's now
	await host.ok("rm", "-v", "borrower");
	await host.ok("volume", "rm", "lent");
	expect(await names()).toEqual([]);
});

test("the plain inspect finds volumes and networks after containers and images", async () => {
	await host.ok("volume", "create", "thing");
	expect((await json("inspect", "thing"))[0].Mountpoint).toBe(place("thing"));
	expect((await json("inspect", "--type", "volume", "thing"))[0].Name).toBe("thing");
	expect((await host.nc("inspect", "--type", "network", "thing")).stderr).toContain("network thing not found");
	expect((await json("inspect", "none"))[0].Driver).toBe("null");
	await host.ok("volume", "rm", "thing");
});
