import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Host, IMAGE as LOCAL_IMAGE, readText, until } from "../fixture.ts";
import { directory, file } from "./cpio.ts";
import { busybox, diskModules, IMAGE, machine, newDisk, rootDisk, run, scratch } from "./guest.ts";
import { qmp } from "./qmp.ts";

const bootFile = (document: object) => [
	directory("etc"),
	directory("etc/nanocontainer"),
	file("etc/nanocontainer/boot.json", JSON.stringify(document)),
];

test("the file alone: no libc, no tool, the first process of a machine", async () => {
	const vm = machine({ parameters: [run(`${IMAGE} sh -c 'echo $((6 * 7)); ip addr show eth0'`)] });
	await vm.says("eth0 is 10.0.2.15/24 (DHCP, 86400 s)");
	await vm.says("42");
	await vm.says(/inet 172\.\d+\.0\.2\/16/);
	await vm.says(/container \w+ ended \(exit code 0\)/);
	expect(vm.output()).not.toContain("cannot");
});

test("a shell has the console, comes back when it is left, and poweroff -f in it ends the machine", async () => {
	const vm = machine({ parameters: ["nanocontainer.console"] });
	await vm.says("/ # ");
	vm.type("echo pid $$; stty size; exit\n");
	await vm.says("pid 1\r\n");
	await vm.says("24 80");
	await vm.says(/exit[\s\S]*built-in shell/);
	vm.type("poweroff -f\n");
	await vm.says("poweroff: stopping containers");
	await vm.ended();
	expect(vm.output()).not.toContain("panic");
});

test("the power button and Ctrl-Alt-Del stop the containers first", async () => {
	const socket = `${scratch}/qmp`;
	for (const [press, ending] of [
		['{"execute": "system_powerdown"}', "poweroff"],
		['{"execute": "human-monitor-command", "arguments": {"command-line": "sendkey ctrl-alt-delete"}}', "reboot"],
	] as const) {
		const vm = machine({
			parameters: [run(`--init --name web ${IMAGE} sleep 1000`)],
			qemu: ["-qmp", `unix:${socket},server,nowait`],
		});
		await vm.says("1 of 1 containers run");
		await qmp(socket, press);
		await vm.says(new RegExp(`${ending}: stopping containers\\s+.*stopping web`));
		await vm.ended();
	}
});

test("by its own name, with words that are not for it; asked again, it kills what does not stop", async () => {
	const socket = `${scratch}/qmp-deaf`;
	const deaf = "trap : TERM; echo deaf; while :; do sleep 1; done";
	const vm = machine({
		parameters: ["rdinit=/NanoContainer", "splash", run(`--stop-timeout -1 --name deaf ${IMAGE} sh -c '${deaf}'`)],
		qemu: ["-qmp", `unix:${socket},server,nowait`],
	});
	await vm.says("1 of 1 containers run");
	await vm.says("deaf\r\n");
	await qmp(socket, '{"execute": "system_powerdown"}');
	await vm.says("stopping deaf");
	await qmp(socket, '{"execute": "system_powerdown"}');
	await vm.says("killing containers");
	await vm.ended();
});

test("a processor without a random generator; words that are for nobody, or for another program", async () => {
	const vm = machine({
		parameters: ["rdinit=/NanoContainer", "images", run(`${IMAGE} echo up`), "--", "boot", "-x", "--help", "junk"],
		qemu: ["-cpu", "Nehalem"],
	});
	await vm.says("up\r\n");
	await vm.says("1 of 1 containers run");
});

test("a console that is a module's is there once the module is", async () => {
	const path = `${scratch}/hvc`;
	const chardev = ["-chardev", `file,id=hvc,path=${path}`, "-device", "virtconsole,chardev=hvc"];
	machine({
		console: "hvc0",
		parameters: [run(`${IMAGE} echo seen`)],
		qemu: ["-device", "virtio-serial-pci", ...chardev],
	});
	await until(() => readText(path).includes("seen"), "the container's line on hvc0", 60_000);
	expect(readText(path)).toContain("on Linux "); // what was said before there was a console
});

/** A disk on which no store can be. */
const spoiledDisk = (name: string, spoil: (dir: string) => void): string => {
	mkdirSync(`${scratch}/${name}.files`);
	spoil(`${scratch}/${name}.files`);
	return newDisk(name, 16, `${scratch}/${name}.files`);
};

test("a shell, if asked, whatever is wrong: its image, the disk; and no machine that starts again and again", async () => {
	const damaged = spoiledDisk("damaged", (dir) => writeFileSync(`${dir}/state.db`, "not a database".repeat(1000)));
	const full = spoiledDisk("full", (dir) => writeFileSync(`${dir}/filler`, randomBytes(11_800_000)));
	for (const [parameters, disk, says] of [
		[['nanocontainer.console="no.such.registry.invalid/image sh"'], undefined, "the console's container: "],
		[["nanocontainer.console=--help"], undefined, "--help is for people"],
		[["nanocontainer.console"], damaged, "cannot be used: "],
		[["nanocontainer.console"], full, "no space left on device"],
	] as const) {
		const vm = machine({
			parameters: [
				...parameters,
				...(disk ? ["nanocontainer.disk=/dev/vda"] : []),
				...["ip=off", "nanocontainer.when-ended=reboot", run(`--memroy 3m ${IMAGE} true`)],
			],
			disks: disk ? [disk] : [],
		});
		await vm.says(says);
		await vm.says("unknown flag: --memroy");
		await vm.says("/ # ");
		vm.type("poweroff -f\n");
		await vm.says("poweroff: stopping containers");
		await vm.ended();
	}
});

test("boot.json: archives beside it, restarts, an end that ends the machine, stopped in order", async () => {
	const host = new Host();
	await Bun.write(`${host.dir}/context/Dockerfile`, `FROM ${LOCAL_IMAGE}\nCMD echo from the archive\n`);
	await host.ok("build", "-q", "-o", `type=docker,dest=${scratch}/app.tar`, "-t", "app:1", `${host.dir}/context`);
	await host.close();
	const document = {
		hostname: "box",
		network: { address: "10.0.2.77/24", gateway: "10.0.2.2", dns: ["10.0.2.3"] },
		images: ["app.tar"],
		containers: [
			{ run: "--name first app:1", whenEnded: "restart" },
			{ run: ["-d", "--name", "quiet", IMAGE, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"] },
			{ run: ["--network", "none", IMAGE, "sh", "-c", "hostname; sleep 4; exit 3"], whenEnded: "poweroff" },
		],
	};
	const vm = machine({
		files: [...bootFile(document), file("etc/nanocontainer/app.tar", readFileSync(`${scratch}/app.tar`))],
	});
	await vm.says("eth0 is 10.0.2.77/24 via 10.0.2.2");
	await vm.says(/from the archive[\s\S]*container first ended \(exit code 0\)[\s\S]*from the archive/);
	await vm.says("ended (exit code 3)");
	await vm.says(/poweroff: stopping containers[\s\S]*stopping quiet/);
	await vm.ended();
});

test("mistakes are told, and the machine boots", async () => {
	const vm = machine({
		parameters: [
			...[run("no.such.registry.invalid/image"), run(`--memroy 3m ${IMAGE}`), run(`-it ${IMAGE}`), run("'")],
			...["splash", "3", "-x", `nanocontainer.hostname=${"long".repeat(20)}`],
			...["nanocontainer.consloe", "nanocontainer.disk=/dev/vdz", "nanocontainer.console", "ip=:::::eth7:dhcp"],
		],
		files: bootFile({
			containers: [{ run: [] }, { run: `--name good ${IMAGE} sh -c 'echo good; sleep 1000'` }],
			colour: "red",
		}),
	});
	await vm.says("boot.json: colour: there is no such setting");
	await vm.says("boot.json: containers.0.run: ");
	await vm.says("nanocontainer.consloe: there is no such setting");
	await vm.says("nanocontainer.run=': a quotation mark (') is not closed");
	await vm.says("there is no network interface eth7");
	await vm.says("going on without the disk: cannot mount /dev/vdz: no such file or directory");
	await vm.says("the machine's name: ");
	await vm.says("unknown flag: --memroy");
	await vm.says('-i and -t are for the console (nanocontainer.console, "console")');
	await vm.says("no.such.registry.invalid/image: ");
	await vm.says("good");
	await vm.says("/ # ");
});

test("compressed modules; a clock that says 1970", async () => {
	for (const compression of ["xz", "zst", "gz"] as const) {
		const vm = machine({
			modules: { compression },
			parameters: [run(`${IMAGE} date +%Y`), "nanocontainer.when-ended=poweroff"],
			qemu: ["-rtc", "base=1970-01-02T00:00:00"],
		});
		await vm.says(/the clock said 1970-01-02; it is set to 20\d\d-\d\d-\d\d/);
		await vm.says("eth0 is 10.0.2.15/24");
		await vm.says(/^20\d\d\s*$/m);
		await vm.ended();
		expect(vm.output()).not.toContain("module ");
	}
});

test("a processor from before 2009: a sentence, before anything could crash", async () => {
	const vm = machine({ qemu: ["-cpu", "core2duo"] });
	await vm.says("NanoContainer: a processor with SSE4.2 and POPCNT (x86-64-v2) is needed; this one is older");
});

test("by hand, on a machine that is up: it mounts what is missing, and ends with SIGTERM", async () => {
	const script = [
		"/busybox mkdir -p /proc /sys /tmp; /busybox mount -t proc p /proc; /busybox mount -t devtmpfs d /dev",
		"/busybox mount -t tmpfs t /tmp; /busybox mkdir /tmp/root; /busybox mount --bind / /tmp/root",
		"cd /tmp/root; /busybox mount -t proc p /tmp/root/proc; /busybox mount -t devtmpfs d /tmp/root/dev",
		"/busybox chroot /tmp/root /NanoContainer boot & boot=$!",
		"/busybox sleep 6; echo killing; kill $boot; wait $boot; echo ended with $?; /busybox poweroff -f",
	].join("\n");
	const vm = machine({
		init: "busybox",
		files: [busybox(), file("script", script)],
		parameters: ["rdinit=/busybox", run(`--name web ${IMAGE} sleep 1000`), "--", "sh", "/script"],
	});
	await vm.says("killing");
	await vm.says(/stopping containers\r\r?\n.*stopping web/);
	await vm.says("ended with 0");
	await vm.ended();
});

test("cgroup v1 alone: its devices controller lets a container open docker's list, and what is asked for", async () => {
	const nc = (words: string) => `/busybox chroot /tmp/root /NanoContainer run --rm --network none ${words}`;
	const peek =
		"sh -c 'mknod /d c 1 1; head -c 1 /dev/zero >/dev/null && echo zero; head -c 1 /d >/dev/null && echo memory'";
	const script = [
		"/busybox mkdir -p /proc /dev /tmp; /busybox mount -t proc p /proc; /busybox mount -t devtmpfs d /dev",
		"/busybox mount -t tmpfs t /tmp; /busybox mkdir /tmp/root; /busybox mount --bind / /tmp/root; cd /tmp/root",
		"/busybox mkdir sys; /busybox mount -t proc p proc; /busybox mount -t devtmpfs d dev; /busybox mount -t sysfs s sys",
		"/busybox mount -t tmpfs c sys/fs/cgroup; /busybox mkdir sys/fs/cgroup/devices",
		"/busybox mount -t cgroup -o devices c sys/fs/cgroup/devices",
		"/busybox chroot /tmp/root /NanoContainer boot & /busybox sleep 4",
		`echo default: $(${nc(`--cap-add SYS_RAWIO ${IMAGE} ${peek}`)} 2>&1)`,
		`echo asked: $(${nc(`--device-cgroup-rule 'c 1:1 r' --cap-add SYS_RAWIO ${IMAGE} ${peek}`)} 2>&1)`,
		"/busybox poweroff -f",
	].join("\n");
	const vm = machine({
		init: "busybox",
		files: [busybox(), file("script", script)],
		parameters: ["rdinit=/busybox", "ip=off", "--", "sh", "/script"],
	});
	await vm.ended();
	expect(vm.output()).toMatch(/default: zero head: \/d: Operation not permitted/);
	expect(vm.output()).toMatch(/asked: zero memory/);
});

test("without nf_tables: the sentence, and what works without it", async () => {
	const vm = machine({
		modules: { without: ["nf_tables", "nf_nat", "nft_chain_nat", "nft_masq", "nft_ct"] },
		parameters: [
			run(`-d --name web -p 8080:80 ${IMAGE} httpd -f -p 80 -h /etc`),
			run(
				`${IMAGE} sh -c 'until wget -qO- http://172.17.0.2/hostname >/dev/null; do sleep 0.2; done; echo neighbours: yes'`,
			),
			run(`--network host ${IMAGE} sh -c 'wget -qO- http://127.0.0.1:8080/hostname >/dev/null && echo published: yes'`),
		],
	});
	await vm.says(
		/cannot do nf_tables with NAT.*reach each other and this host, but not the outside; published ports go through a proxy/,
	);
	await vm.says("neighbours: yes");
	await vm.says("published: yes");
});

test("without overlay: the sentence", async () => {
	const vm = machine({ modules: { without: ["overlay"] }, parameters: [run(`${IMAGE} true`)] });
	await vm.says(/This kernel \([^)]+\) has no overlay file system \(module overlay\): containers cannot be started/);
});

/** An initramfs holds its files in memory; with the root on a disk, what is not used need not be there. */
const FROM_DISK = [
	"/busybox mkdir -p /proc /dev /new; /busybox mount -t proc p /proc; /busybox mount -t devtmpfs d /dev",
	...diskModules().map((path) => `/busybox insmod /${path}`),
	"/busybox mount -t ext4 /dev/vda /new; /busybox umount /proc; exec /busybox switch_root /new /init",
].join("\n");

test("256 MB of memory, three containers, the root on a disk", async () => {
	const idle = (name: string) => run(`-d --name ${name} ${IMAGE} sleep 1000`);
	const vm = machine({
		memory: 256,
		program: undefined,
		init: "busybox",
		files: [busybox(), file("script", FROM_DISK)],
		disks: [rootDisk("root")],
		parameters: [
			...["rdinit=/busybox", idle("a"), idle("b"), idle("c")],
			...[run(`--name last ${IMAGE} sh -c 'sleep 3; grep AnonPages /proc/meminfo'`), "--", "sh", "/script"],
		],
	});
	const [, kilobytes] = /AnonPages: +(\d+) kB/.exec(await vm.says(/AnonPages: +\d+ kB/)) ?? [];
	process.stdout.write(`   anonymous memory with four containers: ${kilobytes} kB\n`);
	expect(Number(kilobytes)).toBeLessThan(40_000);
	await vm.says("container last ended (exit code 0)");
	expect(vm.output()).not.toContain("Out of memory");
});
