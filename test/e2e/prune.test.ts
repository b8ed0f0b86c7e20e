/** What nothing uses is removed: containers, images, networks, volumes, build cache, and all of it at once. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { Host, IMAGE, links, loopbackUp, settled } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const create = (name: string, ...flags: string[]) =>
	host.ok("create", "--name", name, ...flags, IMAGE, "sleep", "1000");

beforeEach(async () => {
	for (const id of (await host.ok("ps", "-aq")).split("\n").filter(Boolean)) await host.ok("rm", "-fv", id);
});

describe("container prune", () => {
	test("asks first; takes what does not run, leaves what does", async () => {
		const stopped = await create("stopped", "-v", "/anonymous");
		const ended = await host.ok("run", "-d", "--network", "none", IMAGE, "sh", "-c", "echo 7bytes > /f");
		await host.ok("run", "-d", "--network", "none", "--name", "runs", IMAGE, "sleep", "1000");
		await settled(async () => ((await host.ok("ps", "-q")).split("\n").length === 1 ? [] : ["running"]));
		const asked = await host.nc("container", "prune", { stdin: "n\n" });
		expect(asked).toMatchObject({
			code: 0,
			stdout: "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ",
		});
		const { stdout } = await host.nc("container", "prune", { stdin: "y\n" });
		const [, ...lines] = stdout.split("\n");
		expect(lines[0]).toBe("Are you sure you want to continue? [y/N] Deleted Containers:");
		expect(lines.slice(1, 3).sort()).toEqual([stopped, ended].sort());
		expect(lines.slice(3)).toEqual(["", "Total reclaimed space: 7B", ""]);
		expect(await host.ok("ps", "-a", "--format", "{{.Names}}")).toBe("runs");
		expect((await host.ok("volume", "ls", "-q")).length).toBe(64);
		await host.ok("volume", "prune", "-f");
		expect(await host.ok("container", "prune", "-f")).toBe("Total reclaimed space: 0B");
	});
	test("by label and age", async () => {
		await create("one", "--label", "kind=a");
		await create("two", "--label", "kind=b");
		await create("three");
		const prune = (...filters: string[]) =>
			host.nc("container", "prune", "-f", ...filters.flatMap((filter) => ["--filter", filter]));
		const names = async () => (await host.ok("ps", "-a", "--format", "{{.Names}}")).split("\n").sort().join(" ");
		await prune("until=1h");
		expect(await names()).toBe("one three two");
		await prune("label=kind=a");
		expect(await names()).toBe("three two");
		await prune("label!=kind");
		expect(await names()).toBe("two");
		await prune("until=0s");
		expect(await names()).toBe("");
		expect((await prune("name=x")).stderr).toBe("Error response from daemon: invalid filter 'name'\n");
		expect((await prune("until=soon")).code).toBe(1);
	});
});

test("image prune takes those without a name; with -a all that no container is made from", async () => {
	const build = (text: string, ...flags: string[]) =>
		host.ok("build", "-q", ...flags, "-", { stdin: `FROM ${IMAGE}\nRUN echo ${text} > /made` });
	const first = await build("first", "-t", "made");
	const second = await build("second", "-t", "made");
	const labelled = await build("third", "--label", "keep=1", "-t", "labelled");
	expect(await host.ok("image", "prune", "-f")).toMatch(
		new RegExp(`^Deleted Images:\\n(untagged: .*\\n)*deleted: ${first}\\n(deleted: .*\\n)*\\nTotal reclaimed space: `),
	);
	await host.ok("create", "--name", "user", "made", "true");
	expect(await host.ok("image", "prune", "-af", "--filter", "label!=keep")).not.toContain("labelled");
	expect((await host.ok("images", "-q", "--no-trunc")).split("\n").sort()).toEqual([second, labelled].sort());
	expect((await host.nc("image", "prune", "-a", { stdin: "" })).stdout).toBe(
		"WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue? [y/N] ",
	);
	await host.ok("image", "prune", "-af");
	expect(await host.ok("images", "-q", "--no-trunc")).toBe(second);
});

describe("system prune", () => {
	test("says what it will remove", async () => {
		expect((await host.nc("system", "prune", { stdin: "" })).stdout).toBe(`WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all dangling images
  - unused build cache

Are you sure you want to continue? [y/N] `);
		const all = ["-a", "--volumes", "--filter", "label=x", "--filter", "label!=a=b"];
		expect((await host.nc("system", "prune", ...all, { stdin: "" })).stdout).toBe(`WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them
  - all build cache

  Items to be pruned will be filtered with:
  - label!=a=b
  - label=x

Are you sure you want to continue? [y/N] `);
		expect(await host.nc("system", "prune", "--volumes", "--filter", "until=1h")).toMatchObject({
			stderr: 'ERROR: The "until" filter is not supported with "--volumes"\n',
		});
	});
	test("leaves what is used, and with -a --volumes nothing at all", async () => {
		await host.ok("network", "create", "used");
		await host.ok("network", "create", "unused", "--ipv6");
		await host.ok("volume", "create", "named");
		await host.ok("build", "-q", "-t", "made", "-", {
			stdin: `FROM ${IMAGE}\nRUN --mount=type=cache,target=/c date > /c/x`,
		});
		await host.ok(
			"run",
			"-d",
			"--name",
			"runs",
			"--network",
			"used",
			"-p",
			"8080:80",
			"-v",
			"/data",
			IMAGE,
			"sleep",
			"1000",
		);
		await host.ok("run", "--name", "ended", "--network", "unused", "-p", "8081:80", "-v", "/data", IMAGE, "true");
		const said = await host.ok("system", "prune", "-f");
		for (const words of ["Deleted Containers:", "Deleted Networks:\nunused\n", "Deleted build cache objects:"]) {
			expect(said).toContain(words);
		}
		expect(await host.ok("volume", "ls", "-q")).toContain("named");
		expect(await host.ok("images", "-q", "made")).not.toBe("");
		expect(await host.ok("exec", "runs", "echo", "still")).toBe("still");
		await host.ok("rm", "-f", "runs");
		await host.ok("system", "prune", "-af", "--volumes");
		await host.ok("volume", "rm", "named");
		expect([
			await host.ok("ps", "-aq"),
			await host.ok("images", "-aq"),
			await host.ok("network", "ls", "-q", "-f", "type=custom"),
			await host.ok("volume", "ls", "-q"),
		]).toEqual(["", "", "", ""]);
		for (const dir of ["blobs/sha256", "layers", "containers", "volumes", "build/mounts"]) {
			const path = `${host.root}/${dir}`;
			expect([dir, existsSync(path) ? readdirSync(path).filter((name) => !name.startsWith(".")) : []]).toEqual([
				dir,
				[],
			]);
		}
		expect((await links()).filter((name) => /^(br-|veth)/.test(name))).toEqual([]);
		expect(Bun.spawnSync(["nft", "list", "ruleset"]).stdout.toString()).not.toContain("br-");
		expect(await settled(() => host.leftovers())).toEqual([]);
	});
});
