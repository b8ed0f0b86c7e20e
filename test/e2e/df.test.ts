/** `system df`: what du(1) says. */
import { afterAll, expect, test } from "bun:test";
import { Host, IMAGE } from "../fixture.ts";
import { runOk } from "../outside.ts";

const host = new Host();
afterAll(() => host.close());
const raw = async () => {
	const lines = (await host.ok("system", "df", "--format", "json")).split("\n").map((line) => JSON.parse(line));
	return Object.fromEntries(lines.map(({ Type, ...rest }) => [Type, rest]));
};
/** "1.98MB" → bytes, as exact as it is shown. */
const bytes = (text: string) => {
	const [, number = "", unit = ""] = /^([\d.]+)(\w+)/.exec(text) ?? [];
	return Number(number) * ({ B: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? Number.NaN);
};
const du = (...places: string[]) =>
	Number(runOk(`cd ${host.root}; du -scB1 ${places.join(" ")} 2>/dev/null | tail -1 | cut -f1`));
const near = (shown: string, exact: number) =>
	expect(Math.abs(bytes(shown) - exact)).toBeLessThanOrEqual(exact * 0.006 + 10);

test("nothing yet", async () => {
	expect(await host.ok("system", "df")).toMatch(
		/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +0 +0 +0B +0B\nContainers +0 +0 +0B +0B\nLocal Volumes +0 +0 +0B +0B\nBuild Cache +0 +0 +0B +0B$/,
	);
});

test("images, containers, volumes and the build cache, each once; what nobody uses could be had back", async () => {
	await host.ok("build", "-q", "-t", "one", "-", {
		stdin: `FROM ${IMAGE}\nRUN head -c 3000000 /dev/urandom > /big && ln /big /again`,
	});
	await host.ok("build", "-q", "-t", "two", "-", {
		stdin: "FROM one\nRUN --mount=type=cache,target=/c head -c 100000 /dev/urandom > /small; cp /small /c/",
	});
	await host.ok("build", "-q", "-", { stdin: "FROM one\nRUN head -c 500000 /dev/urandom > /other" });
	await host.ok("image", "prune", "-f");
	await host.ok(
		"run",
		"-d",
		"--name",
		"runs",
		"--network",
		"none",
		"-v",
		"used:/v",
		"one",
		"sh",
		"-c",
		"head -c 200000 /dev/urandom | tee /v/x > /x; exec sleep 1000",
	);
	await host.ok("run", "--name", "ended", "--network", "none", "one", "sh", "-c", "head -c 70000 /dev/urandom > /x");
	await host.ok("volume", "create", "unused");
	await host.ok("exec", "runs", "sync");
	const { Images, Containers, "Local Volumes": Volumes, "Build Cache": Cache } = await raw();
	expect([
		Images.TotalCount,
		Images.Active,
		Containers.TotalCount,
		Containers.Active,
		Volumes.TotalCount,
		Volumes.Active,
	]).toEqual(["3", "1", "2", "1", "2", "1"]);
	near(Containers.Size, du("containers/*"));
	near(Volumes.Size, du("volumes/*"));
	near(Images.Size, du("layers/*", "blobs/sha256/*") - bytes(Cache.Size) + du("build/mounts/*"));
	expect(bytes(Cache.Size)).toBeGreaterThan(600_000);
	expect([
		bytes(Images.Reclaimable) > 100_000,
		bytes(Images.Reclaimable) < 1_500_000,
		/\(\d+%\)$/.test(Images.Reclaimable),
	]).toEqual([true, true, true]);
	expect(bytes(Containers.Reclaimable)).toBeGreaterThan(70_000);
	const all = await host.ok("system", "df", "-v");
	for (const text of [
		"Images space usage:",
		"Containers space usage:",
		"Local Volumes space usage:",
		"Build cache usage: ",
	])
		expect(all).toContain(text);
	expect(all).toMatch(/^used +1 +2\d\dkB$/m);
	expect(all).toMatch(/^two +latest +[0-9a-f]{12} .* 0$/m);
	expect(await host.nc("system", "df", "-v", "--format", "x")).toMatchObject({
		code: 1,
		stderr: "the verbose flag and the format flag cannot be used together\n",
	});
	await host.ok("rm", "-f", "runs", "ended");
	await host.ok("volume", "rm", "used", "unused");
	await host.ok("system", "prune", "-af");
	expect((await raw()).Images).toEqual({ TotalCount: "0", Active: "0", Size: "0B", Reclaimable: "0B" });
});
