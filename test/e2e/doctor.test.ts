/** `system doctor`: what the host has is told as it is, and what it lacks with the way to get it. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { Host } from "../fixture.ts";
import { run, runOk } from "../outside.ts";

const host = new Host();
afterAll(() => host.close());
const doctor = () => host.nc("system", "doctor");

test("of a host on which containers run", async () => {
	const { code, stdout } = await doctor();
	expect(code).toBe(0);
	for (const line of [
		/^ok +Linux +\d/m,
		/^ok +namespaces +pid, uts, ipc, mnt, net$/m,
		/^ok +overlay +state in /m,
		/^ok +cgroups +version [12]$/m,
		/^ok +nf_tables /m,
		/^missing +way out +.*\n +→ ip route add default via ADDRESS$/m,
	]) {
		expect(stdout).toMatch(line);
	}
	const found = JSON.parse(await host.ok("system", "doctor", "--json"));
	expect(found.find((one: { what: string }) => one.what === "overlay")).toMatchObject({ isThere: true, advice: "" });
});

test("other firewalls that drop", async () => {
	runOk(
		"nft add table ip other; nft 'add chain ip other FORWARD { type filter hook forward priority 0; policy drop; }'",
	);
	expect((await doctor()).stdout).toMatch(/^ok +other firewalls +ip other FORWARD: our rules go before theirs$/m);
	runOk("nft delete table ip other");
});

test("of one on which none can: what is missing, and exit code 1, as containers find it", async () => {
	writeFileSync(`${host.dir}/filesystems`, "nodev\tproc\n\text4\n");
	runOk(`mount --bind ${host.dir}/filesystems /proc/filesystems`);
	try {
		const { code, stdout } = await doctor();
		expect([code, stdout]).toEqual([
			1,
			expect.stringMatching(
				/^FATAL +overlay +containers cannot be started; pull and images work\n +→ modprobe overlay \(CONFIG_OVERLAY_FS\)$/m,
			),
		]);
	} finally {
		run("umount /proc/filesystems");
	}
	expect((await host.sh("true")).code).toBe(0);
});
