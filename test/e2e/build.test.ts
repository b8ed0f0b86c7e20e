/** `build`: a corpus of Dockerfiles, and what only shows when building again, at once, or in the way of a kill. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { BUILDKIT } from "../build/buildkit.ts";
import { CORPUS, type Entry } from "../build/corpus.ts";
import { Host, IMAGE, loopbackUp, type Result, settled, until } from "../fixture.ts";
import { startRegistry, tarOf } from "../registry.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());

let count = 0;
/** Lays out a context; "@tar" and "@link:" are a small archive and a link. */
function contextOf(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
	const dir = `${host.dir}/context${count++}`;
	mkdirSync(dir);
	for (const [path, content] of Object.entries({ Dockerfile: dockerfile, ...files })) {
		mkdirSync(dirname(`${dir}/${path}`), { recursive: true });
		if (path.endsWith("/")) mkdirSync(`${dir}/${path}`, { recursive: true });
		else if (content.startsWith("@link:")) symlinkSync(content.slice(6), `${dir}/${path}`);
		else if (content === "@tar")
			writeFileSync(`${dir}/${path}`, tarOf([{ path: "inside", data: "from the archive\n" }]));
		else writeFileSync(`${dir}/${path}`, content);
	}
	return dir;
}

const build = (dir: string, ...flags: string[]): Promise<Result> =>
	host.nc("build", "--progress", "plain", ...flags, ".", { cwd: dir });

async function built(entry: Pick<Entry, "dockerfile" | "files" | "flags">, ...more: string[]): Promise<string> {
	const dir = contextOf(entry.dockerfile, entry.files);
	const { code, stdout, stderr } = await build(dir, "-q", ...(entry.flags ?? []), ...more);
	if (code !== 0) throw new Error(stderr);
	return stdout.trim();
}

const inImage = (image: string, command: string): Promise<string> =>
	host
		.nc("run", "--rm", "--network", "none", "--entrypoint", "", image, "sh", "-c", command)
		.then(({ stdout }) => stdout);

describe("the corpus", () => {
	for (const entry of [...CORPUS, ...BUILDKIT]) {
		test(entry.name, async () => {
			if (entry.fails) {
				const { code, stderr } = await build(contextOf(entry.dockerfile, entry.files), ...(entry.flags ?? []));
				expect(stderr).toMatch(entry.fails);
				expect(code).toBe(1);
				return;
			}
			const image = await built(entry);
			if (entry.run) expect(await inImage(image, entry.run[0])).toBe(entry.run[1]);
			if (entry.config) {
				const config = JSON.parse(await host.ok("image", "inspect", "-f", "{{json .Config}}", image));
				expect(Object.fromEntries(Object.keys(entry.config).map((key) => [key, config[key] ?? null]))).toEqual(
					entry.config as Record<string, unknown>,
				);
			}
		});
	}
	test("it is large enough", () => expect(CORPUS.length).toBeGreaterThanOrEqual(60));
});

describe("the cache", () => {
	const cachedSteps = (stderr: string): number => stderr.split("\n").filter((line) => / CACHED$/.test(line)).length;
	test("a second build is all cached, and gives the same image", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nWORKDIR /only/here\nCOPY a .\nRUN date +%N > /now\nENV A=1`, { a: "1" });
		const first = await build(dir, "--iidfile", `${dir}/../iid1`);
		await Bun.sleep(1100);
		const second = await build(dir, "--iidfile", `${dir}/../iid2`);
		expect(cachedSteps(first.stderr)).toBe(0);
		expect(cachedSteps(second.stderr)).toBe(3);
		expect(readFileSync(`${dir}/../iid2`, "utf8")).toBe(readFileSync(`${dir}/../iid1`, "utf8"));
	});
	test("content counts, not time; a change runs what comes after it", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN echo first\nCOPY a /a\nRUN cat /a > /b`, { a: "1" });
		await build(dir);
		Bun.spawnSync(["touch", "-d", "2001-01-01", `${dir}/a`]);
		expect(cachedSteps((await build(dir)).stderr)).toBe(3);
		writeFileSync(`${dir}/a`, "2");
		expect(cachedSteps((await build(dir)).stderr)).toBe(1);
		Bun.spawnSync(["chmod", "600", `${dir}/a`]);
		expect(cachedSteps((await build(dir)).stderr)).toBe(1);
	});
	test("a stage that was built anew with the same files keeps who copies from it cached", async () => {
		const dir = contextOf(
			`FROM ${IMAGE} AS one\nARG bust\nRUN echo $bust > /other && echo same > /same\nFROM ${IMAGE}\nCOPY --from=one /same /s\nRUN cat /s`,
		);
		await build(dir, "--build-arg", "bust=1");
		const { stderr } = await build(dir, "--build-arg", "bust=2");
		expect(cachedSteps(stderr)).toBe(2);
	});
	test("--no-cache and --no-cache-filter run again", async () => {
		const dir = contextOf(`FROM ${IMAGE} AS one\nRUN echo one\nFROM one AS two\nRUN echo two`);
		await build(dir);
		expect(cachedSteps((await build(dir, "--no-cache")).stderr)).toBe(0);
		expect(cachedSteps((await build(dir, "--no-cache-filter", "two")).stderr)).toBe(1);
	});
	test("--no-cache: what is made while digests are still taken is the same, and the cache has it afterwards", async () => {
		const steps = "WORKDIR /w\nCOPY a /w/a\nRUN cat /w/a > b\nRUN true\nRUN true\nENV X=1\nRUN cat b > c\nCOPY a /w/d";
		const dir = contextOf(`FROM ${IMAGE} AS one\n${steps}\nFROM one\nRUN cat c > e\nCOPY --from=one /w/c /f`, {
			a: "content\n",
		});
		const flags = ["--network", "none", "--output", "type=image,rewrite-timestamp=true"];
		const env = { SOURCE_DATE_EPOCH: "1700000000" };
		const layersOf = async (...more: string[]) => {
			const { code, stderr } = await host.nc("build", "-t", "piped", ...flags, ...more, ".", { cwd: dir, env });
			expect(code).toBe(0);
			return { layers: await host.ok("image", "inspect", "-f", "{{json .RootFS.Layers}}", "piped"), stderr };
		};
		const fresh = await layersOf("--no-cache");
		const { layers, stderr } = await layersOf("--progress", "plain");
		expect([layers, cachedSteps(stderr)]).toEqual([fresh.layers, 9]);
		expect((await layersOf("--no-cache")).layers).toBe(fresh.layers);
		expect(await inImage("piped", "cat /w/e /f /w/d")).toBe("content\n".repeat(3));
	});
	test("--no-cache: a step that fails takes nothing of the one before with it, and its shell sees that", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nCOPY a /a\nRUN cat /a; exit 5`, { a: "seen\n" });
		const failed = await host.nc("build", "--no-cache", "--debug-shell", dir, { stdin: "cat /a\nexit 0\n" });
		expect([failed.code, failed.stdout]).toEqual([1, "seen\n"]);
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
		expect(cachedSteps((await build(dir)).stderr)).toBe(1);
		const killed = Bun.spawn(
			host.command("build", "--no-cache", contextOf(`FROM ${IMAGE}\nCOPY . /c\nRUN sleep 1000`)),
			{
				stdout: "ignore",
				stderr: "pipe",
			},
		);
		await until(
			async () => existsSync(`${host.root}/staging`) && readdirSync(`${host.root}/staging`).length > 0,
			"the step",
		);
		killed.kill("SIGINT");
		expect(await killed.exited).toBe(1);
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
	});
	test("a step that two builds come to at once is run by one of them", async () => {
		const dir = contextOf(
			`FROM ${IMAGE}\nRUN --mount=type=cache,id=once,target=/c echo ran >> /c/f; sleep 0.5\nRUN --mount=type=cache,id=once,target=/c wc -l < /c/f > /n`,
		);
		const images = await Promise.all([1, 2, 3].map(() => build(dir, "-q")));
		expect(new Set(images.map(({ stdout }) => stdout)).size).toBe(1);
		expect(await inImage(images[0]?.stdout.trim() ?? "", "cat /n")).toBe("1\n");
	});
	test("stages that do not need each other run at once", async () => {
		const stage = (name: string) => `FROM ${IMAGE} AS ${name}\nRUN sleep 0.6; echo ${name}-${Date.now()} > /${name}\n`;
		const dir = contextOf(
			`${["a", "b", "c"].map(stage).join("")}FROM ${IMAGE}\n${["a", "b", "c"].map((n) => `COPY --from=${n} /${n} /\n`).join("")}`,
		);
		const started = performance.now();
		expect((await build(dir)).code).toBe(0);
		expect(performance.now() - started).toBeLessThan(1700);
	});
	test("locked cache mounts wait, private ones are apart", async () => {
		const step = (sharing: string) =>
			`RUN --mount=type=cache,id=${sharing},target=/c,sharing=${sharing} ls /c > /seen; mkdir /c/busy && sleep 0.4 && rmdir /c/busy`;
		for (const sharing of ["locked", "private"]) {
			const text = ["a", "b"].map((name) => `FROM ${IMAGE} AS ${name}\nENV N=${name}\n${step(sharing)}\n`).join("");
			const dir = contextOf(`${text}FROM ${IMAGE}\nCOPY --from=a /seen /a\nCOPY --from=b /seen /b`);
			const { code, stdout, stderr } = await build(dir, "-q");
			expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
			expect(await inImage(stdout.trim(), "cat /a /b")).toBe("");
		}
	});
});

describe("what a step depends on", () => {
	const twice = async (dockerfile: string, first: string[], second: string[], files: Record<string, string> = {}) => {
		const dir = contextOf(dockerfile, files);
		await build(dir, ...first);
		return (await build(dir, ...second)).stderr;
	};
	test("--exclude by its value, ulimits", async () => {
		const exclude = `FROM ${IMAGE} AS a\nRUN mkdir /d && touch /d/x /d/y\nFROM ${IMAGE}\nARG P=x\nCOPY --from=a --exclude=$P /d /d\nRUN ls /d`;
		expect(await twice(exclude, [], ["--build-arg", "P=y"])).toMatch(/ x$/m);
		const limits = `FROM ${IMAGE}\nRUN ulimit -n`;
		expect(await twice(limits, ["--ulimit", "nofile=100"], ["--ulimit", "nofile=200"])).toMatch(/ 200$/m);
	});
	test("the mode of a secret, readonly of a cache", async () => {
		const dir = contextOf("FROM scratch");
		writeFileSync(`${dir}.s`, "s");
		for (const [before, after] of [
			["type=secret,id=s,mode=0400", "type=secret,id=s,mode=0444"],
			["type=cache,target=/c,readonly", "type=cache,target=/c"],
		]) {
			const flags = ["--secret", `id=s,src=${dir}.s`];
			writeFileSync(`${dir}/Dockerfile`, `FROM ${IMAGE}\nRUN --mount=${before} true`);
			await build(dir, ...flags);
			writeFileSync(`${dir}/Dockerfile`, `FROM ${IMAGE}\nRUN --mount=${after} true`);
			expect((await build(dir, ...flags)).stderr).not.toContain("CACHED");
		}
	});
});

describe("builder", () => {
	test("prune leaves what a build stands on at this moment", async () => {
		const own = new Host();
		const dir = contextOf(`FROM ${IMAGE}\nRUN echo held > /held\nRUN echo begun; sleep 2; cat /held`);
		const child = Bun.spawn(own.command("build", "--progress", "plain", "."), { cwd: dir, stderr: "pipe" });
		let told = "";
		let pruned: string | undefined;
		for await (const chunk of child.stderr) {
			told += Buffer.from(chunk).toString();
			if (/ begun$/m.test(told)) pruned ??= await own.ok("builder", "prune", "-af");
		}
		expect([pruned, await child.exited, told]).toEqual(["Total:\t0B", 0, expect.stringMatching(/ held$/m)]);
		await own.close();
	});
	test("answers to the name of docker's plugin", async () => {
		const dir = contextOf(`FROM ${IMAGE}`);
		expect((await host.nc("buildx", "build", "-q", "--load", "--provenance=false", dir)).stdout).toMatch(/^sha256:/);
		expect(await host.ok("buildx", "du")).toContain("Reclaimable:");
		expect((await host.nc("buildx", "bake")).code).toBe(1);
	});
	test("du tells what is kept, prune takes what no image has; -a the records too", async () => {
		const other = new Host();
		const dir = contextOf(
			`FROM ${IMAGE}\nRUN head -c 100000 /dev/zero > /z\nRUN --mount=type=cache,target=/c head -c 5000 /dev/zero > /c/f`,
		);
		await other.ok("build", "-q", "-t", "kept", ".", { cwd: dir });
		expect(await other.ok("builder", "du")).toMatch(/Reclaimable:\t5kB\nTotal:\t\t105kB/);
		expect(await other.ok("builder", "prune", { stdin: "" })).toContain("[y/N]");
		expect(await other.ok("builder", "prune", "-f", "--filter", "until=1h")).toBe("Total:\t0B");
		expect(await other.ok("builder", "prune", "-f")).toEndWith("Total:\t5kB");
		expect(await other.ok("run", "--rm", "--network", "none", "kept", "wc", "-c", "/z")).toBe("100000 /z");
		await other.ok("rmi", "kept");
		expect(await other.ok("builder", "prune", "-f")).toEndWith("Total:\t100kB");
		expect(readdirSync(`${other.root}/layers`)).toHaveLength(1); // the base image's
		await other.close();
	});
});

describe("what must not be", () => {
	test("a secret is in no layer, no history and on no disk", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN --mount=type=secret,id=s cat /run/secrets/s | wc -c > /n`);
		writeFileSync(`${dir}.secret`, "S3CR3T-VALUE");
		const { code, stdout } = await build(dir, "-q", "--secret", `id=s,src=${dir}.secret`);
		expect(code).toBe(0);
		expect(await inImage(stdout.trim(), "cat /n; ls -A /run/secrets 2>/dev/null | wc -l")).toBe("12\n0\n");
		expect(Bun.spawnSync(["grep", "-rl", "S3CR3T-VALUE", host.root, host.run]).stdout.toString()).toBe("");
	});
	test("links of the context lead nowhere else", async () => {
		writeFileSync(`${host.dir}/host-secret`, "host");
		const dir = contextOf(`FROM ${IMAGE}\nCOPY in /in`, { "in/x": "", in2: "" });
		symlinkSync(`${host.dir}/host-secret`, `${dir}/direct`);
		symlinkSync("../../../../../../../../etc", `${dir}/climb`);
		for (const source of ["direct", "climb/passwd"]) {
			writeFileSync(`${dir}/Dockerfile`, `FROM ${IMAGE}\nCOPY ${source} /in`);
			expect((await build(dir)).stderr).toContain("not found");
		}
	});
	test("links of a stage and of the image lead nowhere else", async () => {
		const dir = contextOf(
			`FROM ${IMAGE} AS evil\nRUN mkdir /e && ln -s / /e/root && ln -s ${host.dir} /e/host\nFROM ${IMAGE}\nRUN ln -s ${host.dir}/made /out\nCOPY --from=evil /e/host/ /copied/\nCOPY Dockerfile /out/`,
		);
		expect((await build(dir)).stderr).toContain("not found");
		writeFileSync(
			`${dir}/Dockerfile`,
			`FROM ${IMAGE}\nRUN ln -s ${host.dir}/made /out\nWORKDIR /out\nCOPY Dockerfile ./x`,
		);
		await build(dir);
		expect(existsSync(`${host.dir}/made`)).toBe(false);
	});
	test("a failing build tags nothing, and leaves nothing", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN echo x > /x\nRUN exit 3`);
		expect((await build(dir, "-t", "half")).code).toBe(1);
		expect(await host.ok("images", "-q", "half")).toBe("");
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
	});
	test("Ctrl-C ends it in good order", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN --mount=type=bind,target=/c echo begun; sleep 60`);
		const child = Bun.spawn(host.command("build", "--progress", "plain", "."), { cwd: dir, stderr: "pipe" });
		let told = "";
		let killed = false; // a second one would end it at once
		for await (const chunk of child.stderr) {
			told += Buffer.from(chunk).toString();
			if (/ begun$/m.test(told) && !killed) {
				killed = true;
				child.kill("SIGINT");
			}
		}
		expect([await child.exited, told]).toEqual([1, expect.stringContaining("Canceled: context canceled")]);
		expect(await settled(() => host.leftovers())).toEqual([]);
	});
	test("kill -9 at any moment: the next command works, nothing is left running or mounted", async () => {
		const dir = contextOf(
			`FROM ${IMAGE} AS a\nRUN --mount=type=secret,id=s sleep 0.1; echo $RANDOM > /a\nFROM ${IMAGE}\nCOPY --from=a /a /\nRUN sleep 0.1`,
		);
		writeFileSync(`${dir}.secret`, "x");
		for (let round = 0; round < Number(process.env["NC_CRASH_ROUNDS"] ?? 20); round++) {
			const child = Bun.spawn(host.command("build", "--no-cache", "--secret", `id=s,src=${dir}.secret`, "."), {
				cwd: dir,
				stdout: "ignore",
				stderr: "ignore",
			});
			await Bun.sleep(Math.random() * 320);
			child.kill("SIGKILL");
			await child.exited;
		}
		expect((await build(dir, "-q", "--secret", `id=s,src=${dir}.secret`)).code).toBe(0);
		expect(await settled(() => host.leftovers())).toEqual([]);
	});
});

describe("outputs", () => {
	const dockerfile = `FROM ${IMAGE}\nRUN echo out > /out && ln -s out /link && mknod /dev-null c 1 3 && chown 5:6 /out\nENV O=1`;
	test("a directory, a tar, an archive that skopeo's and docker's readers know", async () => {
		const dir = contextOf(dockerfile);
		expect((await build(dir, "-o", `${dir}/../rootfs`)).code).toBe(0);
		expect(readFileSync(`${dir}/../rootfs/out`, "utf8")).toBe("out\n");
		const tar = await host.nc("build", "-q", "-o", "-", ".", { cwd: dir });
		expect(tar.code).toBe(0);
		expect((await build(dir, "-t", "arch:1", "-o", `type=oci,dest=${dir}/../a.tar`)).code).toBe(0);
		const list = Bun.spawnSync(["tar", "tf", `${dir}/../a.tar`])
			.stdout.toString()
			.split("\n");
		expect(list).toContain("oci-layout");
		const read = (path: string) => JSON.parse(Bun.spawnSync(["tar", "xOf", `${dir}/../a.tar`, path]).stdout.toString());
		const [docker] = read("manifest.json");
		expect(docker.RepoTags).toEqual(["arch:1"]);
		const index = read("index.json");
		const manifest = read(`blobs/sha256/${index.manifests[0].digest.slice(7)}`);
		for (const { digest, size } of [manifest.config, ...manifest.layers]) {
			const blob = Bun.spawnSync(["tar", "xOf", `${dir}/../a.tar`, `blobs/sha256/${digest.slice(7)}`]).stdout;
			expect(`sha256:${new Bun.CryptoHasher("sha256").update(blob).digest("hex")}`).toBe(digest);
			expect(blob.length).toBe(size);
		}
	});
	test("SOURCE_DATE_EPOCH and rewrite-timestamp give the same bytes on two machines", async () => {
		const digests: string[] = [];
		for (let machine = 0; machine < 2; machine++) {
			const other = new Host();
			const dir = contextOf(`${dockerfile}\nCOPY d /d\nCOPY <<E /h\nx\nE`, { "d/f": "same" });
			const flags = [
				"--build-arg",
				"SOURCE_DATE_EPOCH=1700000000",
				"-o",
				`type=oci,dest=${dir}/../r.tar,rewrite-timestamp=true`,
			];
			expect((await other.nc("build", ...flags, ".", { cwd: dir })).code).toBe(0);
			digests.push(new Bun.CryptoHasher("sha256").update(readFileSync(`${dir}/../r.tar`)).digest("hex"));
			await other.close();
			await Bun.sleep(1100);
		}
		expect(digests[0]).toBe(digests[1] ?? "");
	});
	test("a push sends what the registry lacks, and the image can be pulled", async () => {
		await using registry = await startRegistry(`${host.dir}/registry`, 5000);
		const dir = contextOf(dockerfile);
		const name = `${registry.host}/team/pushed:1`;
		const { code, stderr } = await build(dir, "-t", name, "--push");
		expect({ code, stderr: code ? stderr : "" }).toEqual({ code: 0, stderr: "" });
		const other = new Host();
		expect(await other.ok("run", "--rm", "--network", "none", "-q", name, "cat", "/out")).toBe("out");
		await other.close();
	});
});

describe("where it comes from", () => {
	test("standard input: a Dockerfile, or an archive, compressed or not", async () => {
		const text = `FROM ${IMAGE}\nRUN echo in > /in`;
		expect((await host.nc("build", "-q", "-", { stdin: text })).code).toBe(0);
		const archive = tarOf([
			{ path: "Dockerfile", data: `FROM ${IMAGE}\nCOPY f /f` },
			{ path: "f", data: "packed\n" },
		]);
		const by = (program: string) => Bun.spawnSync([program, "-c"], { stdin: archive }).stdout;
		const packed = [Bun.gzipSync(new Uint8Array(archive)), Bun.zstdCompressSync(archive), by("xz"), by("bzip2")];
		for (const bytes of [archive, ...packed]) {
			const { code, stdout } = await host.nc("build", "-q", "-", { stdin: bytes });
			expect(code).toBe(0);
			expect(await inImage(stdout.trim(), "cat /f")).toBe("packed\n");
		}
		const dir = contextOf("FROM scratch", { g: "g\n" });
		const { stdout } = await host.nc("build", "-q", "-f", "-", dir, { stdin: `FROM ${IMAGE}\nCOPY g /g` });
		expect(await inImage(stdout.trim(), "cat /g")).toBe("g\n");
	});
	test("-f in the context and elsewhere, with its own ignore file", async () => {
		const dir = contextOf("FROM scratch", {
			"sub/D": `FROM ${IMAGE}\nCOPY . /c`,
			"sub/D.dockerignore": "*\n!kept",
			kept: "",
			other: "",
		});
		const { stdout } = await build(dir, "-q", "-f", "sub/D");
		expect(await inImage(stdout.trim(), "ls /c")).toBe("kept\n");
		writeFileSync(`${dir}.Outside`, `FROM ${IMAGE}\nCOPY kept /k`);
		expect((await build(dir, "-q", "-f", `${dir}.Outside`)).code).toBe(0);
	});
	test("a git repository, by its commit and directory", async () => {
		const repository = contextOf(`FROM ${IMAGE}\nCOPY . /r`, {
			"sub/Dockerfile": `FROM ${IMAGE}\nCOPY s /s`,
			"sub/s": "sub\n",
		});
		const git = (...args: string[]) =>
			Bun.spawnSync(["git", "-C", repository, "-c", "user.name=n", "-c", "user.email=e", ...args]);
		git("init", "-q");
		git("add", ".");
		git("commit", "-qm", "x");
		const { code, stdout, stderr } = await host.nc("build", "-q", `git://127.0.0.1:9/${repository}`);
		expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
		expect(stderr).toContain("git fetch");
	});
	test("ADD of a repository: a part of it, by its commit", async () => {
		const work = contextOf("", { "sub/s": "sub\n", top: "" });
		const git = (...args: string[]) =>
			Bun.spawnSync(["git", "-C", work, "-c", "user.name=n", "-c", "user.email=e", ...args])
				.stdout.toString()
				.trim();
		git("init", "-q");
		git("add", ".");
		git("commit", "-qm", "x");
		const commit = git("rev-parse", "HEAD");
		const bare = `${host.dir}/served`;
		mkdirSync(bare);
		Bun.spawnSync(["git", "clone", "-q", "--bare", work, `${bare}/r.git`]);
		const daemon = Bun.spawn(
			["git", "daemon", "--export-all", "--listen=127.0.0.1", "--port=9418", `--base-path=${bare}`, "--reuseaddr"],
			{ stdout: "ignore", stderr: "ignore" },
		);
		const url = "git://127.0.0.1/r.git";
		await settled(async () => (Bun.spawnSync(["git", "ls-remote", url]).success ? [] : ["not yet"]));
		const image = await built({ dockerfile: `FROM ${IMAGE}\nADD --checksum=${commit} ${url}#:sub /dst` });
		expect(await inImage(image, "ls -A /dst")).toBe("s\n");
		const wrong = await build(contextOf(`FROM ${IMAGE}\nADD --checksum=${"0".repeat(40)} ${url} /dst`));
		expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("expected checksum to match")]);
		daemon.kill();
		await daemon.exited;
	});
	test("named contexts: a directory, an image", async () => {
		const dir = contextOf(`FROM base\nCOPY --from=more m /m`);
		const more = contextOf("", { m: "more\n" });
		const flags = ["--build-context", `more=${more}`, "--build-context", `base=docker-image://${IMAGE}`];
		const { stdout } = await build(dir, "-q", ...flags);
		expect(await inImage(stdout.trim(), "cat /m")).toBe("more\n");
	});
	test("ADD of a URL, with its checksum", async () => {
		using server = Bun.serve({ port: 5300, hostname: "127.0.0.1", fetch: () => new Response("remote\n") });
		const url = `http://127.0.0.1:${server.port}/file.txt`;
		const digest = `sha256:${new Bun.CryptoHasher("sha256").update("remote\n").digest("hex")}`;
		const image = await built({ dockerfile: `FROM ${IMAGE}\nADD --checksum=${digest} ${url} /u/` });
		expect(await inImage(image, "cat /u/file.txt; stat -c %a /u/file.txt")).toBe("remote\n600\n");
		const wrong = contextOf(`FROM ${IMAGE}\nADD --checksum=sha256:${"0".repeat(64)} ${url} /u/`);
		expect((await build(wrong)).stderr).toContain("digest mismatch");
	});
	test("ONBUILD triggers run in the build that is based on the image", async () => {
		const base = contextOf(`FROM ${IMAGE}\nONBUILD COPY o /o\nONBUILD RUN cat /o > /p`);
		await build(base, "-t", "onbuild-base");
		const image = await built({ dockerfile: "FROM onbuild-base\nRUN cat /p >> /q", files: { o: "trigger\n" } });
		expect(await inImage(image, "cat /q")).toBe("trigger\n");
		expect(await host.ok("image", "inspect", "-f", "{{json .Config}}", image)).not.toContain("COPY o /o");
	});
});

describe("telling", () => {
	test("--debug-shell opens a shell where a step has failed, and what it does is in no image", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nWORKDIR /w\nENV A=b\nRUN echo half > half; exit 4`);
		const shell = await host.nc("build", "--debug-shell", "-t", "debugged", dir, {
			stdin: "pwd; cat half; echo $A; exit 0\n",
		});
		expect([shell.code, shell.stdout]).toEqual([1, "/w\nhalf\nb\n"]);
		expect(shell.stderr).toContain("in the file system of the failed step");
		expect(await host.ok("images", "-q", "debugged")).toBe("");
	});
	test("--check names BuildKit's rules", async () => {
		const dir = contextOf(
			`FROM ${IMAGE} as Base\nMAINTAINER x\nENV a b\nWORKDIR rel\nCMD echo a\nCMD ["b"]\nENV API_TOKEN=1\nFROM $nope AS base\nrun true`,
		);
		const { code, stdout } = await build(dir, "--check");
		expect(code).toBe(1);
		for (const rule of [
			...["FromAsCasing", "StageNameCasing", "MaintainerDeprecated", "LegacyKeyValueFormat", "WorkdirRelativePath"],
			...["JSONArgsRecommended", "MultipleInstructionsDisallowed", "SecretsUsedInArgOrEnv"],
			...["DuplicateStageName", "ConsistentInstructionCasing"],
		]) {
			expect(stdout).toContain(`WARNING: ${rule}`);
		}
		expect((await build(contextOf(`FROM ${IMAGE}\nRUN true`), "--check")).stdout).toBe(
			"Check complete, no warnings found.\n",
		);
	});
	test("--check: variables that nothing sets, defaults that name no image, comments that describe nothing", async () => {
		const lines = [
			"# check=experimental=InvalidDefinitionDescription",
			"ARG TAG",
			`ARG BASE=${IMAGE}`,
			"# says what base it is",
			"FROM $BASE AS base",
			"# base2 is described",
			"FROM base AS base2",
			"ARG VERSION=1",
			"ENV APP_HOME=/app",
			"WORKDIR $APP_HOEM",
			"COPY Dockerfile $APP_HOME/$VERSION/$PATH/",
			"LABEL a=${NOPE:-default} b=${ALSO+x}",
			"FROM image:$TAG",
			"COPY . $UNKNOWN",
		];
		const { stdout } = await build(contextOf(lines.join("\n")), "--check");
		expect(
			[...stdout.matchAll(/WARNING: (\w+) - .*\n(.*)/g)].map(([, rule, message]) => `${rule}: ${message}`),
		).toEqual([
			expect.stringContaining("InvalidDefinitionDescription: Comment for build stage or argument should follow"),
			"UndefinedVar: Usage of undefined variable '$APP_HOEM' (did you mean $APP_HOME?)",
			"InvalidDefaultArgInFrom: Default value for ARG image:$TAG results in empty or invalid base image name",
		]);
	});
	test("what the linter finds is told at the end of a build, and can be made an error", async () => {
		const dockerfile = `FROM ${IMAGE}\nCMD echo a`;
		const told = await build(contextOf(dockerfile));
		expect([told.code, told.stderr.includes("\n 1 warning found (use --check to expand):\n - JSONArgs")]).toEqual([
			0,
			true,
		]);
		expect((await build(contextOf(dockerfile), "-q")).stderr).toBe("");
		const refused = await build(contextOf(`# check=error=true\n${dockerfile}`), "-q");
		expect([refused.code, refused.stderr]).toEqual([
			1,
			expect.stringContaining("lint violation found for rules: JSONArgsRecommended"),
		]);
	});
	test("ADD unpacks archives of every compression, and nothing that only looks like one", async () => {
		const archive = tarOf([{ path: "f", data: "unpacked\n" }]);
		const by = (program: string) => Bun.spawnSync([program, "-c"], { stdin: archive }).stdout;
		const dir = contextOf(`FROM ${IMAGE}\nADD a.xz /xz/\nADD a.bz2 /bz2/\nADD text.bz2 cut.xz /none/`);
		writeFileSync(`${dir}/a.xz`, by("xz"));
		writeFileSync(`${dir}/a.bz2`, by("bzip2"));
		writeFileSync(`${dir}/text.bz2`, Bun.spawnSync(["bzip2", "-c"], { stdin: Buffer.from("text") }).stdout);
		writeFileSync(`${dir}/cut.xz`, by("xz").subarray(0, 30));
		const { code, stdout } = await build(dir, "-q");
		expect(code).toBe(0);
		expect(await inImage(stdout.trim(), "cat /xz/f /bz2/f; ls /none")).toBe("unpacked\nunpacked\ncut.xz\ntext.bz2\n");
	});
	test("--ssh: keys that a step can use and cannot see, and an agent's socket", async () => {
		const dir = contextOf(
			`FROM ${IMAGE}\nCOPY root /\nRUN --mount=type=ssh,id=keys ssh-add -T /keys/*.pub && ssh-add -l | wc -l`,
		);
		// A client, with its libraries.
		const libraries = [
			...Bun.spawnSync(["ldd", "/usr/bin/ssh-add"])
				.stdout.toString()
				.matchAll(/(\/\S+) \(/g),
		];
		for (const file of ["/usr/bin/ssh-add", ...libraries.map(([, path = ""]) => path)]) {
			mkdirSync(`${dir}/root/${dirname(file)}`, { recursive: true });
			cpSync(file, `${dir}/root/${file}`, { dereference: true });
		}
		mkdirSync(`${dir}/root/keys`);
		writeFileSync(`${dir}/.dockerignore`, "key.*\n");
		const types = ["ed25519", "rsa", "ecdsa"];
		for (const type of types) {
			Bun.spawnSync(["ssh-keygen", "-q", "-t", type, "-N", "", "-f", `${dir}/key.${type}`]);
			cpSync(`${dir}/key.${type}.pub`, `${dir}/root/keys/${type}.pub`);
		}
		const keys = types.map((type) => `${dir}/key.${type}`).join(",");
		const made = await build(dir, "--no-cache", "--progress", "plain", "--ssh", `keys=${keys}`);
		expect([made.code, /^#\d+ [\d.]+ 3$/m.test(made.stderr)]).toEqual([0, true]);

		const agent = Bun.spawn(["ssh-agent", "-D", "-a", `${dir}/../agent`], { stdout: "ignore" });
		await until(() => existsSync(`${dir}/../agent`), "the agent");
		const env = { SSH_AUTH_SOCK: `${dir}/../agent` };
		for (const key of keys.split(",")) Bun.spawnSync(["ssh-add", "-q", key], { env: { ...process.env, ...env } });
		expect((await host.nc("build", "--no-cache", "--ssh", "keys", ".", { cwd: dir, env })).code).toBe(0);
		agent.kill();
		await agent.exited;

		Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", `${dir}/key.locked`]);
		const locked = await build(dir, "--ssh", `keys=${dir}/key.locked`);
		expect([locked.code, locked.stderr.includes("add it to an agent")]).toEqual([1, true]);
		expect((await build(dir, "--no-cache")).code).toBe(1); // without any, ssh-add reaches nobody
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
	});
	test("rawjson, a timeline, metadata, warnings of unused arguments", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN echo "<told>"`);
		const raw = await host.nc("build", "--progress", "rawjson", ".", { cwd: dir });
		const logs = raw.stderr
			.trim()
			.split("\n")
			.flatMap((line) => JSON.parse(line).logs ?? []);
		expect(logs.map((log) => atob(log.data)).join("")).toContain("<told>\n");
		await host.ok(
			"build",
			"--no-cache",
			"--progress",
			"html",
			"--metadata-file",
			`${dir}/../m.json`,
			`${dir}/../t.html`,
			".",
			{ cwd: dir },
		);
		expect(readFileSync(`${dir}/../t.html`, "utf8")).toContain("&#60;told&#62;");
		expect(JSON.parse(readFileSync(`${dir}/../m.json`, "utf8"))["containerimage.config.digest"]).toMatch(/^sha256:/);
		expect((await build(dir, "--build-arg", "unused=1")).stderr).toContain("[unused] were not consumed");
	});
	test("on a terminal the picture is drawn", async () => {
		const dir = contextOf(`FROM ${IMAGE}\nRUN echo drawn; sleep 0.3`);
		let shown = "";
		const child = Bun.spawn(host.command("build", "."), {
			cwd: dir,
			terminal: { cols: 60, rows: 20, data: (_terminal, bytes) => (shown += Buffer.from(bytes).toString()) },
		});
		expect(await child.exited).toBe(0);
		expect(shown).toContain("=> => # drawn");
		expect(shown).toMatch(/\[\+\] Building \d+\.\ds \(3\/3\) FINISHED/);
	});
});
