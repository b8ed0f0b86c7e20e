/** `build` with what other machines have made (--cache-from, --cache-to), and for machines of other kinds (--platform). */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, type Result } from "../fixture.ts";
import { startRegistry } from "../registry.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());

const DOCKERFILE = `FROM ${IMAGE} AS one
RUN mkdir /d && echo $RANDOM$RANDOM > /d/random
FROM ${IMAGE}
WORKDIR /work
COPY a .
COPY --from=one /d/random /random
RUN cat /random a > both
`;

let count = 0;
function contextOf(dockerfile: string): string {
	const dir = `${host.dir}/context${count++}`;
	mkdirSync(dir);
	writeFileSync(`${dir}/Dockerfile`, dockerfile);
	writeFileSync(`${dir}/a`, "a\n");
	return dir;
}

const build = (on: Host, dir: string, ...flags: string[]): Promise<Result> =>
	on.nc("build", "--progress", "plain", ...flags, ".", { cwd: dir });
const steps = ({ stderr }: Result, what: "CACHED" | "DONE"): number =>
	stderr.split("\n").filter((line, i, all) => {
		const number = /^(#\d+) /.exec(line)?.[1] ?? "";
		const name = all.slice(0, i).find((before) => before.startsWith(`${number} [`)) ?? "";
		return line.startsWith(`${number} ${what}`) && /\[(\S+ )*\d\/\d\]/.test(name);
	}).length;

/** Another machine builds with the cache; what comes out is what the first had. */
async function elsewhere(dir: string, ...flags: string[]): Promise<Result> {
	const other = new Host();
	const result = await build(other, dir, "-t", "copy", ...flags);
	const content =
		result.code === 0 ? await other.ok("run", "--rm", "--network", "none", "copy", "cat", "/work/both") : "";
	await other.close();
	return { ...result, stdout: content };
}

describe("a cache that travels", () => {
	test("through a directory: max has all steps, min those of the image", async () => {
		const dir = contextOf(DOCKERFILE);
		const to = (mode: string) => ["--cache-to", `type=local,dest=${dir}-${mode},mode=${mode}`];
		const first = await build(host, dir, "-t", "original", ...to("max"), ...to("min"));
		expect(first.code).toBe(0);
		const content = await host.ok("run", "--rm", "--network", "none", "original", "cat", "/work/both");
		const all = await elsewhere(dir, "--cache-from", `type=local,src=${dir}-max`);
		expect({ code: all.code, cached: steps(all, "CACHED"), done: steps(all, "DONE") }).toEqual({
			code: 0,
			cached: 5,
			done: 0,
		});
		expect(all.stdout).toBe(content);
		const some = await elsewhere(dir, "--cache-from", `type=local,src=${dir}-min`);
		expect({ code: some.code, anew: steps(some, "DONE") > 0 }).toEqual({ code: 0, anew: true });
	});
	test("through a registry, on its own and inside the image", async () => {
		await using registry = await startRegistry(`${host.dir}/registry`, 5000);
		const dir = contextOf(`${DOCKERFILE}RUN echo registry\n`);
		const own = `${registry.host}/team/cache:1`;
		const image = `${registry.host}/team/image:1`;
		await build(host, dir, "-t", image, "--push", "--cache-to", `type=registry,ref=${own},mode=max`);
		const inline = await build(host, dir, "-t", image, "--push", "--cache-to", "type=inline");
		expect(inline.code).toBe(0);
		const content = await host.ok("run", "--rm", "--network", "none", image, "cat", "/work/both");
		const fromOwn = await elsewhere(dir, "--cache-from", own);
		expect([fromOwn.stdout, steps(fromOwn, "DONE")]).toEqual([content, 0]);
		// The steps of stage "one" are not in the image: it is built anew, and with other content.
		const fromImage = await elsewhere(dir, "--cache-from", `type=registry,ref=${image}`);
		expect(fromImage.code).toBe(0);
		expect(steps(fromImage, "CACHED")).toBe(2);
	});
	test("one that is not there, or was tampered with, is told and not used", async () => {
		const dir = contextOf(`${DOCKERFILE}RUN echo damaged\n`);
		const missing = await build(host, dir, "--cache-from", `type=local,src=${dir}-nowhere`);
		expect(missing.code).toBe(0);
		expect(missing.stderr).toContain(`WARNING: cache of ${dir}-nowhere is not used`);
		await build(host, dir, "--cache-to", `type=local,dest=${dir}-c,mode=max`);
		const { manifests } = JSON.parse(readFileSync(`${dir}-c/index.json`, "utf8"));
		writeFileSync(`${dir}-c/blobs/sha256/${manifests[0].digest.slice(7)}`, "{}");
		const tampered = await elsewhere(dir, "--cache-from", `type=local,src=${dir}-c`);
		expect(tampered.code).toBe(0);
		expect(tampered.stderr).toContain("is not what its name says");
	});
	test("a layer that is gone from the cache is made anew", async () => {
		const dir = contextOf(`${DOCKERFILE}RUN echo gone\n`);
		await build(host, dir, "--cache-to", `type=local,dest=${dir}-c,mode=max`);
		const blobs = `${dir}-c/blobs/sha256`;
		for (const name of readdirSync(blobs)) if (readFileSync(`${blobs}/${name}`)[0] === 0x1f) rmSync(`${blobs}/${name}`);
		const result = await elsewhere(dir, "--cache-from", `type=local,src=${dir}-c`);
		expect([result.code, steps(result, "CACHED")]).toEqual([0, 0]);
	});
	test("a layer that is not what it says does not get in", async () => {
		const dir = contextOf(`${DOCKERFILE}RUN echo layers\n`);
		await build(host, dir, "--cache-to", `type=local,dest=${dir}-c,mode=max`);
		const blobs = `${dir}-c/blobs/sha256`;
		for (const name of readdirSync(blobs)) {
			const bytes = readFileSync(`${blobs}/${name}`);
			if (bytes[0] === 0x1f) writeFileSync(`${blobs}/${name}`, Bun.gzipSync(new Uint8Array(2048)));
		}
		const { code, stderr } = await elsewhere(dir, "--cache-from", `type=local,src=${dir}-c`);
		expect(stderr).toContain("content has digest");
		expect(code).toBe(1);
	});
	test("what is no cache, and places that there are not", async () => {
		const dir = contextOf(DOCKERFILE);
		for (const [flags, error] of [
			[["--cache-to", "type=gha"], 'type "gha" is not supported'],
			[["--cache-to", "type=local"], "dest is required"],
			[["--cache-to", "type=local,dest=x,mode=all"], "mode is min or max"],
			[["--cache-from", "type=local,src=x,tag=y"], '"tag" is not supported'],
			[["--provenance", "true"], "attestations are not supported"],
		] as const) {
			const { code, stderr } = await build(host, dir, ...flags);
			expect(stderr).toContain(error);
			expect(code).toBeGreaterThan(0);
		}
		expect((await build(host, dir, "--provenance=false", "--sbom=false", "--rm", "--force-rm")).code).toBe(0);
	});
});

describe("several platforms", () => {
	const dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY a /a-$TARGETARCH\nENV ARCH=$TARGETARCH";
	test("an archive with an index", async () => {
		const dir = contextOf(dockerfile);
		const flags = ["--platform", "linux/amd64,linux/arm64", "-t", "many:1"];
		expect((await build(host, dir, ...flags, "-o", `type=oci,dest=${dir}.tar`, "--iidfile", `${dir}.iid`)).code).toBe(
			0,
		);
		const read = (digest: string) =>
			JSON.parse(Bun.spawnSync(["tar", "xOf", `${dir}.tar`, `blobs/sha256/${digest.slice(7)}`]).stdout.toString());
		const top = JSON.parse(Bun.spawnSync(["tar", "xOf", `${dir}.tar`, "index.json"]).stdout.toString());
		const { digest } = top.manifests[0];
		expect(readFileSync(`${dir}.iid`, "utf8")).toBe(digest);
		const configs = read(digest).manifests.map((entry: { digest: string; platform: { architecture: string } }) => [
			entry.platform.architecture,
			read(read(entry.digest).config.digest).config.Env.at(-1),
		]);
		expect(configs).toEqual([
			["amd64", "ARCH=amd64"],
			["arm64", "ARCH=arm64"],
		]);
		const local = await build(host, dir, ...flags, "-o", `${dir}-out`);
		expect(local.code).toBe(0);
		expect([existsSync(`${dir}-out/linux_amd64/a-amd64`), existsSync(`${dir}-out/linux_arm64/a-arm64`)]).toEqual([
			true,
			true,
		]);
	});
	test("a registry, that gives each its own", async () => {
		await using registry = await startRegistry(`${host.dir}/registry2`, 5001);
		const dir = contextOf(dockerfile);
		const name = `${registry.host}/team/many:1`;
		expect(
			(await build(host, dir, "--platform", "linux/amd64", "--platform", "linux/arm64", "-t", name, "--push")).code,
		).toBe(0);
		for (const architecture of ["amd64", "arm64"]) {
			const other = new Host();
			await other.ok("pull", "-q", "--platform", `linux/${architecture}`, name);
			expect(await other.ok("image", "inspect", "-f", "{{.Architecture}} {{.Config.Env}}", name)).toContain(
				`${architecture} [`,
			);
			await other.close();
		}
	});
	test("not into the local images, where one name is one image", async () => {
		const { code, stderr } = await build(host, contextOf(dockerfile), "--platform", "linux/amd64,linux/arm64");
		expect([code, stderr]).toEqual([1, expect.stringContaining("does not hold several platforms")]);
	});
});
