/** Shares of a disk that are used up: quotas of users and of projects. Runs in a machine (suites.test.ts). */

import { dlopen } from "bun:ffi";
import { beforeAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { BINARY, Host } from "../../fixture.ts";
import { isFreedWithTheTool } from "../../full-disk.ts";

const { symbols: libc } = dlopen("libc.so.6", {
	quotactl: { args: ["int", "ptr", "int", "ptr"], returns: "int" },
	ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
});
const DISK = "/dev/vdb";
const SHARE_KB = 40 << 10;
const PROJECT = 7;
/** quotactl(2): who a share is of. */
const KINDS = { user: 0, project: 2 } as const;

/** CAP_SYS_RESOURCE is above quotas, so nobody here has it. */
const CONFINED = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"];

class ConfinedHost extends Host {
	override command(...args: string[]): string[] {
		return [...CONFINED, BINARY, "--root", this.root, "--run", this.run, ...args];
	}
}

function must(...command: string[]): void {
	const { success, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
}

/** Q_SETQUOTA with a struct if_dqblk of which the limits are valid; blocks are of 1 kB. */
function limit(kind: keyof typeof KINDS, id: number): void {
	const block = new BigUint64Array(9);
	block.set([BigInt(SHARE_KB), BigInt(SHARE_KB)]);
	new DataView(block.buffer).setUint32(64, 1, true); // QIF_BLIMITS
	const command = (0x800008 << 8) | KINDS[kind];
	if (libc.quotactl(command, Buffer.from(`${DISK}\0`), id, block) !== 0) throw new Error(`quotactl: ${kind}`);
}

/** FS_IOC_FSSETXATTR: what is made below a directory belongs to its project. */
function ofProject(path: string, project: number): void {
	const attributes = new Uint32Array([0x200, 0, 0, project, 0, 0, 0]);
	const fd = openSync(path, "r");
	if (libc.ioctl(fd, 0x401c5820, attributes) !== 0) throw new Error("FS_IOC_FSSETXATTR");
	closeSync(fd);
}

beforeAll(() => {
	for (const name of ["quota_tree", "quota_v2"]) must("sh", "-c", `insmod $(find /lib/modules -name ${name}.ko)`);
});

// The database keeps another journal where blocks are smaller than pages.
for (const [kind, block] of [
	["user", 1024],
	["project", 4096],
] as const) {
	test(`the share of a ${kind} that is used up is freed with the tool, in blocks of ${block}`, async () => {
		const share = { user: "usr", project: "prj" }[kind];
		must("mkfs.ext4", "-q", "-F", "-b", `${block}`, "-O", "quota,project", "-E", "quotatype=usrquota:prjquota", DISK);
		const host = new ConfinedHost();
		mkdirSync(host.root);
		must("mount", "-t", "ext4", "-o", `${share}quota`, DISK, host.root);
		if (kind === "project") ofProject(host.root, PROJECT);
		limit(kind, kind === "user" ? 0 : PROJECT);
		await isFreedWithTheTool(host, CONFINED);
		expect(readdirSync(`${host.root}/containers`)).toEqual([]);
		must("umount", host.root);
		await host.close();
	}, 120_000);
}
