/** Volumes that are file systems of their own; and a volume's files as a whole: exported, imported, copied, renamed. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { BINARY, Host, IMAGE, settled } from "../fixture.ts";
import { run, runOk } from "../outside.ts";

const host = new Host();
const place = (name: string) => `${host.root}/volumes/${name}/_data`;
const none = ["--network", "none"];
afterAll(async () => {
	await host.close();
});

/** Mounts below the root directory of the host. */
const mounted = () =>
	readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.flatMap((line) => line.split(" ")[4] ?? [])
		.filter((path) => path.startsWith(`${host.root}/volumes`));

describe("a volume of type", () => {
	test("tmpfs is one for all containers that run with it, and gone with the last", async () => {
		await host.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=7,nosuid", "mem");
		expect(mounted()).toEqual([]);
		for (const name of ["aa", "bb"]) {
			await host.ok("run", "-d", "--name", name, ...none, "-v", "mem:/m", IMAGE, "sleep", "1000");
		}
		await host.ok("exec", "aa", "sh", "-c", "echo said > /m/x");
		expect(await host.ok("exec", "bb", "cat", "/m/x")).toBe("said");
		expect(await host.ok("exec", "bb", "sh", "-c", "mount | grep ' /m '; stat -c %u /m")).toMatch(
			/tmpfs on \/m type tmpfs \(rw,nosuid,.*size=1024k,uid=7\)\n7$/,
		);
		expect(mounted()).toEqual([place("mem")]);
		await host.ok("rm", "-f", "aa");
		expect(await host.ok("exec", "bb", "cat", "/m/x")).toBe("said");
		await host.ok("stop", "-t", "0", "bb");
		expect(await settled(async () => mounted())).toEqual([]);
		await host.ok("start", "bb");
		expect(await host.ok("exec", "bb", "ls", "/m")).toBe("");
		await host.ok("rm", "-f", "bb");
		expect(await settled(async () => mounted())).toEqual([]);
		await host.ok("volume", "rm", "mem");
	});

	test("tmpfs is filled from the image, and made by --mount", async () => {
		const mount = 'type=volume,dst=/etc,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=2m"';
		expect((await host.sh("mount | grep ' /etc '; ls /etc/passwd", "--mount", mount)).stdout).toMatch(
			/size=2048k[\s\S]*passwd/,
		);
		expect(await settled(async () => mounted())).toEqual([]);
	});

	test("ext4 on a disk keeps its files, whoever is removed", async () => {
		const image = `${host.dir}/disk`;
		const device = runOk(`truncate -s 8M ${image}; mkfs.ext4 -q ${image}; losetup -f --show ${image}`).trim();
		try {
			await host.ok("volume", "create", "-o", "type=ext4", "-o", `device=${device}`, "-o", "o=noatime", "disk");
			await host.ok("run", "--rm", ...none, "-v", "disk:/d", IMAGE, "sh", "-c", "echo kept > /d/x");
			expect(await settled(async () => mounted())).toEqual([]);
			// While somebody of the host is in it, it is not unmounted, and what is in it is not removed either.
			await host.ok("run", "-d", "--name", "has", ...none, "-v", "disk:/d", IMAGE, "sleep", "1000");
			const inside = Bun.spawn(["sleep", "1000"], { cwd: place("disk") });
			await host.ok("rm", "-f", "has");
			expect((await host.nc("volume", "rm", "disk")).stderr).toContain("is busy: a program of the host is in it");
			inside.kill();
			await inside.exited;
			await host.ok("volume", "rm", "disk");
			expect(mounted()).toEqual([]);
			expect(
				runOk(
					`mkdir ${host.dir}/look; mount ${device} ${host.dir}/look; cat ${host.dir}/look/x; umount ${host.dir}/look`,
				),
			).toBe("kept\n");
		} finally {
			run(`losetup -d ${device}`);
		}
	});

	test("ext4 without a name is not emptied by rm -v, also while somebody of the host is in it", async () => {
		const image = `${host.dir}/disk2`;
		const device = runOk(`truncate -s 8M ${image}; mkfs.ext4 -q ${image}; losetup -f --show ${image}`).trim();
		try {
			const mount = `type=volume,dst=/d,volume-opt=type=ext4,volume-opt=device=${device}`;
			await host.ok(
				"run",
				"-d",
				"--name",
				"has",
				...none,
				"--mount",
				mount,
				IMAGE,
				"sh",
				"-c",
				"echo kept > /d/x; sleep 1000",
			);
			const [place = ""] = mounted();
			const inside = Bun.spawn(["sleep", "1000"], { cwd: place });
			await host.ok("rm", "-f", "-v", "has");
			inside.kill();
			await inside.exited;
			await host.ok("volume", "prune", "-f");
			expect(mounted()).toEqual([]);
			expect(runOk(`mount ${device} ${host.dir}/look; cat ${host.dir}/look/x; umount ${host.dir}/look`)).toBe("kept\n");
		} finally {
			run(`losetup -d ${device}`);
		}
	});

	test("nobody knows is refused with what the kernel says of it", async () => {
		const asked = async (...options: string[]) => {
			await host.ok("volume", "create", ...options.flatMap((option) => ["-o", option]), "odd");
			const { stderr } = await host.sh("true", "-v", "odd:/o");
			await host.ok("volume", "rm", "odd");
			return stderr;
		};
		expect(await asked("type=tmpfs", "device=tmpfs", "o=size=much")).toContain("Bad value for 'size'");
		expect(await asked("type=ext4", "device=/dev/nosuch")).toContain("no such file or directory");
		expect(await asked("type=nosuch", "device=x")).toContain("fsopen nosuch: no such device");
		expect(await asked("type=nfs", "device=:/x", "o=addr=host.invalid")).toContain("lookup host.invalid: no such host");
		expect(await asked("type=nfs", "device=host.invalid:/x")).toContain("lookup host.invalid: no such host");
		expect(mounted()).toEqual([]);
	});
});

/** Everything that a volume's files have, a line each. */
const listing = (directory: string): string =>
	runOk(`cd ${directory}; find . ! -type c -printf '%p %M %U %G %n %Ts %l %s ' -exec sh -c '[ -f "$0" ] && md5sum < "$0" || echo' {} \\; | sort
		getfattr -R -h -d -m 'user|trusted' . | sort`).replace(/^(\. \S+ \d+ \d+ \d+) .*/m, "$1");
const blocks = (directory: string): number => Number(runOk(`du -sk ${directory}`).split("\t")[0]);

function fillWithAll(directory: string): void {
	runOk(`cd ${directory}; truncate -s 50M holes; printf x | dd of=holes bs=1 seek=20000000 conv=notrunc 2>/dev/null
		truncate -s 1M hole; mkdir dir; ln holes dir/link; ln -s nowhere sym; mkfifo fifo; touch .wh.x
		setfattr -n user.key -v value dir; setfattr -n trusted.key -v value hole
		echo long > ${"n".repeat(200)}; touch -d 2001-01-01 dir/old; chown 7:8 dir/old; chmod 4755 dir/old; chown 3:4 .; chmod 2750 .`);
}

describe("a volume's files", () => {
	test("are copied with owners, attributes, links and holes", async () => {
		await host.ok("volume", "create", "one", "--label", "a=b");
		fillWithAll(place("one"));
		expect(await host.ok("volume", "cp", "one", "two")).toBe("two");
		expect(listing(place("two"))).toBe(listing(place("one")));
		expect(blocks(place("two"))).toBeLessThan(200);
		expect(await host.ok("volume", "inspect", "-f", "{{json .Labels}}", "two")).toBe('{"a":"b"}');
		expect((await host.nc("volume", "cp", "one", "two")).stderr).toContain("volume two is not empty");
		expect((await host.nc("volume", "cp", "nosuch", "three")).stderr).toContain("get nosuch: no such volume");
	});

	for (const [reader, extract] of [
		["GNU tar", "tar --xattrs --xattrs-include='*' -xpf"],
		["bsdtar", "bsdtar -xpf"],
	] as const) {
		test(`are exported as an archive that ${reader} reads`, async () => {
			const [archive, directory] = [`${host.dir}/one.tar`, `${host.dir}/extracted`];
			await host.ok("volume", "export", "-o", archive, "one");
			expect(Bun.file(archive).size).toBeLessThan(100_000);
			mkdirSync(directory);
			runOk(`cd ${directory}; ${extract} ${archive}`);
			expect(listing(directory)).toBe(listing(place("one")));
			rmSync(directory, { recursive: true });
		});
	}

	for (const [writer, pack] of [
		["ours", undefined],
		["GNU tar", "tar --xattrs --xattrs-include='*' --sparse -C DIR -czf FILE ."],
		["bsdtar", "bsdtar --xattrs -C DIR -cJf FILE ."],
	] as const) {
		test(`are imported from an archive of ${writer}`, async () => {
			const archive = `${host.dir}/archive`;
			if (pack) runOk(pack.replace("DIR", place("one")).replace("FILE", archive));
			else await host.ok("volume", "export", "one", "-o", archive);
			expect(await host.ok("volume", "import", "back", archive)).toBe("back");
			expect(listing(place("back"))).toBe(listing(place("one")));
			expect(blocks(place("back"))).toBeLessThan(200);
			expect((await host.nc("volume", "import", "back", archive)).stderr).toContain("volume back is not empty");
			await host.ok("volume", "rm", "back");
		});
	}

	test("stay inside, whatever an archive says, and all or none of them come", async () => {
		const made = `import tarfile, io
t = tarfile.open('${host.dir}/evil.tar', 'w')
def add(name, **more):
    e = tarfile.TarInfo(name); [setattr(e, k, v) for k, v in more.items()]; e.size = 4 if e.type == tarfile.REGTYPE else 0
    t.addfile(e, io.BytesIO(b'evil'))
add('up', type=tarfile.SYMTYPE, linkname='/tmp'); add('up/nc-evil'); add('../../nc-evil'); add('/nc-evil'); t.close()`;
		runOk(`python3 -c "${made}"`);
		expect((await host.nc("volume", "import", "evil", `${host.dir}/evil.tar`)).stderr).toContain(
			'Cannot extract "up/nc-evil"',
		);
		expect([existsSync("/tmp/nc-evil"), existsSync("/nc-evil"), existsSync(`${host.root}/nc-evil`)]).toEqual([
			false,
			false,
			false,
		]);
		await host.ok("volume", "export", "one", "-o", `${host.dir}/whole`);
		runOk(`head -c 5000 ${host.dir}/whole > ${host.dir}/cut`);
		expect((await host.nc("volume", "import", "partly", `${host.dir}/cut`)).code).toBe(1);
		expect(existsSync(place("partly"))).toBe(false);
		expect(await host.ok("volume", "ls", "-q", "-f", "name=partly")).toBe("");
		expect((await host.nc("volume", "import", "partly", "-", { stdin: "" })).stderr).toContain(
			"there is nothing to import: no archive came",
		);
		expect((await host.nc("volume", "import", "partly", `${host.dir}/nosuch`)).stderr).toContain(
			`open ${host.dir}/nosuch: no such file or directory`,
		);
	});

	test("of a tmpfs that no container has are exported and copied too", async () => {
		await host.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "mem");
		const { stdout } = await host.nc("volume", "export", "mem");
		expect(stdout.length).toBeGreaterThan(1000);
		await host.ok("volume", "cp", "mem", "copy");
		expect(readdirSync(place("copy"))).toEqual([]);
		expect(mounted()).toEqual([]);
		await host.ok("volume", "rm", "mem", "copy");
	});

	test("are on a disk of their own: imported and copied there too, and not renamed away from it", async () => {
		const other = new Host();
		mkdirSync(`${other.root}/volumes`, { recursive: true });
		runOk(`mount -t tmpfs t ${other.root}/volumes`);
		await host.ok("volume", "export", "one", "-o", `${host.dir}/whole`);
		await other.ok("volume", "import", "here", `${host.dir}/whole`);
		await other.ok("volume", "cp", "here", "there");
		expect(listing(`${other.root}/volumes/there/_data`)).toBe(listing(`${other.root}/volumes/here/_data`));
		await other.ok("volume", "create", "disk");
		runOk(`mount -t tmpfs t ${other.root}/volumes/disk/_data`);
		expect((await other.nc("volume", "rename", "disk", "moved")).stderr).toContain(
			"cannot be renamed: device or resource busy",
		);
		expect(await other.ok("volume", "ls", "-q")).toBe("disk\nhere\nthere");
		runOk(`umount ${other.root}/volumes/disk/_data`);
		await other.ok("volume", "rename", "disk", "moved");
		await other.ok("volume", "prune", "-af");
		runOk(`umount ${other.root}/volumes`);
		await other.close();
	});

	test("are not what a container puts in their place while they are read", async () => {
		const swap = "while :; do rm -f /v/f; mkfifo /v/f; rm -f /v/f; echo x > /v/f; done";
		await host.ok("run", "-d", "--name", "swaps", ...none, "-v", "live:/v", IMAGE, "sh", "-c", swap);
		for (let i = 0; i < 5; i++) {
			const { code, stderr } = await host.nc("volume", "export", "live", "-o", `${host.dir}/live.tar`);
			expect([code, stderr]).toBeOneOf([
				[0, ""],
				[1, expect.stringMatching(/no such file|changed while it was read/)],
			]);
		}
		await host.ok("rm", "-f", "swaps");
		await host.ok("volume", "rm", "live");
	});

	test("go with the name", async () => {
		const before = listing(place("two"));
		expect(await host.ok("volume", "rename", "two", "three")).toBe("three");
		expect(listing(place("three"))).toBe(before);
		expect(existsSync(`${host.root}/volumes/two`)).toBe(false);
		const refused = async (...args: string[]) => (await host.nc("volume", "rename", ...args)).stderr;
		expect(await refused("three", "one")).toContain("volume one already exists");
		expect(await refused("two", "four")).toContain("get two: no such volume");
		expect(await refused("three", "a")).toContain("volume name is too short");
		const id = await host.ok("create", "--name", "user", ...none, "-v", "three:/x", IMAGE, "true");
		expect(await refused("three", "four")).toContain(`volume is in use - [${id}]`);
		await host.ok("rm", "user");
	});

	test("are under one name or the other, when it is killed at any moment", async () => {
		const before = listing(place("three"));
		let name = "three";
		for (let round = 0; round < 30; round++) {
			const next = `name${round}`;
			const child = Bun.spawn(host.command("volume", "rename", name, next), { stdout: "ignore", stderr: "ignore" });
			setTimeout(() => child.kill("SIGKILL"), 4 + round / 2);
			await child.exited;
			const names = (await host.ok("volume", "ls", "-q")).split("\n").filter((one) => one !== "one");
			expect(names).toHaveLength(1);
			name = names[0] ?? "";
			await host.ok("run", "--rm", ...none, "-v", `${name}:/x`, IMAGE, "test", "-e", "/x/holes");
			expect(listing(place(name))).toBe(before);
		}
		expect(
			readdirSync(`${host.root}/volumes`)
				.filter((one) => one !== "locks")
				.sort(),
		).toEqual([name, "one"].sort());
	});
});

test("where the file system can, a copy shares the blocks of its original", async () => {
	const disk = `${host.dir}/btrfs`;
	const place = `${host.dir}/shares`;
	const device = runOk(
		`truncate -s 400M ${disk}; mkfs.btrfs -q ${disk} > /dev/null; mkdir ${place}; losetup -f --show ${disk}`,
	).trim();
	try {
		runOk(`mount ${device} ${place}`);
		const at = (...args: string[]) =>
			Bun.spawnSync([BINARY, "--root", `${place}/root`, "--run", `${host.dir}/run2`, ...args]);
		const used = () => Number(runOk(`sync; df -B 1M --output=used ${place} | tail -1`));
		expect(at("volume", "create", "one").success).toBe(true);
		runOk(`head -c 100M /dev/urandom > ${place}/root/volumes/one/_data/big`);
		const before = used();
		expect(at("volume", "cp", "one", "two").stdout.toString()).toBe("two\n");
		runOk(`cmp ${place}/root/volumes/one/_data/big ${place}/root/volumes/two/_data/big`);
		expect(used() - before).toBeLessThan(10);
	} finally {
		run(`umount ${place}; losetup -d ${device}`);
	}
});
