/** Images of another architecture, where the kernel knows who runs them (binfmt_misc). Runs in a machine (suites.test.ts). */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { Host } from "../../fixture.ts";

const host = new Host();
afterAll(() => host.close());
const FOREIGN = `${import.meta.dir}/../../../foreign`;

/** The first bytes of an ELF file for arm64, and which of them count (the kernel's binfmt-misc.rst). */
const MAGIC = "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00";
const MASK = "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff";

test("an arm64 image is built and run, once there is somebody to run it", async () => {
	const context = `${host.dir}/context`;
	mkdirSync(context);
	cpSync(`${FOREIGN}/busybox`, `${context}/busybox`);
	const run = 'RUN ["/busybox", "sh", "-c", "/busybox uname -m > /machine"]';
	writeFileSync(
		`${context}/Dockerfile`,
		`FROM scratch\nCOPY busybox /busybox\n${run}\nCMD ["/busybox", "cat", "/machine"]\n`,
	);
	const build = ["build", "--platform", "linux/arm64", "-t", "foreign", context];
	const alone = await host.nc(...build);
	expect([alone.code, alone.stderr.includes("exec format error")]).toEqual([1, true]);

	const insmod = "insmod $(find /lib/modules -name binfmt_misc.ko) && mount -t binfmt_misc b /proc/sys/fs/binfmt_misc";
	expect(Bun.spawnSync(["busybox", "sh", "-c", insmod]).exitCode).toBe(0);
	// F: the interpreter is opened now, so it need not be in the container.
	writeFileSync("/proc/sys/fs/binfmt_misc/register", `:arm64:M::${MAGIC}:${MASK}:${FOREIGN}/qemu:F`);
	await host.ok(...build);
	expect(await host.ok("inspect", "-f", "{{.Architecture}}", "foreign")).toBe("arm64");
	const ran = await host.nc("run", "--rm", "--network", "none", "foreign");
	expect([ran.code, ran.stdout]).toEqual([0, "aarch64\n"]);
	expect(ran.stderr).toContain("does not match the detected host platform (linux/amd64)");
	expect((await host.nc("run", "--rm", "--network", "none", "--platform", "linux/arm64", "foreign")).stderr).toBe("");
});
