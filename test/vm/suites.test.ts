import { expect, test } from "bun:test";
import { file } from "./cpio.ts";
import { busybox, diskModules, machine, newDisk } from "./guest.ts";
import { guestDisk } from "./guest-disk.ts";

const disk = guestDisk();

/** A machine on which `boot`, started by hand, has done its part; then suites of end-to-end tests are run. */
const script = (suites: readonly string[]) =>
	[
		"/busybox mkdir -p /proc /dev /guest; /busybox mount -t proc p /proc; /busybox mount -t devtmpfs d /dev",
		...diskModules().map((path) => `/busybox insmod /${path}`),
		"/busybox mount -t ext4 /dev/vda /guest; /busybox mkdir -p /guest/lib; /busybox cp -r /lib/modules /guest/lib; cd /guest",
		"/busybox mount -t proc p proc; /busybox mount -t devtmpfs d dev",
		"export PATH=/bin HOME=/root NO_COLOR=1 NC_STREAM_MB=8",
		"/busybox chroot /guest /suite/NanoContainer boot & boot=$!",
		"while ! /busybox test -e /guest/run/nanocontainer/containers; do /busybox sleep 0.2; done",
		`cd /guest; /busybox chroot /guest sh -c 'cd /suite; for suite in ${suites.join(" ")}; do`,
		'	unshare --net --mount --propagation private bun test ./test/$suite.test.ts --timeout 120000 2>&1; echo "$suite: $?"; done\'',
		"kill $boot; wait $boot; /busybox poweroff -f",
	].join("\n");

async function runSuites(suites: readonly string[], timeoutMs: number): Promise<void> {
	const vm = machine({
		memory: 1500,
		init: "busybox",
		program: undefined,
		files: [busybox(), file("script", script(suites))],
		disks: [disk, newDisk("share.disk", 128)],
		modules: { further: ["binfmt_misc", "ipvlan", "quota_v2", "nfsd", "nfsv4"] },
		parameters: ["rdinit=/busybox", "ip=none", "--", "sh", "/script"],
	});
	await vm.ended(timeoutMs);
	const output = vm.output().replaceAll("\r", "");
	process.stdout.write(output);
	const passed = suites.filter((suite) => output.includes(`\n${suite}: 0\n`));
	expect(passed).toEqual([...suites]);
}

test("resources, on cgroup v2 alone; programs of another architecture; ipvlan; shares of a disk; NFS", async () => {
	await runSuites(
		["vm/guest/resources-v2", "vm/guest/foreign", "vm/guest/ipvlan", "vm/guest/quota", "vm/guest/nfs"],
		600_000,
	);
}, 620_000);

const CORE = [
	...["run", "lifecycle", "exec-logs", "resources", "network", "ipv6"],
	...["streams", "terminal", "hostile-image", "hostile-archive"],
].map((name) => `e2e/${name}`);

test("the core of the end-to-end tests, on cgroup v2 alone", () => runSuites(CORE, 700_000), 720_000);
