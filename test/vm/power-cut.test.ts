/** A machine that loses its power in the middle of pulls and runs, again and again, on the same disk. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { BINARY } from "../fixture.ts";
import { pushImage, type Registry, startRegistry, tarOf } from "../registry.ts";
import { directory, file } from "./cpio.ts";
import { IMAGE, machine, newDisk, run, scratch } from "./guest.ts";

const ROUNDS = Number(process.env["NC_POWER_CUTS"] ?? 20);
/** The registry of the host, as the machine sees it. */
const GUEST_REGISTRY = "10.0.2.100:5000";
let registry: Registry;

beforeAll(async () => {
	Bun.spawnSync(["ip", "link", "set", "lo", "up"]);
	registry = await startRegistry(`${scratch}/registry`, 5000);
});
afterAll(() => registry[Symbol.asyncDispose]());

const random = (bytes: number): Uint8Array => {
	const data = new Uint8Array(bytes);
	for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, Math.min(at + 65536, bytes)));
	return data;
};

const base = tarOf([{ path: "busybox", mode: 0o755, data: readFileSync("/bin/busybox") }]);

/** An image that was never there before: two layers of many files above one that all have. */
async function newImage(name: string): Promise<void> {
	const files = (dir: string) => Array.from({ length: 60 }, (_, i) => ({ path: `${dir}/${i}`, data: random(4000) }));
	await pushImage(registry.host, name, [base, tarOf(files("data")), tarOf(files("more"))]);
}

/** Runs the program on the disk's store, in a mount namespace that goes with it. */
async function onHost(disk: string, ...words: string[]): Promise<{ code: number; output: string }> {
	const mounted = `${scratch}/mounted`;
	mkdirSync(mounted, { recursive: true });
	// A run directory that is new each time: as after a boot.
	const command = `mount -o loop ${disk} ${mounted} && ${BINARY} --root ${mounted} --run ${scratch}/run-${crypto.randomUUID()} ${words.join(" ")}`;
	const child = Bun.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", `${command} 2>&1`], {
		stdout: "pipe",
	});
	return { output: await new Response(child.stdout).text(), code: await child.exited };
}

test(
	`${ROUNDS} power cuts in the middle of pulls and runs: nothing that is on record is damaged`,
	async () => {
		const disk = newDisk("state.disk", 1500);
		let images = 0;
		for (let round = 0; round < ROUNDS; round++) {
			const names = [`first-${round}`, `second-${round}`];
			for (const name of names) await newImage(name);
			const vm = machine({
				disks: [disk],
				files: [
					...[directory("etc"), directory("etc/nanocontainer")],
					file("etc/nanocontainer/config.json", JSON.stringify({ "insecure-registries": [GUEST_REGISTRY] })),
				],
				parameters: [
					...["nanocontainer.disk=/dev/vda", "nanocontainer.when-ended=restart"],
					...names.map((name) => run(`--network none ${GUEST_REGISTRY}/${name} /busybox true`)),
					run(`--network none ${IMAGE} sh -c 'head -c 3000000 /dev/zero > /x'`),
				],
				network: `user,restrict=on,guestfwd=tcp:${GUEST_REGISTRY}-cmd:busybox nc ${registry.host.replace(":", " ")}`,
			});
			await vm.says("NanoContainer: ");
			await Bun.sleep(Number(process.env["NC_CUT_MS"] ?? 700 + Math.random() * 6000)); // any moment will do
			if (process.env["NC_SHOW"]) process.stdout.write(vm.output());
			await vm.cut();
			const { code, output } = await onHost(disk, "system", "check");
			expect({ round, code, output }).toEqual({ round, code: 0, output: expect.stringContaining("No problem: ") });
			images = Number(/(\d+) images/.exec(output)?.[1]);
		}
		process.stdout.write(`   ${images} images came through\n`);
		expect(images).toBeGreaterThan(0);
		expect((await onHost(disk, "run", "--rm", "--network", "none", IMAGE, "echo", "alive")).output).toContain("alive");
	},
	ROUNDS * 20_000,
);
