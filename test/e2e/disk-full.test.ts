/** A small tmpfs as the state directory: failures are told, and the store stays usable. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp } from "../fixture.ts";
import { isFreedWithTheTool } from "../full-disk.ts";
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
	expect(stderr).toContain(`no space left on device: ${host.root} is full`);
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

/** A host of its own whose root directory is a small file system of some kind. */
async function smallHost(mount: (dir: string) => void): Promise<Host> {
	const small = new Host();
	mkdirSync(small.root);
	mount(small.root);
	return small;
}

function ext4(reserved: string) {
	return (dir: string) => {
		const image = `${host.dir}/ext4-${reserved}`;
		writeFileSync(image, "");
		truncateSync(image, 40 << 20);
		for (const command of [
			["mkfs.ext4", "-q", "-F", "-m", reserved, image],
			["mount", "-o", "loop", image, dir],
		]) {
			const { success, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
			if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
		}
	};
}
const tmpfs = (dir: string) => {
	Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", dir]);
};

for (const [name, mount] of [
	["a tmpfs of 16 MB", tmpfs],
	["an ext4 with reserved blocks", ext4("5")],
	["an ext4 without", ext4("0")],
] as const) {
	test(`${name} that is full is freed with the tool, also while a container takes what becomes free`, async () => {
		const small = await smallHost(mount);
		await isFreedWithTheTool(small);
		Bun.spawnSync(["umount", small.root]);
		await small.close();
	}, 60_000);
}
