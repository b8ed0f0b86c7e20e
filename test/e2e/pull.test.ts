import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Host, loopbackUp, readText, until } from "../fixture.ts";
import { pushImage, pushManifest, type Registry, sha256, startRegistry, tarOf } from "../registry.ts";

loopbackUp();
const host = new Host();
let registry: Registry;
const busybox = readFileSync("/bin/busybox");
const base = tarOf([
	{ path: "bin/", type: "Directory" },
	{ path: "bin/busybox", mode: 0o755, data: busybox },
	{ path: "bin/sh", type: "SymbolicLink", linkpath: "busybox" },
	{ path: "etc/", type: "Directory" },
	{ path: "etc/passwd", data: "root:x:0:0:root:/root:/bin/sh\nweb:x:100:101:web:/home/web:/bin/sh\n" },
	{ path: "etc/group", data: "root:x:0:\nweb:x:101:\nextra:x:200:web\n" },
]);
const hello = (text: string) => tarOf([{ path: "hello", data: text }]);
const name = (text: string) => `${registry.host}/${text}`;
const cat = (image: string) => host.nc("run", "--rm", "--network", "none", image, "/bin/busybox", "cat", "/hello");

beforeAll(async () => {
	registry = await startRegistry(`${host.dir}/registry`, 5000);
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	await host.close();
});

describe("pull", () => {
	test("pull prints docker's lines, the second time that it is up to date; -q the name alone", async () => {
		const digest = await pushImage(registry.host, "team/app:1", [base, hello("one\n")]);
		const first = await host.ok("pull", name("team/app:1"));
		expect(first).toStartWith("1: Pulling from team/app\n");
		expect(first).toMatch(/^[0-9a-f]{12}: Pull complete$/m);
		expect(first).toEndWith(
			`Digest: ${digest}\nStatus: Downloaded newer image for ${name("team/app:1")}\n${name("team/app:1")}`,
		);
		const again = await host.ok("pull", name("team/app:1"));
		expect(again).not.toContain("Already exists");
		expect(again).toContain("Status: Image is up to date");
		expect(await host.ok("pull", "-q", name("team/app:1"))).toBe(name("team/app:1"));
		expect((await cat(name("team/app:1"))).stdout).toBe("one\n");
	});
	test("a registry that is not reached is told of in docker's words", async () => {
		const why = async (image: string) => (await host.nc("pull", image)).stderr;
		expect(await why("127.0.0.1:1/app")).toEndWith(
			'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused\n',
		);
		expect(await why("10.255.255.1:1/app")).toContain("dial tcp 10.255.255.1:1: connect: network is unreachable");
		expect(await why("nosuch.invalid/app")).toMatch(
			/dial tcp: lookup nosuch\.invalid: (no such host|Temporary failure)/,
		);
	});
	test("run pulls what is missing, and says so on standard error only", async () => {
		await pushImage(registry.host, "implicit", [base, hello("two\n")]);
		const { stdout, stderr } = await cat(name("implicit"));
		expect(stdout).toBe("two\n");
		expect(stderr).toStartWith(
			`Unable to find image '${name("implicit:latest")}' locally\nlatest: Pulling from implicit\n`,
		);
	});
	test("layers come uncompressed, gzip and zstd; fflate and zlib give the same tree", async () => {
		await pushImage(registry.host, "plain", [base, hello("plain\n")], { compress: (tar) => tar });
		await pushImage(registry.host, "zstd", [base, hello("zstd\n")], { compress: (tar) => zstdCompressSync(tar) });
		expect((await cat(name("plain"))).stdout).toBe("plain\n");
		expect((await cat(name("zstd"))).stdout).toBe("zstd\n");
		const trees: string[] = [];
		for (const inflate of ["fflate", "zlib"]) {
			const other = new Host();
			await other.ok("pull", name("team/app:1"), { env: { NANOCONTAINER_INFLATE: inflate } });
			trees.push(
				await Bun.$`cd ${other.root}/layers && find . -mindepth 1 -printf '%P %m %U %G %T@ %s %l\n' | grep -v '^[0-9a-f]* ' | sort`.text(),
			);
			await other.close();
		}
		expect(trees[0]).toContain("bin/busybox 755 0 0 1700000000.0000000000");
		expect(trees[0]).toBe(trees[1] ?? "");
	});
	test("an index is resolved for this machine; attestations are skipped; --platform chooses", async () => {
		const own = await pushImage(registry.host, "multi:own", [base, hello("own\n")]);
		const other = await pushImage(registry.host, "multi:other", [base, hello("other\n")], { architecture: "riscv64" });
		const entry = async (digest: string, architecture: string, extra = {}) => {
			const response = await fetch(`http://${registry.host}/v2/multi/manifests/${digest}`, {
				headers: { Accept: "application/vnd.oci.image.manifest.v1+json" },
			});
			const bytes = await response.arrayBuffer();
			return {
				mediaType: "application/vnd.oci.image.manifest.v1+json",
				digest,
				size: bytes.byteLength,
				platform: { os: architecture === "unknown" ? "unknown" : "linux", architecture },
				...extra,
			};
		};
		const machine = process.arch === "arm64" ? "arm64" : "amd64";
		const manifests = [
			await entry(other, "unknown", { annotations: { "vnd.docker.reference.type": "attestation-manifest" } }),
			await entry(other, "riscv64"),
			await entry(own, machine),
		];
		const mediaType = "application/vnd.oci.image.index.v1+json";
		await pushManifest(registry.host, "multi", "latest", { schemaVersion: 2, mediaType, manifests }, mediaType);
		expect((await cat(name("multi"))).stdout).toBe("own\n");
		await host.ok("pull", "--platform", "linux/riscv64", name("multi"));
		expect(await host.ok("inspect", "-f", "{{.Architecture}}", name("multi"))).toBe("riscv64");
		expect((await host.nc("pull", "--platform", "linux/s390x", name("multi"))).stderr).toContain(
			"no matching manifest for linux/s390x in the manifest list entries",
		);
	});
	test("a digest names an image exactly", async () => {
		const digest = await pushImage(registry.host, "exact:1", [base, hello("exact\n")]);
		expect(await host.ok("pull", "-q", name(`exact@${digest}`))).toBe(name(`exact@${digest}`));
		expect((await cat(name(`exact@${digest}`))).stdout).toBe("exact\n");
		expect(await host.ok("images", "--digests", "--format", "{{.Digest}}", name("exact"))).toBe(digest);
	});
	test("what is not there is told in docker's words", async () => {
		const { code, stderr } = await host.nc("pull", name("nosuch:tag"));
		expect(code).toBe(1);
		expect(stderr).toContain(`manifest for ${name("nosuch:tag")} not found: manifest unknown: manifest unknown`);
	});
	test("the user and groups of the image are looked up in it", async () => {
		await pushImage(registry.host, "user", [base], {
			config: {
				User: "web",
				Env: ["X=1"],
				Cmd: ["/bin/busybox", "sh", "-c", "busybox id; echo $X $HOME"],
				WorkingDir: "/w",
			},
		});
		expect((await host.nc("run", "--rm", "--network", "none", name("user"))).stdout).toBe(
			"uid=100(web) gid=101(web) groups=101(web),200(extra)\n1 /home/web\n",
		);
	});
	test("128 layers work", async () => {
		const layers = Array.from({ length: 127 }, (_, i) => tarOf([{ path: `f${i}`, data: String(i) }]));
		await pushImage(registry.host, "tall", [base, ...layers]);
		expect(
			await host.ok(
				"run",
				"--rm",
				"--network",
				"none",
				"--pull",
				"always",
				"-q",
				name("tall"),
				"/bin/busybox",
				"sh",
				"-c",
				"busybox ls / | busybox grep -c ^f",
			),
		).toBe("127");
	});
	test("rmi untags, then deletes; an image in use is kept", async () => {
		await pushImage(registry.host, "gone:1", [base, hello("gone\n")]);
		await host.ok("pull", name("gone:1"));
		await host.ok("create", "--name", "user", name("gone:1"), "/bin/sh");
		expect((await host.nc("rmi", name("gone:1"))).stderr).toMatch(
			/conflict: unable to remove repository reference ".*gone:1" \(must force\) - container [0-9a-f]{12} is using its referenced image/,
		);
		await host.ok("rm", "user");
		const out = await host.ok("rmi", name("gone:1"));
		expect(out).toMatch(
			/^Untagged: .*gone:1\nUntagged: .*gone@sha256:[0-9a-f]{64}\nDeleted: sha256:[0-9a-f]{64}\nDeleted: sha256:/,
		);
		expect(existsSync(`${host.root}/layers/${sha256(hello("gone\n")).slice(7)}`)).toBe(false);
		expect(existsSync(`${host.root}/layers/${sha256(base).slice(7)}`)).toBe(true); // others have it
	});
});

describe("digests are verified before anything can be seen", () => {
	test("a layer whose DiffID is a lie is refused", async () => {
		await pushImage(registry.host, "liar", [hello("lie\n")], { diffIds: [sha256("something else")] });
		const { code, stderr } = await host.nc("pull", name("liar"));
		expect(code).toBe(1);
		expect(stderr).toContain("its image says");
		expect(readdirSync(`${host.root}/layers`)).not.toContain(sha256("something else").slice(7));
		expect(readdirSync(`${host.root}/staging`).filter((entry) => entry.startsWith("layer-"))).toEqual([]);
	});
	test("one content as two blobs: both are verified, and both are kept", async () => {
		let made = 0;
		const twice = (tar: Uint8Array) => (made++ === 1 ? zstdCompressSync(tar) : gzipSync(tar, { level: 1 }));
		const digest = await pushImage(registry.host, "twins", [hello("twin\n"), hello("twin\n"), base], {
			compress: twice,
		});
		await host.ok("pull", "-q", name("twins"));
		expect((await cat(name("twins"))).stdout).toBe("twin\n");
		const blobs = readdirSync(`${host.root}/blobs/sha256`);
		const manifest = JSON.parse(readFileSync(`${host.root}/blobs/sha256/${digest.slice(7)}`, "utf8"));
		for (const layer of manifest.layers) expect(blobs).toContain(layer.digest.slice(7));
		made = 0;
		await pushImage(registry.host, "liartwins", [hello("a\n"), hello("b\n")], {
			compress: twice,
			diffIds: [sha256(hello("a\n")), sha256(hello("a\n"))],
		});
		expect((await host.nc("pull", name("liartwins"))).stderr).toContain("its image says");
	});
	test("layers that come compressed in another way elsewhere: nobody waits for ever", async () => {
		const other = new Host();
		const [x, y] = [hello("x\n"), tarOf([{ path: "y", data: "y" }])];
		const between = (letter: string) => [1, 2, 3].map((i) => tarOf([{ path: `${letter}${i}`, data: letter }]));
		const level = (level: 1 | 9) => ({ compress: (tar: Uint8Array) => gzipSync(tar, { level }) });
		await pushImage(registry.host, "forth", [x, ...between("p"), y], level(1));
		await pushImage(registry.host, "back", [y, ...between("q"), x], level(9));
		const pulls = await Promise.all(["forth", "back"].map((image) => other.nc("pull", "-q", name(image))));
		expect(pulls.map(({ code }) => code)).toEqual([0, 0]);
		await other.ok("rmi", "-f", name("forth"), name("back"));
		mkdirSync(`${other.dir}/context`);
		writeFileSync(
			`${other.dir}/context/Dockerfile`,
			`FROM ${name("forth")} AS one\nCOPY Dockerfile /f\nFROM ${name("back")}\nCOPY --from=one /f /g\n`,
		);
		await other.ok("build", "-q", "-t", "both", `${other.dir}/context`);
		expect((await other.nc("system", "check")).stdout).toContain("No problem");
		await other.close();
	});
	test("one blob that is to be two layers is refused at once", async () => {
		const layer = hello("one\n");
		await pushImage(registry.host, "split", [layer, layer], { diffIds: [sha256(layer), sha256("another")] });
		const { code, stderr } = await host.nc("pull", name("split"));
		expect([code, stderr.includes("two DiffIDs for the layer")]).toEqual([1, true]);
	});
	test("a blob that was changed in the registry is refused", async () => {
		const layer = hello("changed\n");
		const blob = gzipSync(layer, { level: 1 });
		await pushImage(registry.host, "changed", [layer], { compress: () => blob });
		const hex = sha256(blob).slice(7);
		const path = `${host.dir}/registry/data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
		const bytes = readFileSync(path);
		bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
		writeFileSync(path, bytes);
		const { code, stderr } = await host.nc("pull", name("changed"));
		expect(code).toBe(1);
		expect(stderr).toMatch(/verification failed|corrupt/);
	});
});

/** A registry in front of the real one that misbehaves as told. */
function front(
	handle: (request: Request, pass: () => Promise<Response>) => Response | Promise<Response>,
	port: number,
) {
	return Bun.serve({
		port,
		hostname: "127.0.0.1",
		fetch: (request) => {
			const url = new URL(request.url);
			const headers = new Headers(request.headers);
			headers.delete("host");
			return handle(request, () =>
				fetch(`http://${registry.host}${url.pathname}${url.search}`, {
					method: request.method,
					headers,
					decompress: false,
				} as RequestInit),
			);
		},
	});
}

describe("a difficult registry", () => {
	test("429 and 503 are asked again, a broken blob is resumed with Range", async () => {
		const layer = tarOf([
			{ path: "noise", data: crypto.getRandomValues(new Uint8Array(60_000)) },
			{ path: "hello", data: "resumed\n" },
		]);
		await pushImage(registry.host, "flaky", [base, layer]);
		let refused = 0;
		let cut = 0;
		const ranges: string[] = [];
		using server = front(async (request, pass) => {
			if (request.url.includes("/manifests/") && refused++ < 2)
				return new Response("", { status: refused === 1 ? 429 : 503, headers: { "Retry-After": "0" } });
			const range = request.headers.get("range");
			if (range) ranges.push(range);
			const response = await pass();
			if (!request.url.includes("/blobs/") || range || cut++ > 3) return response;
			const bytes = new Uint8Array(await response.arrayBuffer());
			if (bytes.length < 40_000) return new Response(bytes);
			return new Response(bytes.subarray(0, bytes.length >> 1)); // half of it, and that is all
		}, 5100);
		const image = `127.0.0.1:${server.port}/flaky`;
		expect(await host.ok("run", "--rm", "--network", "none", "-q", image, "/bin/busybox", "cat", "/hello")).toBe(
			"resumed",
		);
		expect(refused).toBeGreaterThanOrEqual(3);
		expect(ranges.length).toBeGreaterThan(0);
	});
	test("Basic credentials come from the client's configuration and stay with their host over redirects", async () => {
		await pushImage(registry.host, "private", [base, hello("secret\n")]);
		const seen: (string | null)[] = [];
		using storage = front((request, pass) => {
			seen.push(request.headers.get("authorization"));
			return pass();
		}, 5101);
		using server = front((request, pass) => {
			if (request.headers.get("authorization") !== `Basic ${btoa("me:pass:word")}`) {
				return new Response("", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });
			}
			const url = new URL(request.url);
			return url.pathname.includes("/blobs/")
				? Response.redirect(`http://127.0.0.1:${storage.port}${url.pathname}`, 307)
				: pass();
		}, 5102);
		const image = `127.0.0.1:${server.port}/private`;
		expect((await host.nc("pull", image)).stderr).toContain(
			`pull access denied for ${image}, repository does not exist or may require 'docker login'`,
		);
		const config = `${host.dir}/client`;
		await Bun.write(
			`${config}/config.json`,
			JSON.stringify({ auths: { [`127.0.0.1:${server.port}`]: { auth: btoa("me:pass:word") } } }),
		);
		await host.ok("pull", "-q", image, { env: { DOCKER_CONFIG: config } });
		expect(seen.length).toBeGreaterThan(0);
		expect(seen.every((header) => header === null)).toBe(true);
	});
	test("a credential helper is run as a program", async () => {
		const config = `${host.dir}/helper`;
		await Bun.write(`${config}/config.json`, JSON.stringify({ credHelpers: { "127.0.0.1:5103": "test" } }));
		await Bun.write(
			`${config}/docker-credential-test`,
			`#!/bin/sh\nread server\n[ "$1 $server" = "get 127.0.0.1:5103" ] && echo '{"Username":"helped","Secret":"s"}'\n`,
		);
		Bun.spawnSync(["chmod", "755", `${config}/docker-credential-test`]);
		using _server = front(
			(request, pass) =>
				request.headers.get("authorization") === `Basic ${btoa("helped:s")}`
					? pass()
					: new Response("", { status: 401, headers: { "WWW-Authenticate": "Basic" } }),
			5103,
		);
		await host.ok("pull", "-q", "127.0.0.1:5103/team/app:1", {
			env: { DOCKER_CONFIG: config, PATH: `${config}:${process.env["PATH"]}` },
		});
	});
	test("Bearer tokens are fetched for the scope, and again when they expire", async () => {
		let tokens = 0;
		let uses = 0;
		using server = front((request, pass) => {
			const url = new URL(request.url);
			if (url.pathname === "/token") {
				expect(url.searchParams.get("scope")).toBe("repository:team/app:pull");
				expect(url.searchParams.get("service")).toBe("svc");
				return Response.json({ token: `t${++tokens}`, expires_in: 300 });
			}
			if (request.headers.get("authorization") === `Bearer t${tokens}` && tokens > 0 && (tokens > 1 || uses++ < 1))
				return pass();
			return new Response("", {
				status: 401,
				headers: {
					"WWW-Authenticate": `Bearer realm="http://127.0.0.1:5104/token",service="svc",scope="repository:team/app:pull"`,
				},
			});
		}, 5104);
		const other = new Host();
		await other.ok("pull", "-q", `127.0.0.1:${server.port}/team/app:1`);
		expect(tokens).toBe(2);
		await other.close();
	});
	test("a mirror of Docker Hub is asked first", async () => {
		await pushImage(registry.host, "library/mirrored", [base, hello("mirror\n")]);
		const file = `${host.dir}/engine.json`;
		writeFileSync(file, JSON.stringify({ "registry-mirrors": [`http://${registry.host}`] }));
		const { stdout, stderr } = await host.nc(
			"run",
			"--rm",
			"--network",
			"none",
			"mirrored",
			"/bin/busybox",
			"cat",
			"/hello",
			{ env: { NANOCONTAINER_CONFIG: file } },
		);
		expect(stderr).toContain("Pulling from library/mirrored");
		expect(stdout).toBe("mirror\n");
		writeFileSync(file, JSON.stringify({ "registry-mirror": [] }));
		expect((await host.nc("pull", "x", { env: { NANOCONTAINER_CONFIG: file } })).stderr).toContain('"registry-mirror"');
	});
	test("schema 1 is refused in a sentence, endless documents are cut off", async () => {
		using _server = front((request, pass) => {
			if (!request.url.includes("/manifests/")) return pass();
			if (request.url.includes("endless")) return new Response(new Uint8Array(9 << 20));
			return new Response(JSON.stringify({ schemaVersion: 1 }), {
				headers: { "Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
			});
		}, 5105);
		expect((await host.nc("pull", "127.0.0.1:5105/old")).stderr).toContain("schema 1, which is not supported");
		expect((await host.nc("pull", "127.0.0.1:5105/endless")).stderr).toContain("is larger than");
	});
});

/** An answer whose body comes in these pieces, with a pause between. */
function slowly(pieces: readonly Uint8Array[], pauseMs: number, headers: Record<string, string> = {}): Response {
	return new Response(
		new ReadableStream({
			async start(controller) {
				for (const piece of pieces) {
					controller.enqueue(piece);
					await Bun.sleep(pauseMs);
				}
				controller.close();
			},
		}),
		{ headers },
	);
}

describe("a registry that means harm, or no good", () => {
	const noise = () => ({ path: "noise", data: crypto.getRandomValues(new Uint8Array(700_000)) });
	test("a redirect to what is not HTTP is refused", async () => {
		const secret = `${host.dir}/secret.json`;
		writeFileSync(secret, JSON.stringify({ schemaVersion: 2, manifests: [] }));
		for (const [i, location] of [`file://${secret}`, "s3://bucket/key", "data:application/json,{}"].entries()) {
			using _server = front(
				(request, pass) =>
					request.url.includes("/manifests/")
						? new Response("", { status: 302, headers: { Location: location } })
						: pass(),
				5110 + i,
			);
			expect((await host.nc("pull", `127.0.0.1:${5110 + i}/x`)).stderr).toContain("which is not HTTP");
		}
		const file = `${host.dir}/engine-file.json`;
		writeFileSync(file, JSON.stringify({ "registry-mirrors": ["file:///etc"] }));
		expect((await host.nc("pull", "x", { env: { NANOCONTAINER_CONFIG: file } })).stderr).toContain("is not a URL like");
	});
	test("a layer that is shorter than its manifest says ends with an error", async () => {
		await pushImage(registry.host, "short", [base, tarOf([noise()])]);
		using _server = front(async (request, pass) => {
			const range = Number(/\d+/.exec(request.headers.get("range") ?? "0")?.[0]);
			if (range > 600_000) return new Response("", { status: 416 });
			const response = await pass();
			if (!request.url.includes("/manifests/")) return response;
			const manifest = (await response.json()) as { mediaType: string; layers: { size: number }[] };
			for (const layer of manifest.layers.slice(1)) layer.size += 10;
			return Response.json(manifest, { headers: { "Content-Type": manifest.mediaType } });
		}, 5113);
		const { code, stderr } = await host.nc("pull", "127.0.0.1:5113/short");
		expect(code).toBe(1);
		expect(stderr).toMatch(/the registry (has less than|sent)/);
	});
	test("a layer whose first byte comes alone is still known for what it is", async () => {
		await pushImage(registry.host, "dribble", [base, tarOf([noise(), { path: "hello", data: "dribbled\n" }])]);
		using _server = front(async (request, pass) => {
			const response = await pass();
			if (!request.url.includes("/blobs/") || !response.ok) return response;
			const bytes = new Uint8Array(await response.arrayBuffer());
			return slowly([bytes.subarray(0, 1), bytes.subarray(1)], 60);
		}, 5114);
		expect((await cat("127.0.0.1:5114/dribble")).stdout).toBe("dribbled\n");
	});
	test("a registry that ignores Range is resumed all the same", async () => {
		await pushImage(registry.host, "stubborn", [base, tarOf([noise(), { path: "hello", data: "stubborn\n" }])]);
		let cut = 0;
		using _server = front(async (request, pass) => {
			if (!request.url.includes("/blobs/")) return pass();
			const response = await fetch(`http://${registry.host}${new URL(request.url).pathname}`, { decompress: false });
			const bytes = new Uint8Array(await response.arrayBuffer());
			return new Response(bytes.length > 500_000 && cut++ < 2 ? bytes.subarray(0, cut * 200_000) : bytes);
		}, 5115);
		expect((await cat("127.0.0.1:5115/stubborn")).stdout).toBe("stubborn\n");
	});
	test("of several challenges the one that can be answered is", async () => {
		let round = 0;
		const challenges = [
			'Negotiate, Basic realm="r"',
			'Basic realm="r", Bearer realm="http://127.0.0.1:5116/token",service="s"',
		];
		using _server = front((request, pass) => {
			if (new URL(request.url).pathname === "/token")
				return Response.json({ token: "", access_token: "good", expires_in: null });
			const given = request.headers.get("authorization");
			if (given === "Bearer good" || given === `Basic ${btoa("u:p")}`) return pass();
			return new Response("", { status: 401, headers: { "WWW-Authenticate": challenges[round] ?? "" } });
		}, 5116);
		const config = `${host.dir}/several`;
		await Bun.write(
			`${config}/config.json`,
			JSON.stringify({ auths: { "127.0.0.1:5116": { auth: btoa("u:p") }, other: {} } }),
		);
		for (; round < challenges.length; round++) {
			await host.ok("pull", "-q", "127.0.0.1:5116/team/app:1", { env: { DOCKER_CONFIG: config } });
		}
	});
	test("endless errors and tokens are cut off", async () => {
		const endless = () =>
			slowly(
				Array.from({ length: 4000 }, () => new Uint8Array(65_536)),
				0,
			);
		using _server = front((request) => {
			const url = new URL(request.url);
			if (url.pathname === "/token") return endless();
			if (url.pathname.includes("/bad/")) return new Response(endless().body, { status: 404 });
			return new Response("", {
				status: 401,
				headers: { "WWW-Authenticate": 'Bearer realm="http://127.0.0.1:5117/token"' },
			});
		}, 5117);
		expect((await host.nc("pull", "127.0.0.1:5117/bad/x")).stderr).toContain("127.0.0.1:5117");
		expect((await host.nc("pull", "127.0.0.1:5117/x")).stderr).toContain("gave no token");
	});
	test("CVE-2021-41190: a document that is index and manifest at once is neither", async () => {
		using _server = front(async (request, pass) => {
			const response = await pass();
			if (!request.url.includes("/manifests/")) return response;
			const manifest = (await response.json()) as { mediaType: string };
			return Response.json({ ...manifest, manifests: [] }, { headers: { "Content-Type": manifest.mediaType } });
		}, 5118);
		expect((await host.nc("pull", "127.0.0.1:5118/team/app:1")).stderr).toContain("contradicts itself");
	});
	test("the first layer that fails stops the others", async () => {
		await pushImage(registry.host, "failing", [tarOf([noise()]), tarOf([noise()])]);
		let blobs = 0;
		using _server = front(async (request, pass) => {
			const response = await pass();
			if (!request.url.includes("/blobs/") || Number(response.headers.get("content-length")) < 500_000) return response;
			if (blobs++ === 0) return new Response("", { status: 404 });
			return slowly(
				Array.from({ length: 100 }, () => new Uint8Array(1000)),
				100,
			);
		}, 5119);
		const started = performance.now();
		const other = new Host();
		expect((await other.nc("pull", "127.0.0.1:5119/failing")).code).toBe(1);
		expect(performance.now() - started).toBeLessThan(5000);
		for (const part of readdirSync(`${other.root}/staging`)) rmSync(`${other.root}/staging/${part}`); // kept to go on from
		await other.close();
	});
	test("rmi of an image leaves what a pull at this moment needs", async () => {
		const shared = tarOf([
			{ path: "bin/", type: "Directory" },
			{ path: "bin/busybox", mode: 0o755, data: busybox },
			{ path: "only-here" },
		]);
		await pushImage(registry.host, "first", [shared]);
		await pushImage(registry.host, "second", [shared, tarOf([noise(), { path: "hello", data: "second\n" }])]);
		await host.ok("pull", "-q", name("first"));
		const begun = Promise.withResolvers<void>();
		const removed = Promise.withResolvers<void>();
		using _server = front(async (request, pass) => {
			const response = await pass();
			if (!request.url.includes("/blobs/") || Number(response.headers.get("content-length")) < 500_000) return response;
			begun.resolve();
			await removed.promise;
			return response;
		}, 5120);
		const pulling = host.nc("pull", "-q", "127.0.0.1:5120/second");
		await begun.promise;
		await host.ok("rmi", name("first"));
		removed.resolve();
		expect((await pulling).code).toBe(0);
		expect((await cat("127.0.0.1:5120/second")).stdout).toBe("second\n");
	});
	test("the caller's umask changes no layer", async () => {
		const other = new Host();
		await pushImage(registry.host, "masked", [base, tarOf([{ path: "a/b/c", data: "seen\n" }])]);
		const command = other.command(
			"run",
			"--rm",
			"--network",
			"none",
			"-q",
			"-u",
			"1000",
			name("masked"),
			"/bin/busybox",
			"cat",
			"/a/b/c",
		);
		const child = Bun.spawn(["sh", "-c", 'umask 077; exec "$@"', "sh", ...command], { stdout: "pipe" });
		expect(await new Response(child.stdout).text()).toBe("seen\n");
		await other.close();
	});
});

describe("pulls that meet or die", () => {
	const big = tarOf(
		Array.from({ length: 60 }, (_, i) => ({ path: `big/f${i}`, data: crypto.getRandomValues(new Uint8Array(65_536)) })),
	);
	test("two pulls of the same layers at once both succeed, the work is done once", async () => {
		await pushImage(registry.host, "shared", [base, big, hello("shared\n")]);
		const other = new Host();
		let blobs = 0;
		using server = front((request, pass) => {
			if (request.url.includes(`/blobs/${sha256(gzipSync(big, { level: 1 }))}`)) blobs++;
			return pass();
		}, 5106);
		const image = `127.0.0.1:${server.port}/shared`;
		const results = await Promise.all([1, 2, 3].map(() => other.nc("pull", image)));
		expect(results.map((result) => result.code)).toEqual([0, 0, 0]);
		expect(blobs).toBe(1);
		await other.close();
	});
	test("kill -9 at random moments leaves only what the next pull uses or sweeps", async () => {
		const other = new Host();
		for (let round = 0; round < Number(process.env["NC_CRASH_ROUNDS"] ?? 25); round++) {
			const child = Bun.spawn(other.command("pull", "-q", name("shared")), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(Math.random() * 70);
			child.kill("SIGKILL");
			await child.exited;
			expect((await other.nc("ps", "-a")).code).toBe(0);
		}
		await other.ok("pull", "-q", name("shared"));
		expect(await other.ok("run", "--rm", "--network", "none", name("shared"), "/bin/busybox", "cat", "/hello")).toBe(
			"shared",
		);
		await until(() => readdirSync(`${other.root}/staging`).length === 0, "an empty staging directory");
		await other.close();
	});
	test("memory stays bounded", async () => {
		const huge = tarOf([{ path: "zeros", data: new Uint8Array(300 << 20) }]);
		await pushImage(registry.host, "huge", [huge]);
		const child = Bun.spawn(host.command("pull", "-q", name("huge")), { stdout: "ignore" });
		let peak = 0; // its own: what wait4(2) tells begins with this process's, from which it was forked
		const poll = setInterval(() => {
			peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readText(`/proc/${child.pid}/status`))?.[1] ?? 0));
		}, 5);
		expect(await child.exited).toBe(0);
		clearInterval(poll);
		expect(peak).toBeWithin(10_000, 200_000); // kB
		expect(statSync(`${host.root}/layers/${sha256(huge).slice(7)}/zeros`).size).toBe(300 << 20);
	});
});
