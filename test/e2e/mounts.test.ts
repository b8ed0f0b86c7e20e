/** Mounts of a container: images, many at once, files and directories, places that links of the image lead elsewhere. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Host, IMAGE } from "../fixture.ts";

const host = new Host();
beforeAll(async () => {
	const made = `FROM ${IMAGE}\nRUN mkdir -p /a/b && echo one > /a/b/f && ln -s /etc /a/link\nRUN rm /etc/group && echo two > /a/g`;
	await host.ok("build", "-q", "-t", "made", "-", { stdin: made });
});
afterAll(() => host.close());

describe("type=image", () => {
	const show = (script: string, more = "") => host.sh(script, "--mount", `type=image,source=made,target=/img${more}`);
	test("shows another image's files, without what its layers have taken away, to be read", async () => {
		expect((await show("cat /img/a/b/f /img/a/g; ls /img/etc/group /img/etc/passwd; touch /img/x")).stdout).toBe(
			"one\ntwo\n/img/etc/passwd\n",
		);
		expect((await show("touch /img/x")).stderr).toContain("Read-only file system");
	});
	test("a directory or a file of it; links lead nowhere else", async () => {
		expect((await show("ls /img", ",image-subpath=a/b")).stdout).toBe("f\n");
		expect((await show("cat /img", ",image-subpath=a/g")).stdout).toBe("two\n");
		expect((await show("ls /img/passwd; ls /img/hostname", ",image-subpath=a/link")).stdout).toBe("/img/passwd\n");
		expect((await show("true", ",image-subpath=nosuch")).stderr).toContain("image made has no nosuch");
		expect((await show("true", ",image-subpath=../x")).stderr).toContain("invalid image subpath: ../x");
	});
	test("is by ID from then on, and keeps the image", async () => {
		await host.ok(
			"run",
			"-d",
			"--name",
			"has",
			"--network",
			"none",
			"--mount",
			"type=image,source=made,target=/img",
			IMAGE,
			"sleep",
			"1000",
		);
		expect((await host.nc("rmi", "made")).stderr).toContain("is using its referenced image");
		expect(
			await host.ok("inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}", "has"),
		).toBe("image made /img false");
		await host.ok("build", "-q", "-t", "made", "-", { stdin: `FROM ${IMAGE}\nRUN mkdir /other` });
		await host.ok("stop", "-t", "0", "has");
		await host.ok("start", "has");
		expect(await host.ok("exec", "has", "cat", "/img/a/g")).toBe("two");
		await host.ok("rm", "-f", "has");
	});
	test("what cannot be is refused", async () => {
		const refused = async (mount: string) => (await host.sh("true", "--mount", mount)).stderr;
		expect(await refused("type=image,source=nosuch,target=/x")).toContain("No such image: nosuch:latest");
		expect(await refused("type=image,target=/x")).toContain("field Source must not be empty");
		expect(await refused("type=image,source=made,target=/x,volume-nocopy")).toContain(
			"cannot mix 'volume-*' options with mount type 'image'",
		);
	});
});

test("a hundred at once: directories, files, volumes, tmpfs, and such that stay connected", async () => {
	const dir = `${host.dir}/many`;
	mkdirSync(dir);
	const flags: string[] = [];
	for (let i = 0; i < 100; i++) {
		mkdirSync(`${dir}/d${i}`);
		writeFileSync(`${dir}/f${i}`, `${i}\n`);
		const kinds = [
			`-v=${dir}/d${i}:/m/d${i}`,
			`-v=${dir}/f${i}:/m/f${i}:ro`,
			`-v=many${i}:/m/v${i}`,
			`--tmpfs=/m/t${i}`,
		];
		flags.push(kinds[i % 4] ?? "");
	}
	const { stdout, stderr } = await host.sh("ls /m | wc -l; grep -c ' /m/' /proc/self/mountinfo; cat /m/f1", ...flags);
	expect([stderr, stdout]).toEqual(["", "100\n100\n1\n"]);
	const shared = Array.from({ length: 100 }, (_, i) => `-v=${dir}/d${i}:/m/d${i}:rslave`);
	const connected = await host.sh("grep -c ' /m/' /proc/self/mountinfo", ...shared);
	expect([
		connected.stderr.replace(/.*is mounted on .* but it is not a shared or slave mount\n[\s\S]*/, "not shared"),
		connected.stdout,
	]).toBeOneOf([
		["", "100\n"],
		["docker: Error response from daemon: not shared", ""],
		["not shared", ""],
	]);
	await host.ok("volume", "prune", "-af");
});

test("a place that a link of the image leads out of it is made inside", async () => {
	const victim = `${host.dir}/victim`;
	await host.ok("build", "-q", "-t", "sly", "-", {
		stdin: `FROM ${IMAGE}\nRUN ln -s ${victim} /out && ln -s ../../../../../..${victim} /climbs`,
	});
	for (const place of ["/out/x", "/climbs/x"]) {
		expect(
			(
				await host.nc(
					"run",
					"--rm",
					"--network",
					"none",
					"--tmpfs",
					place,
					"sly",
					"sh",
					"-c",
					`mount | grep -c ${victim}/x`,
				)
			).stdout,
		).toBe("1\n");
	}
	expect(existsSync(victim)).toBe(false);
});

test("a link of the image into /proc is no place to mount on (CVE-2019-16884)", async () => {
	const made = `FROM ${IMAGE}\nRUN ln -s /proc/self /x && ln -s /proc /data\nVOLUME /x/attr`;
	await host.ok("build", "-q", "-t", "sly2", "-", { stdin: made });
	const tried = async (...flags: string[]) =>
		await host.nc("run", "--rm", "--network", "none", ...flags, "sly2", "true");
	expect(await tried()).toMatchObject({ code: 125, stderr: expect.stringContaining("operation not permitted") });
	for (const flags of [
		["-v", "/tmp:/data/sys"],
		["--tmpfs", "/data/sys"],
		["--mount", "type=image,source=sly2,target=/data/sys"],
	]) {
		expect((await tried("--mount", "type=tmpfs,dst=/x/attr", ...flags)).code).toBe(125);
	}
});
