/** Containers that watch what is done to them, commands that are cut off in the middle: nothing of the host is reached, and no state is a lie. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";
import { runOk } from "../outside.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const none = ["--network", "none"];
const victim = `${host.dir}/victim`;
const told = (name: string, format: string) => host.ok("inspect", "-f", format, name);
const monitorOf = (id: string) =>
	Number(
		readdirSync("/proc").find((pid) => {
			try {
				return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(`nanocontainer-monitor\0${id}`);
			} catch {
				return false;
			}
		}),
	);

/** Puts a link to the host's file in the place of whatever appears in a directory. */
const SWAP = `
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>
int main(int argc, char **argv) {
	char buf[4096], link[64], name[300];
	int fd = inotify_init(), n = 0;
	for (int i = 0; i < 2000; i++) { snprintf(link, sizeof link, "/links/%d", i); if (symlink(argv[1], link) < 0) return 1; }
	inotify_add_watch(fd, "/t", IN_CREATE);
	puts("ready"); fflush(stdout);
	for (;;) {
		int len = read(fd, buf, sizeof buf);
		for (char *p = buf; p < buf + len;) {
			struct inotify_event *e = (void *)p;
			snprintf(name, sizeof name, "/t/%s", e->name); snprintf(link, sizeof link, "/links/%d", n++);
			rename(link, name);
			p += sizeof *e + e->len;
		}
	}
}`;

beforeAll(() => {
	mkdirSync(host.dir, { recursive: true });
	writeFileSync(victim, "the host's\n");
	chmodSync(victim, 0o600);
});

test("cp changes no mode of what a container puts in the place of a file", async () => {
	writeFileSync(`${host.dir}/swap.c`, SWAP);
	mkdirSync(`${host.dir}/fifos`);
	runOk(
		`musl-gcc -static -o ${host.dir}/swap ${host.dir}/swap.c; cd ${host.dir}/fifos; for i in $(seq 300); do mkfifo -m 666 f$i; done`,
	);
	await host.ok(
		"run",
		"-d",
		"--name",
		"swaps",
		...none,
		"-v",
		`${host.dir}/swap:/swap:ro`,
		IMAGE,
		"sh",
		"-c",
		`mkdir /t /links; exec /swap ${victim}`,
	);
	await until(async () => (await host.nc("logs", "swaps")).stdout === "ready\n", "it");
	for (let i = 0; i < 3; i++) await host.nc("cp", "-a", `${host.dir}/fifos/.`, "swaps:/t");
	expect((statSync(victim).mode & 0o777).toString(8)).toBe("600");
	await host.ok("rm", "-f", "swaps");
}, 60_000);

test("what runs a health check is never seen with the host's root", async () => {
	const script = `while :; do for p in /proc/[0-9]*; do cat $p/root${victim} 2> /dev/null >> /seen; done; done`;
	await host.ok(
		"run",
		"-d",
		"--name",
		"spies",
		...none,
		"--cap-add",
		"SYS_PTRACE",
		"--health-cmd",
		"true",
		"--health-interval",
		"20ms",
		IMAGE,
		"sh",
		"-c",
		script,
	);
	await until(async () => JSON.parse(await told("spies", "{{json .State.Health}}")).Log.length === 5, "five checks");
	await Bun.sleep(1000); // fifty more: what is watched for is that nothing happens
	expect((await host.nc("exec", "spies", "cat", "/seen")).stdout).toBe("");
	await host.ok("rm", "-f", "spies");
});

describe("without a monitor", () => {
	test("stop, restart and rm -f see to the end themselves", async () => {
		for (const [verb, state] of [
			["stop", "exited"],
			["restart", "running"],
			["kill", "exited"],
		]) {
			const id = await host.ok("run", "-d", "--name", "orphan", ...none, "--stop-timeout", "0", IMAGE, "sleep", "1000");
			process.kill(monitorOf(id), "SIGKILL");
			await host.ok(verb ?? "", "orphan");
			const record = runOk(`${host.command("inspect", "-f", "{{.State.Status}}", "orphan").join(" ")}`).trim();
			expect([verb, record]).toEqual([verb, state]);
			if (verb === "restart") process.kill(monitorOf(id), "SIGKILL");
			else await host.ok("start", "orphan");
			await host.ok("rm", "-f", "orphan");
		}
	});
});

test("in the pid namespace of another: checks and policy work, and the engine's own commands are not in it", async () => {
	await host.ok(
		"run",
		"-d",
		"--name",
		"first",
		...none,
		IMAGE,
		"sh",
		"-c",
		"while :; do cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n' | grep -x 'interna[l]' >> /seen; done",
	);
	const flags = [
		"--pid",
		"container:first",
		"--health-cmd",
		"true",
		"--health-interval",
		"50ms",
		"--restart",
		"always",
	];
	await host.ok(
		"run",
		"-d",
		"--name",
		"second",
		...none,
		...flags,
		IMAGE,
		"sh",
		"-c",
		"echo >> /starts; exec sleep 1000",
	);
	await until(async () => (await told("second", "{{.State.Health.Status}}")) === "healthy", "healthy");
	process.kill(Number(await told("second", "{{.State.Pid}}")), "SIGKILL");
	await until(async () => (await told("second", "{{.State.Status}} {{.RestartCount}}")) === "running 1", "again");
	expect((await host.nc("exec", "first", "cat", "/seen")).stdout).toBe("");
	await host.ok("rm", "-f", "second", "first");
});

describe("a restart that is given up", () => {
	const stubborn = () =>
		host.ok(
			"run",
			"-d",
			"--name",
			"stays",
			...none,
			IMAGE,
			"sh",
			"-c",
			"trap '' TERM; echo up > /up; while ! test -e /end; do sleep 0.02; done",
		);
	const giveUp = async () => {
		await until(async () => (await host.nc("exec", "stays", "test", "-e", "/up")).code === 0, "it");
		const child = Bun.spawn(host.command("restart", "-t", "30", "stays"), { stdout: "ignore", stderr: "ignore" });
		await until(
			async () =>
				JSON.parse(readFileSync(`${host.run}/containers/${await told("stays", "{{.Id}}")}/record`, "utf8")).state
					.restartAsked !== null,
			"its note",
		);
		child.kill("SIGKILL");
		await child.exited;
	};
	test("stop ends it all the same", async () => {
		await stubborn();
		await giveUp();
		await host.ok("stop", "-t", "0", "stays");
		expect(await told("stays", "{{.State.Status}}")).toBe("exited");
		await host.ok("rm", "stays");
	});
});

test("kill ends the wait for the next start; who is paused is neither started nor attached to", async () => {
	const id = await host.ok("run", "-d", "--name", "loops", ...none, "--restart", "always", IMAGE, "sh", "-c", "exit 5");
	await until(async () => (await told("loops", "{{.State.Status}} {{.RestartCount}}")) === "restarting 2", "its wait");
	expect(await host.ok("kill", "loops")).toBe("loops");
	await until(async () => (await told("loops", "{{.State.Status}}")) === "exited", "its end");
	await until(() => Number.isNaN(monitorOf(id)), "its monitor's end");
	await host.ok("rm", "loops");
	await host.ok("run", "-d", "--name", "held", ...none, IMAGE, "sleep", "1000");
	await host.ok("pause", "held");
	expect(await host.nc("attach", "held")).toMatchObject({
		code: 1,
		stderr: "You cannot attach to a paused container, unpause it first\n",
	});
	expect(await host.nc("start", "held")).toMatchObject({
		code: 1,
		stderr: expect.stringContaining("cannot start a paused container, try unpause instead"),
	});
	await host.ok("rm", "-f", "held");
});

test("a start that failed once is tried again at the next boot", async () => {
	await host.ok(
		"run",
		"-d",
		"--name",
		"server",
		"-p",
		"127.0.0.1:7979:80",
		"--restart",
		"always",
		IMAGE,
		"sleep",
		"1000",
	);
	await host.ok("stop", "-t", "0", "server");
	const other = Bun.listen({ hostname: "127.0.0.1", port: 7979, socket: { data() {} } });
	expect((await host.nc("system", "boot")).code).toBe(1);
	expect(await told("server", "{{.State.Status}}")).toBe("exited");
	other.stop(true);
	expect(await host.ok("system", "boot")).toBe("server");
	await host.ok("rm", "-f", "server");
});

describe("cp", () => {
	test("of one that does not run: what it could not write is not written, what it has is found", async () => {
		mkdirSync(`${host.dir}/bound`);
		writeFileSync(`${host.dir}/bound/f`, "as it was\n");
		await host.ok("volume", "create", "vol");
		await host.ok(
			"create",
			"--name",
			"still",
			"-v",
			`${host.dir}/bound:/ro:ro`,
			"-v",
			"vol:/new/place",
			"-v",
			"vol:/rv:ro",
			IMAGE,
			"sh",
			"-c",
			"cat /new/place/victim",
		);
		for (const [to, error] of [
			["/ro/f", "mounted volume is marked read-only"],
			["/rv/x", "mounted volume is marked read-only"],
		]) {
			expect((await host.nc("cp", victim, `still:${to}`)).stderr).toContain(error ?? "");
		}
		expect(readFileSync(`${host.dir}/bound/f`, "utf8")).toBe("as it was\n");
		await host.ok("cp", victim, "still:/new/place");
		expect((await host.nc("start", "-a", "still")).stdout).toBe("the host's\n");
		await host.ok("rm", "still");
		await host.ok(
			"create",
			"--name",
			"part",
			"--mount",
			"type=volume,src=vol,dst=/p,volume-subpath=sub",
			"--read-only",
			IMAGE,
			"true",
		);
		mkdirSync(`${host.root}/volumes/vol/_data/sub`);
		await host.ok("cp", victim, "part:/p/in");
		expect(existsSync(`${host.root}/volumes/vol/_data/sub/in`)).toBe(true);
		expect((await host.nc("cp", victim, "part:/etc/x")).stderr).toContain("container rootfs is marked read-only");
		await host.ok("rm", "part");
		await host.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "mem");
		await host.ok("create", "--name", "mem", "-v", "mem:/m", IMAGE, "true");
		expect((await host.nc("cp", victim, "mem:/m")).stderr).toContain(
			"volume mem is a file system of its own: start the container first",
		);
		await host.ok("rm", "mem");
		await host.ok("volume", "rm", "vol", "mem");
	});
	test("of one that runs: everything but the kernel's, also while its files come and go", async () => {
		await host.ok(
			"run",
			"-d",
			"--name",
			"busy",
			...none,
			IMAGE,
			"sh",
			"-c",
			"mkdir /d; while :; do i=0; while [ $i -lt 50 ]; do echo > /d/$i; i=$((i+1)); done; rm -f /d/*; done",
		);
		for (let i = 0; i < 10; i++) await host.ok("cp", "busy:/d", `${host.dir}/d${i}`);
		await host.ok("export", "busy", "-o", `${host.dir}/busy.tar`);
		await host.ok("cp", "busy:/", `${host.dir}/whole`);
		expect([
			existsSync(`${host.dir}/whole/bin/busybox`),
			readdirSync(`${host.dir}/whole/proc`),
			readdirSync(`${host.dir}/whole/dev`).includes("null"),
		]).toEqual([true, [], false]);
		expect((await host.nc("cp", "busy:/proc/version", `${host.dir}/version`)).stderr).toContain(
			"Could not find the file /proc/version in container busy",
		);
		await host.ok("rm", "-f", "busy");
		rmSync(`${host.dir}/whole`, { recursive: true });
	});
	test("a program of somebody is no program of root's where it becomes root's", async () => {
		runOk(`cd ${host.dir}; echo > suid; chown 1234 suid; chmod 4755 suid`);
		await host.ok("create", "--name", "has", IMAGE, "true");
		await host.ok("cp", `${host.dir}/suid`, "has:/plain");
		await host.ok("cp", "-a", `${host.dir}/suid`, "has:/kept");
		await host.ok("cp", "-a", "has:/plain", `${host.dir}/plain`);
		await host.ok("cp", "-a", "has:/kept", `${host.dir}/kept`);
		expect(runOk(`stat -c '%u %a' ${host.dir}/plain ${host.dir}/kept`)).toBe("0 755\n1234 4755\n");
		await host.ok("rm", "has");
		expect(await settled(() => host.leftovers())).toEqual([]);
	});
});
