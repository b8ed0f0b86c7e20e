/** `cp` and `export`: what lands where, as by docker; owners, links, special files; and what a hostile container tries. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { Host, IMAGE, loopbackUp, settled } from "../fixture.ts";
import { runOk } from "../outside.ts";
import { Docker, removeCgroups } from "../peers.ts";

loopbackUp();
const host = new Host();
let docker: Docker;
const dir = `${host.dir}/local`;
const beside = mkdtempSync("/tmp/nc-copy-");

beforeAll(async () => {
	docker = await Docker.start(`${beside}/docker`);
	const script =
		"mkdir -p /d/sub /e && echo f > /d/f && echo g > /d/sub/g && ln -s f /d/link && ln -s /d /dlink && echo one > /one && ln -s /one /onelink && chown 12:34 /d/f && chmod 4711 /d/f";
	await host.ok("build", "-q", "-t", "made", "-", { stdin: `FROM ${IMAGE}\nRUN ${script}\nCMD ["sleep","1000"]` });
	await host.ok("build", "-q", "-o", `type=docker,dest=${host.dir}/made.tar`, "-t", "made", "-", {
		stdin: "FROM made",
	});
	await docker.ok("load", "-i", `${host.dir}/made.tar`);
});
afterAll(async () => {
	await docker[Symbol.asyncDispose]();
	removeCgroups();
	rmSync(beside, { recursive: true });
	await host.close();
});
beforeEach(() => {
	rmSync(dir, { recursive: true, force: true });
	mkdirSync(`${dir}/src/sub`, { recursive: true });
	mkdirSync(`${dir}/there`);
	writeFileSync(`${dir}/src/f`, "f\n");
	writeFileSync(`${dir}/src/sub/g`, "g\n");
	symlinkSync("f", `${dir}/src/link`);
	symlinkSync("src", `${dir}/srclink`);
	writeFileSync(`${dir}/one`, "one\n");
	writeFileSync(`${dir}/file`, "file\n");
});

/** Every path, what it is, and what is in it. */
const listing = (path: string) =>
	runOk(
		`cd ${path}; find . -printf '%P %y %l ' -exec sh -c '[ -f "$0" ] && [ ! -L "$0" ] && md5sum < "$0" || echo' {} \\; | sort`,
	);

describe("what lands where, as by docker", () => {
	const OUT = [
		["C:/one", "new"],
		["C:/one", "there"],
		["C:/one", "there/"],
		["C:/one", "file"],
		["C:/one", "missing/"],
		["C:/one", "missing/x"],
		["C:/d", "new"],
		["C:/d", "new/"],
		["C:/d", "there"],
		["C:/d/", "there"],
		["C:/d/.", "there"],
		["C:/d/.", "new"],
		["C:/d", "file"],
		["C:/dlink", "there"],
		["-L C:/dlink", "there"],
		["C:/dlink/", "there"],
		["C:/onelink", "there"],
		["-L C:/onelink", "new"],
		["C:/d/link", "there"],
		["C:one", "there"],
		["C:d/../one", "there"],
		["C:/nosuch", "there"],
		["C:/one/", "there"],
		["C:/", "there/root"],
	] as const;
	test.each(OUT.filter(([from]) => from !== "C:/"))("cp %s %s", async (from, to) => {
		await compareOut(from, to);
	});
	async function compareOut(from: string, to: string) {
		const words = from.split(" ");
		const source = words.pop() ?? "";
		await host.ok("create", "--name", "ours", "made");
		const id = await docker.ok("create", "made");
		const trees: string[] = [];
		const codes: boolean[] = [];
		for (const [name, cp] of [
			["ours", (args: string[]) => host.nc("cp", ...args)],
			[id, (args: string[]) => docker.run("cp", ...args)],
		] as const) {
			runOk(`rm -rf ${dir}.copy; cp -a ${dir} ${dir}.copy`);
			const { code } = await cp([...words, source.replace("C:", `${name}:`), `${dir}.copy/${to}`]);
			codes.push(code === 0);
			trees.push(listing(`${dir}.copy`));
		}
		await host.ok("rm", "ours");
		await docker.ok("rm", id);
		expect([codes[0], trees[0]]).toEqual([codes[1], trees[1]]);
	}

	const IN = [
		["one", "/new"],
		["one", "/e"],
		["one", "/e/"],
		["one", "/one"],
		["one", "/missing/"],
		["one", "/missing/x"],
		["src", "/new"],
		["src", "/e"],
		["src/.", "/e"],
		["src/.", "/new"],
		["src", "/one"],
		["src", "/dlink"],
		["one", "/onelink"],
		["srclink", "/e"],
		["-L srclink", "/e"],
		["srclink/", "/e"],
		["src/link", "/e"],
		["nosuch", "/e"],
		["one/", "/e"],
		["src/.", "/d"],
	] as const;
	test.each(IN)("cp %s C:%s", async (from, to) => {
		const words = from.split(" ");
		const source = words.pop() ?? "";
		await host.ok("create", "--name", "ours", "made");
		const id = await docker.ok("create", "made");
		const results = [
			(await host.nc("cp", ...words, `${dir}/${source}`, `ours:${to}`)).code === 0,
			(await docker.run("cp", ...words, `${dir}/${source}`, `${id}:${to}`)).code === 0,
		];
		const trees = [];
		for (const archive of [
			host.ok("export", "-o", `${host.dir}/ours.tar`, "ours").then(() => `${host.dir}/ours.tar`),
			docker.ok("export", "-o", `${host.dir}/theirs.tar`, id).then(() => `${host.dir}/theirs.tar`),
		]) {
			const path = await archive;
			runOk(`rm -rf ${host.dir}/tree; mkdir ${host.dir}/tree; tar -C ${host.dir}/tree -xf ${path}`);
			// docker's has places to mount on that ours has in a layer of its own.
			runOk(`cd ${host.dir}/tree; rm -rf dev proc sys etc .dockerenv`);
			trees.push(listing(`${host.dir}/tree`));
		}
		await host.ok("rm", "ours");
		await docker.ok("rm", id);
		expect([results[0], trees[0]]).toEqual([results[1], trees[1]]);
	});
});

describe("a container that runs", () => {
	beforeAll(async () => {
		mkdirSync(`${host.dir}/bound`);
		await host.ok(
			"run",
			"-d",
			"--name",
			"runs",
			"--network",
			"none",
			"-v",
			"vol:/vol",
			"-v",
			`${host.dir}/bound:/bound`,
			"--tmpfs",
			"/mem",
			"made",
		);
	});
	afterAll(() => host.ok("rm", "-fv", "runs"));
	test("also in and out of what is mounted, and of one that does not run any more", async () => {
		for (const place of ["/vol", "/bound", "/mem", "/e"]) {
			await host.ok("cp", `${dir}/src`, `runs:${place}/x`);
			expect(await host.ok("exec", "runs", "cat", `${place}/x/sub/g`)).toBe("g");
			await host.ok("cp", `runs:${place}/x`, `${dir}${place.replace("/", "-")}`);
			expect(readFileSync(`${dir}${place.replace("/", "-")}/sub/g`, "utf8")).toBe("g\n");
		}
		await host.ok("stop", "-t", "0", "runs");
		for (const place of ["/vol", "/bound", "/e"]) {
			await host.ok("cp", `${dir}/one`, `runs:${place}/later`);
			await host.ok("cp", `runs:${place}/x/f`, `${dir}/back`);
		}
		expect(readFileSync(`${host.dir}/bound/later`, "utf8")).toBe("one\n");
		await host.ok("start", "runs");
		expect(await host.ok("exec", "runs", "sh", "-c", "cat /vol/later /bound/later /e/later")).toBe("one\none\none");
	});
	test("owners: root's, or with -a whose they are; modes, times, attributes and special files", async () => {
		chownSync(`${dir}/one`, 1000, 1001);
		chmodSync(`${dir}/one`, 0o4750);
		runOk(
			`touch -d @1000000000 ${dir}/one; setfattr -n user.key -v value ${dir}/one; mkfifo ${dir}/src/fifo; ln ${dir}/src/f ${dir}/src/again; truncate -s 100M ${dir}/src/hole`,
		);
		await host.ok("cp", `${dir}/one`, "runs:/root-owned");
		await host.ok("cp", "-a", `${dir}/one`, "runs:/kept");
		const stat = (path: string) => host.ok("exec", "runs", "stat", "-c", "%u:%g %a %Y", path);
		expect([await stat("/root-owned"), await stat("/kept")]).toEqual([
			"0:0 750 1000000000",
			"1000:1001 4750 1000000000",
		]);
		await host.ok("cp", "-a", "runs:/kept", `${dir}/kept`);
		expect(runOk(`stat -c '%u:%g %a %Y' ${dir}/kept; getfattr --only-values -n user.key ${dir}/kept`)).toBe(
			"1000:1001 4750 1000000000\nvalue",
		);
		await host.ok("cp", "runs:/kept", `${dir}/plain`);
		expect(lstatSync(`${dir}/plain`).uid).toBe(0);
		await host.ok("cp", `${dir}/src`, "runs:/special");
		expect(
			await host.ok(
				"exec",
				"runs",
				"sh",
				"-c",
				"stat -c '%F %h' /special/fifo /special/again; du -k /special/hole | cut -f1",
			),
		).toBe("fifo 1\nregular file 2\n0");
	});
	test("as archives: out, in, compressed, into nothing but a directory", async () => {
		const out = (await Bun.spawn(host.command("cp", "runs:/d", "-"), { stdout: "pipe" })).stdout;
		writeFileSync(`${dir}/out.tar`, await new Response(out).bytes());
		expect(runOk(`tar tf ${dir}/out.tar | sort`)).toBe("d/\nd/f\nd/link\nd/sub/\nd/sub/g\n");
		runOk(`tar -C ${dir} -czf ${dir}/in.tgz --owner=77:77 src`);
		expect(runOk(`${host.command("cp", "-", "runs:/e").join(" ")} < ${dir}/in.tgz`)).toBe("");
		expect(await host.ok("exec", "runs", "sh", "-c", "cat /e/src/f; stat -c %u /e/src/f")).toBe("f\n77");
		expect(await host.nc("cp", "-", "runs:/one", { stdin: "" })).toMatchObject({
			code: 1,
			stderr: expect.stringContaining('destination "runs:/one" must be a directory'),
		});
	});
	test("what cannot be", async () => {
		const fails = async (...args: string[]) => (await host.nc("cp", ...args)).stderr.split("\n")[0];
		expect(await fails("runs:/nosuch", "x")).toBe(
			"Error response from daemon: Could not find the file /nosuch in container runs",
		);
		expect(await fails("nosuch:/x", "x")).toBe("Error response from daemon: No such container: nosuch");
		expect(await fails(`${dir}/nosuch`, "runs:/x")).toContain(`lstat ${dir}/nosuch: no such file or directory`);
		expect(await fails("runs:/one", `${dir}/no/such`)).toContain(
			`invalid output path: directory "${dir}/no" does not exist`,
		);
		expect(await fails(`${dir}/nosuch`, "runs:/x")).toBe(`lstat ${dir}/nosuch: no such file or directory`);
		expect(await fails("runs:/one", "runs:/two")).toBe("copying between containers is not supported");
		expect(await fails("/a", "/b")).toBe("must specify at least one container source");
		expect(await fails(`${dir}/src`, "runs:/one")).toContain("cannot copy directory");
		mkdirSync(`${dir}/over/f`, { recursive: true });
		expect(await fails(`${dir}/over/.`, "runs:/d")).toContain('cannot overwrite non-directory "f" with directory');
		expect(await host.ok("exec", "runs", "cat", "/d/f")).toBe("f");
	});
	test("its links lead nowhere but into it, also while they change", async () => {
		const secret = `${host.dir}/secret`;
		mkdirSync(secret, { recursive: true });
		writeFileSync(`${secret}/key`, "the host's\n");
		await host.ok(
			"exec",
			"runs",
			"sh",
			"-c",
			`ln -s ${secret} /evil; ln -s ../../../../../..${secret} /climb; ln -s /proc/1/root/tmp /magic; mkdir /flip; ln -s ${secret} /flop`,
		);
		for (const from of ["/evil/key", "/climb/key"]) {
			expect((await host.nc("cp", `runs:${from}`, `${dir}/stolen`)).code).toBe(1);
		}
		for (const to of ["/evil/new", "/climb/new", "/evil/"]) {
			expect((await host.nc("cp", `${dir}/one`, `runs:${to}`)).code).toBe(1);
		}
		const flipping = Bun.spawn(
			host.command(
				"exec",
				"runs",
				"sh",
				"-c",
				"while :; do mv /flip /aside; mv /flop /flip; mv /flip /flop; mv /aside /flip; done",
			),
			{ stdout: "ignore", stderr: "ignore" },
		);
		for (let i = 0; i < 40; i++) {
			await host.nc("cp", `${dir}/one`, "runs:/flip/planted");
			await host.nc("cp", "runs:/flip/key", `${dir}/stolen`);
		}
		flipping.kill();
		await flipping.exited;
		expect([existsSync(`${secret}/planted`), existsSync(`${secret}/new`), existsSync(`${dir}/stolen`)]).toEqual([
			false,
			false,
			false,
		]);
		// A link that is copied out is a link; what it leads to on this host is not touched by the next copy.
		await host.ok("exec", "runs", "sh", "-c", `mkdir -p /out; ln -s ${secret}/key /out/key`);
		await host.ok("cp", "runs:/out", `${dir}/out`);
		expect(readlinkSync(`${dir}/out/key`)).toBe(`${secret}/key`);
		await host.ok("exec", "runs", "sh", "-c", "rm /out/key; echo pwned > /out/key");
		await host.ok("cp", "runs:/out/.", `${dir}/out`);
		expect(readFileSync(`${secret}/key`, "utf8")).toBe("the host's\n");
	});
});

test("export is docker's, without what is mounted; a file is not left where it cannot be finished", async () => {
	await host.ok(
		"run",
		"--name",
		"done",
		"--network",
		"none",
		"-v",
		"vol2:/vol",
		"made",
		"sh",
		"-c",
		"echo x > /vol/x; rm /one; echo new > /d/f",
	);
	await host.ok("export", "-o", `${host.dir}/out.tar`, "done");
	const names = runOk(`tar tf ${host.dir}/out.tar`).split("\n");
	expect(names).toContain("d/sub/g");
	expect(names).toContain("vol/");
	expect(names).not.toContain("vol/x");
	expect(names).not.toContain("one");
	expect(runOk(`tar xOf ${host.dir}/out.tar d/f`)).toBe("new\n");
	await host.ok("build", "-q", "-t", "again", `${host.dir}`, "-f", "-", { stdin: "FROM scratch\nADD out.tar /\n" });
	expect((await host.nc("run", "--rm", "--network", "none", "again", "/bin/cat", "/d/f")).stdout).toBe("new\n");
	expect((await host.nc("export", "nosuch")).stderr).toContain("No such container: nosuch");
	expect((await host.nc("export", "-o", "/nodir/x", "done")).stderr).toContain(
		"open /nodir/x: no such file or directory",
	);
	// What cannot be finished leaves what was there: an older archive, a device.
	const before = readdirSync(host.dir);
	const old = readFileSync(`${host.dir}/out.tar`);
	expect((await host.nc("export", "-o", `${host.dir}/out.tar`, "nosuch")).code).toBe(1);
	expect(readFileSync(`${host.dir}/out.tar`).equals(old)).toBe(true);
	expect(readdirSync(host.dir)).toEqual(before);
	runOk(`mknod ${host.dir}/full c 1 7`);
	expect((await host.nc("export", "-o", `${host.dir}/full`, "done")).code).not.toBe(0);
	expect(statSync(`${host.dir}/full`).isCharacterDevice()).toBe(true);
	await host.ok("rm", "-v", "done");
	expect(await settled(() => host.leftovers())).toEqual([]);
});
