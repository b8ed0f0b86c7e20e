/** What needs more than one build, or a base of one's own, to be seen beside BuildKit. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp } from "../fixture.ts";
import { pushImage, type Registry, startRegistry, tarOf } from "../registry.ts";

const host = new Host();
let registry: Registry;
let count = 0;
beforeAll(async () => {
	loopbackUp();
	registry = await startRegistry(`${host.dir}/registry`, 5018);
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	await host.close();
});

function context(dockerfile: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
	const dir = `${host.dir}/c${count++}`;
	mkdirSync(dir);
	writeFileSync(`${dir}/Dockerfile`, dockerfile);
	for (const [name, content] of Object.entries(files)) writeFileSync(`${dir}/${name}`, content);
	return dir;
}
const build = (dir: string, ...flags: string[]) => host.ok("build", "-q", ...flags, dir);
const shell = (image: string, command: string) =>
	host.ok("run", "--rm", "--network", "none", "--entrypoint", "", image, "sh", "-c", command);

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("a base whose Env has no PATH gets one, and RUN sees it", async () => {
	const busybox = await Bun.file("/bin/busybox").bytes();
	const layer = tarOf([
		{ path: "bin/", type: "Directory" },
		{ path: "bin/sh", data: busybox, mode: 0o755 },
	]);
	await pushImage(registry.host, "nopath:1", [layer], { config: { Env: ["A=1"] } });
	const id = await build(context(`FROM ${registry.host}/nopath:1\nRUN echo $PATH > /p; export > /e\n`));
	const env = await host.ok("image", "inspect", "-f", "{{json .Config.Env}}", id);
	expect(JSON.parse(env)).toEqual(["A=1", `PATH=${PATH}`]);
	expect(await host.ok("run", "--rm", "--network", "none", id, "sh", "-c", "read p < /p; echo $p")).toBe(PATH);
});

describe("extended attributes", () => {
	const setfattr = (path: string, name: string, value: string) => {
		const { success, stderr } = Bun.spawnSync(["setfattr", "-n", name, "-v", value, path]);
		if (!success) throw new Error(stderr.toString());
	};
	/** cap_net_raw+ep, version 2 (capabilities(7)). */
	const CAPABILITY = `0x${"01000002"}${"00200000"}${"00000000"}${"00000000"}${"00000000"}`;

	test("come along from the context by COPY and ADD, and from a stage by COPY --from", async () => {
		const dir = context(
			`FROM ${IMAGE} AS one\nCOPY f /f\nADD f /g\nCOPY d /d\nFROM ${IMAGE}\nCOPY --from=one /f /g /x/\nCOPY --from=one /d /d\n`,
			{ f: "content" },
		);
		mkdirSync(`${dir}/d/e`, { recursive: true });
		setfattr(`${dir}/f`, "user.color", "red");
		setfattr(`${dir}/f`, "security.capability", CAPABILITY);
		setfattr(`${dir}/d/e`, "user.kind", "directory");
		const id = await build(dir);
		await host.ok("run", "-d", "--name", "attributes", "--network", "none", id, "sleep", "1000");
		const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", "attributes");
		for (const file of ["x/f", "x/g"]) {
			const { stdout } = Bun.spawnSync(["getfattr", "-d", "-m", "-", "-e", "hex", `/proc/${pid}/root/${file}`]);
			expect(stdout.toString()).toContain("user.color=0x726564");
			expect(stdout.toString()).toContain(`security.capability=${CAPABILITY}`);
		}
		const { stdout } = Bun.spawnSync(["getfattr", "-d", `/proc/${pid}/root/d/e`]);
		expect(stdout.toString()).toContain('user.kind="directory"');
		await host.ok("rm", "-f", "attributes");
		// One that changes is another file.
		setfattr(`${dir}/f`, "user.color", "blue");
		expect(await build(dir)).not.toBe(id);
	});
});

test("a cache mount with another owner or mode is another cache", async () => {
	const run = (options: string, command: string) =>
		build(context(`FROM ${IMAGE}\nRUN --mount=type=cache,id=same,target=/c${options} ${command}\n`), "--no-cache");
	await run("", "echo root > /c/f");
	await run(",uid=1000", 'test ! -e /c/f && test "$(stat -c %u /c)" = 1000 && echo user > /c/f');
	await run(",mode=0700", "test ! -e /c/f && test $(stat -c %a /c) = 700");
	await run(",gid=5", "test ! -e /c/f");
	await run("", 'test "$(cat /c/f)" = root');
	await run(",uid=1000", 'test "$(cat /c/f)" = user');
});

test("the same input gives the same image, also where no step made a layer", async () => {
	for (const dockerfile of [
		"FROM scratch\nLABEL a=b\nENV C=d\n",
		`FROM scratch\nCOPY f /f\n`,
		`FROM ${IMAGE}\nLABEL a=b\n`,
	]) {
		const dir = context(dockerfile, { f: "f" });
		const first = await build(dir);
		await Bun.sleep(20); // another moment, which must not be seen
		expect(await build(dir)).toBe(first);
	}
});

test("github.com/owner/repository is a git URL without its scheme", async () => {
	const dir = `${host.dir}/owner/repository`;
	mkdirSync(dir, { recursive: true });
	writeFileSync(`${dir}/Dockerfile`, `FROM ${IMAGE}\nCOPY f /f\n`);
	writeFileSync(`${dir}/f`, "cloned\n");
	const git = ["git", "-C", dir, "-c", "user.name=n", "-c", "user.email=e@e"];
	Bun.spawnSync([...git, "init", "-q"]);
	Bun.spawnSync([...git, "add", "."]);
	Bun.spawnSync([...git, "commit", "-qm", "first"]);
	const env = {
		GIT_CONFIG_COUNT: "1",
		GIT_CONFIG_KEY_0: `url.${host.dir}/.insteadOf`,
		GIT_CONFIG_VALUE_0: "https://github.com/",
	};
	const id = await host.ok("build", "-q", "github.com/owner/repository", { env });
	expect(await shell(id, "cat /f")).toBe("cloned");
});

test("an archive of before POSIX is unpacked by ADD", async () => {
	const dir = context(`FROM ${IMAGE}\nADD v7.tar /a/\n`, { inside: "old\n" });
	Bun.spawnSync(["tar", "--format=v7", "-C", dir, "-cf", `${dir}/v7.tar`, "inside"]);
	expect(await shell(await build(dir), "cat /a/inside")).toBe("old");
});

test("archives of xz are unpacked by ADD, one after the other, and one that is broken holds up no other", async () => {
	const dir = context(`FROM ${IMAGE}\nADD one.tar.xz /a/\nADD two.tar.xz /b/\nADD broken.tar.xz /c\n`, {});
	for (const name of ["one", "two"]) {
		Bun.spawnSync(["sh", "-c", `seq 1 400000 > ${dir}/${name}; tar -C ${dir} -cJf ${dir}/${name}.tar.xz ${name}`]);
	}
	Bun.spawnSync(["sh", "-c", `head -c 20000 ${dir}/one.tar.xz > ${dir}/broken.tar.xz`]);
	expect((await host.nc("build", "-q", dir)).code).toBe(1);
	writeFileSync(`${dir}/Dockerfile`, `FROM ${IMAGE}\nADD one.tar.xz /a/\nADD two.tar.xz /b/\n`);
	expect(await shell(await build(dir), "tail -n 1 /a/one /b/two | tr -d '\\n'")).toContain("400000");
});

test("of what ADD is told, the last makes the file; a directory's group is for those who inherit it", async () => {
	const dir = context(
		`FROM ${IMAGE}\nADD a.txt b.tar /d/\nADD b.tar a.txt /e/\nRUN mkdir -p /srv/x && chown :8 /srv/x && chmod 2775 /srv/x\nADD b.tar /srv/x/\n`,
		{ "a.txt": "plain" },
	);
	writeFileSync(`${dir}/b.tar`, tarOf([{ path: "a.txt", data: "archive" }]));
	expect(await shell(await build(dir), "cat /d/a.txt /e/a.txt; stat -c ' %u:%g' /srv/x/a.txt")).toBe(
		"archiveplain 0:0",
	);
});

test("what fails prints nothing that a terminal obeys", () => {
	const dir = context(`FROM ${IMAGE}\nRUN printf 'a\\033]0;owned\\007b\\n'; exit 3\n`, {});
	const command = host.command("build", "--progress", "plain", "--no-cache", dir).join(" ");
	const { stdout } = Bun.spawnSync(["script", "-qec", command, "/dev/null"], { stdin: "ignore" });
	expect(stdout.toString()).toContain("exit code: 3");
	expect(stdout.toString()).not.toContain("\x1b]0;");
});

describe("what is said", () => {
	test("of a Dockerfile that is not there, one that is wrong, a context that is not there", async () => {
		const dir = context("FROM scratch\nFOO x\n");
		const missing = await host.nc("build", "-f", "nosuch", dir);
		expect(missing.stderr).toBe(
			"ERROR: failed to build: failed to solve: failed to read dockerfile: open nosuch: no such file or directory\n",
		);
		const wrong = await host.nc("build", dir);
		expect(wrong.stderr).toContain("Dockerfile:2\n");
		expect(wrong.stderr).toContain(">>> FOO x");
		expect(wrong.stderr).toContain(
			"ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: FOO",
		);
		const nowhere = await host.nc("build", `${dir}/none`);
		expect(nowhere.stderr).toBe(`ERROR: failed to build: unable to prepare context: path "${dir}/none" not found\n`);
		expect([missing.code, wrong.code, nowhere.code]).toEqual([1, 1, 1]);
	});

	/** On a terminal of script(1)'s. */
	const onTerminal = (dir: string, env: Readonly<Record<string, string>>): string => {
		const command = host
			.command("build", "-t", "seen:1", dir)
			.map((word) => `'${word}'`)
			.join(" ");
		const { stdout } = Bun.spawnSync(["script", "-qec", command, "/dev/null"], {
			env: { ...process.env, TERM: "xterm", ...env },
			stdin: "ignore",
		});
		return stdout.toString();
	};

	test("on a terminal: the image and its name at the end; no colours with NO_COLOR", () => {
		const dir = context(`FROM ${IMAGE}\nRUN true\n`);
		const plain = onTerminal(dir, { NO_COLOR: "1" });
		expect(plain).toMatch(
			/=> => writing image sha256:[0-9a-f]{64} done *\r\n.*=> => naming to docker.io\/library\/seen:1 done *\r\n$/,
		);
		expect(plain).not.toMatch(/\x1b\[\d*m/);
		expect(onTerminal(dir, { NO_COLOR: "" })).toMatch(/\x1b\[34m/);
	});
});
