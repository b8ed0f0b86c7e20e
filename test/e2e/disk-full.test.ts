/** A small tmpfs as the state directory: failures are told, and the store stays usable. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp } from "../fixture.ts";
import { pushImage, type Registry, startRegistry, tarOf } from "../registry.ts";

loopbackUp();
const host = new Host();
let registry: Registry;
beforeAll(async () => {
	mkdirSync(host.root);
	Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", host.root]);
	registry = await startRegistry(`${host.dir}/registry`, 5000);
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	for (const id of (await host.ok("ps", "-aq")).split("\n").filter(Boolean)) await host.nc("rm", "-f", id);
	Bun.spawnSync(["umount", host.root]);
	await host.close();
});

test("pull of a layer that does not fit fails with the reason, and leaves nothing of it", async () => {
	await pushImage(registry.host, "fat", [tarOf([{ path: "fat", data: new Uint8Array(64 << 20) }])]);
	const { code, stderr } = await host.nc("pull", `${registry.host}/fat`);
	expect(code).toBe(1);
	expect(stderr).toContain("no space left on device");
	expect(readdirSync(`${host.root}/layers`)).toEqual([]);
	expect(readdirSync(`${host.root}/staging`).filter((entry) => entry.startsWith("layer-"))).toEqual([]);
	expect((await host.nc("run", "--rm", "--network", "none", IMAGE, "echo", "usable")).stdout).toBe("usable\n");
});
test("run on a full disk fails with the reason, and works again when there is room", async () => {
	try {
		writeFileSync(`${host.root}/filler`, new Uint8Array(64 << 20));
	} catch {
		// full now, as it should be
	}
	const { code, stderr } = await host.nc("run", "--rm", "--network", "none", IMAGE, "true");
	expect(code).toBeGreaterThan(0);
	expect(stderr).toMatch(/no space left on device|disk is full/i);
	rmSync(`${host.root}/filler`);
	expect((await host.nc("run", "--rm", "--network", "none", IMAGE, "echo", "again")).stdout).toBe("again\n");
});
