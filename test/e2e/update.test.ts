/** `update`: ports, mounts and limits of a container that runs; they are there at once, and at its next start. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { Host, IMAGE, settled, until } from "../fixture.ts";
import { get, makeOutside, removeOutside, run } from "../outside.ts";

const host = new Host();
let outside: string;
beforeAll(async () => {
	outside = makeOutside();
	const serve = "mkdir /w; echo web > /w/index.html; httpd -p 81 -h /w; exec httpd -f -p 80 -h /w";
	await host.ok("run", "-d", "--name", "web", "-p", "8080:80", IMAGE, "sh", "-c", serve);
	await until(async () => (await host.nc("exec", "web", "netstat", "-ltn")).stdout.includes(":80 "), "web to serve");
});
afterAll(async () => {
	await host.ok("rm", "-f", "web");
	const proxies = () => run("pgrep -f '^nanocontainer-proxy'").stdout.toString().split("\n").filter(Boolean);
	expect(await settled(async () => proxies())).toEqual([]);
	await host.close();
	removeOutside(outside);
});
const update = (...args: string[]) => host.nc("update", ...args);
const ports = () => host.ok("port", "web");
const inWeb = async (script: string) => (await host.nc("exec", "web", "sh", "-c", script)).stdout;

describe("published ports", () => {
	test("are added, and reached from everywhere", async () => {
		expect((await update("--publish-add", "8081:81", "--publish-add", "127.0.0.1:8082:81", "web")).stdout).toBe(
			"web\n",
		);
		expect([
			get("127.0.0.1", 8081),
			get("::1", 8081),
			get("10.77.0.1", 8081, outside),
			get("fd77::1", 8081, outside),
		]).toEqual(["web", "web", "web", "web"]);
		expect([get("127.0.0.1", 8082), get("10.77.0.1", 8082, outside)]).toEqual(["web", ""]);
		expect([get("127.0.0.1", 8080), get("::1", 8080)]).toEqual(["web", "web"]);
		expect(await ports()).toBe(
			"80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n81/tcp -> 0.0.0.0:8081\n81/tcp -> 127.0.0.1:8082\n81/tcp -> [::]:8081",
		);
		expect(JSON.parse(await host.ok("inspect", "-f", "{{json .HostConfig.PortBindings}}", "web"))).toEqual({
			"80/tcp": [{ HostIp: "", HostPort: "8080" }],
			"81/tcp": [
				{ HostIp: "", HostPort: "8081" },
				{ HostIp: "127.0.0.1", HostPort: "8082" },
			],
		});
	});
	test("that another has are refused, and nothing changes", async () => {
		const before = await ports();
		expect((await update("--publish-add", "9000:9000", "--publish-add", "8080:99", "web")).stderr).toMatch(
			/failed to bind host port .*8080|port is already allocated/,
		);
		expect([await ports(), get("127.0.0.1", 8080)]).toEqual([before, "web"]);
		const program = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
		expect((await update("--publish-add", `127.0.0.1:${program.port}:80`, "web")).stderr).toContain(
			"address already in use",
		);
		program.stop();
		await host.ok("run", "-d", "--name", "alone", "--network", "none", IMAGE, "sleep", "1000");
		expect((await update("--publish-add", "9000:80", "alone")).stderr).toContain(
			"is in no network that ports could be published of",
		);
		await host.ok("rm", "-f", "alone");
	});
	test("are taken back, one place of the host's or all of a container's", async () => {
		await host.ok("update", "--publish-rm", "8082:81", "web");
		expect([get("127.0.0.1", 8082), get("127.0.0.1", 8081), get("::1", 8081)]).toEqual(["", "web", "web"]);
		await host.ok("update", "--publish-rm", "80", "web");
		expect([get("127.0.0.1", 8080), get("10.77.0.1", 8080, outside), get("::1", 8081)]).toEqual(["", "", "web"]);
		expect((await update("--publish-rm", "80", "web")).stderr).toContain(
			"container web publishes no such port: 80/tcp",
		);
		// What was given back is free.
		await host.ok("run", "--rm", "-p", "8080:80", IMAGE, "true");
	});
	test("are taken back as `port` tells them: of one family, or of a port that was any", async () => {
		await host.ok("run", "-d", "--name", "told", "-p", "9090:90", "-p", "80", IMAGE, "sleep", "1000");
		const bindings = async () =>
			JSON.parse(await host.ok("inspect", "-f", "{{json .HostConfig.PortBindings}}", "told"));
		const any = (await host.ok("port", "told", "80")).split("\n")[0]?.split(":").at(-1);
		await host.ok("update", "--publish-rm", "0.0.0.0:9090:90", "told");
		expect(await host.ok("port", "told", "90")).toBe("[::]:9090");
		expect((await bindings())["90/tcp"]).toEqual([{ HostIp: "::", HostPort: "9090" }]);
		await host.ok("update", "--publish-rm", "[::]:9090:90", "--publish-rm", `${any}:80`, "told");
		expect([await host.ok("port", "told"), await bindings()]).toEqual(["", {}]);
		await host.ok("stop", "-t", "0", "told");
		await host.ok("start", "told");
		expect(await host.ok("port", "told")).toBe("");
		await host.ok("rm", "-f", "told");
	});
	test("of a range, of a routed network; others of the same port stay", async () => {
		await host.ok("run", "-d", "--name", "some", "-p", "8200-8205:80", "-p", "9200:80", IMAGE, "sleep", "1000");
		await host.ok("update", "--publish-rm", "9200:80", "some");
		expect(await host.ok("port", "some")).toBe("80/tcp -> 0.0.0.0:8200\n80/tcp -> [::]:8200");
		await host.ok("update", "--publish-rm", "8200-8205:80", "some");
		expect([
			await host.ok("port", "some"),
			await host.ok("inspect", "-f", "{{json .HostConfig.PortBindings}}", "some"),
		]).toEqual(["", "{}"]);
		await host.ok("rm", "-f", "some");
		const mode = "com.docker.network.bridge.gateway_mode_ipv4=routed";
		await host.ok("network", "create", "-o", mode, "routed");
		await host.ok("run", "-d", "--name", "own", "--network", "routed", "-p", "8300:80", IMAGE, "sleep", "1000");
		const open = () =>
			run("nft list ruleset")
				.stdout.toString()
				.match(/set open \{[^}]*\}/s)?.[0] ?? "";
		expect(open()).toContain(". 80");
		await host.ok("update", "--publish-rm", "8300:80", "own");
		expect(open()).not.toContain(". 80");
		await host.ok("rm", "-f", "own");
		await host.ok("network", "rm", "routed");
	});
	test("of UDP: who goes on sending reaches whoever has the port next", async () => {
		const listen = async (name: string) => {
			const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", name);
			const program =
				"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))\nwhile True: print(s.recv(99).decode(), flush=True)";
			const file = `${host.dir}/${name}`;
			const child = Bun.spawn(["nsenter", "-t", pid, "-n", "python3", "-c", program], {
				stdout: Bun.file(file),
				stderr: "ignore",
			});
			await until(() => run(`nsenter -t ${pid} -n ss -lun | grep -q ':53 '`).success, "the listener");
			return { child, got: () => readFileSync(file, "utf8") };
		};
		for (const name of ["old", "new"]) await host.ok("run", "-d", "--name", name, IMAGE, "sleep", "1000");
		const [old, next] = [await listen("old"), await listen("new")];
		const sends = (text: string, who: { got: () => string }) => {
			const bind = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.77.0.2', 4444))";
			run(`ip netns exec ${outside} python3 -c "import socket; ${bind}; s.sendto(b'${text}', ('10.77.0.1', 5353))"`);
			return who.got().includes(text);
		};
		await host.ok("update", "--publish-add", "5353:53/udp", "old");
		await until(() => sends("one", old), "the first");
		await host.ok("update", "--publish-rm", "5353:53/udp", "old");
		await host.ok("update", "--publish-add", "5353:53/udp", "new");
		await until(() => sends("two", next), "the second");
		expect(old.got()).not.toContain("two");
		for (const { child } of [old, next]) {
			child.kill();
			await child.exited;
		}
		await host.ok("rm", "-f", "old", "new");
	});
	test("are those of the next start", async () => {
		await host.ok("stop", "-t", "0", "web");
		await host.ok("update", "--publish-add", "8083:81", "web");
		await host.ok("start", "web");
		await until(() => get("127.0.0.1", 8083) === "web", "the port after the start");
		expect(await ports()).toBe(
			"81/tcp -> 0.0.0.0:8081\n81/tcp -> 0.0.0.0:8083\n81/tcp -> [::]:8081\n81/tcp -> [::]:8083",
		);
	});
	test("a change that is killed at any moment leaves nothing that the next does not mend", async () => {
		for (let round = 0; round < 16; round++) {
			const change = round % 2 ? "--publish-rm" : "--publish-add";
			const child = Bun.spawn(host.command("update", change, "8090:81", "web"), { stdout: "ignore", stderr: "ignore" });
			setTimeout(() => child.kill("SIGKILL"), 4 + 1.5 * round);
			await child.exited;
		}
		await host.nc("update", "--publish-rm", "8090:81", "web");
		await host.ok("stop", "-t", "0", "web");
		await host.ok("start", "web");
		await host.nc("update", "--publish-rm", "8090:81", "web");
		await host.ok("update", "--publish-add", "8090:81", "web");
		await until(() => get("127.0.0.1", 8090) === "web", "the port");
		await host.ok("update", "--publish-rm", "8090:81", "web");
		expect(get("127.0.0.1", 8090)).toBe("");
	});
});

describe("mounts", () => {
	const dir = `${host.dir}/data`;
	beforeAll(() => {
		mkdirSync(`${dir}/below`, { recursive: true });
		writeFileSync(`${dir}/file`, "content\n");
	});
	test("of every type are added, and are there at once", async () => {
		const added = [
			`type=bind,src=${dir},dst=/mnt/ro,readonly`,
			`type=bind,src=${dir}/file,dst=/etc/one`,
			"type=tmpfs,dst=/memory,tmpfs-size=1m",
			"type=volume,src=kept,dst=/usr/bin-of-volume",
			"type=volume,src=filled,dst=/etc",
		];
		await host.ok("update", ...added.slice(0, 4).flatMap((mount) => ["--mount-add", mount]), "web");
		expect(
			await inWeb(
				"cat /mnt/ro/file /etc/one; touch /mnt/ro/x 2>&1; df -k /memory | tail -n1; echo kept > /usr/bin-of-volume/v",
			),
		).toMatch(/^content\ncontent\ntouch: .*Read-only file system\ntmpfs +1024 /);
		expect(readFileSync(`${host.root}/volumes/kept/_data/v`, "utf8")).toBe("kept\n");
		expect(
			await host.ok("inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}\n{{end}}", "web"),
		).toContain("bind /mnt/ro false\nbind /etc/one true\ntmpfs /memory true\nvolume /usr/bin-of-volume true");
		expect((await host.nc("volume", "rm", "kept")).stderr).toContain("volume is in use");
	});
	test("that cannot be are refused", async () => {
		const refused = async (mount: string) => (await update("--mount-add", mount, "web")).stderr;
		expect(await refused(`type=bind,src=${dir},dst=/mnt/ro`)).toContain("Duplicate mount point: /mnt/ro");
		expect(await refused(`type=bind,src=${dir}/nosuch,dst=/x`)).toContain("bind source path does not exist");
		expect(await refused(`type=bind,src=${dir},dst=/proc/sys`)).toContain("it is inside /proc");
		expect(await refused("type=volume,src=odd,dst=/x,volume-opt=type=nosuch,volume-opt=device=x")).toContain(
			"no such device",
		);
		expect(await host.ok("volume", "ls", "-q", "-f", "name=odd")).toBe("");
	});
	test("of which one cannot be: none is made", async () => {
		const { code, stderr } = await update(
			"--mount-add",
			`type=bind,src=${dir},dst=/first`,
			"--mount-add",
			"type=tmpfs,dst=/proc/foo",
			"web",
		);
		expect([code, stderr, await inWeb("ls -d /first")]).toEqual([1, expect.stringContaining("it is inside /proc"), ""]);
		await host.ok("update", "--mount-add", "type=tmpfs,dst=/over", "--mount-add", "type=tmpfs,dst=/over/below", "web");
		expect((await update("--mount-rm", "/over", "web")).stderr).toContain(
			"/over/below is mounted below it: take that away first",
		);
		await host.ok("update", "--mount-rm", "/over/below", "--mount-rm", "/over", "web");
	});
	test("stay inside, whatever links the container has made", async () => {
		const victim = `${host.dir}/victim`;
		mkdirSync(victim);
		symlinkSync(victim, `${host.dir}/link`);
		await inWeb(`ln -s ${victim} /out; mkdir -p ${host.dir}; ln -s ../../../../../..${victim} /climbs`);
		for (const place of ["/out/a", "/climbs/b"]) {
			await host.ok("update", "--mount-add", `type=bind,src=${dir},dst=${place}`, "web");
			expect([await inWeb(`cat ${place}/file`), existsSync(`${victim}/a`), existsSync(`${victim}/b`)]).toEqual([
				"content\n",
				false,
				false,
			]);
			await host.ok("update", "--mount-rm", place, "web");
		}
	});
	test("in /proc, or taken away by a link to it: not, whatever the container has moved (CVE-2019-16884)", async () => {
		await host.ok("update", "--mount-add", `type=bind,src=${dir},dst=/data/sys`, "web");
		await inWeb("mv /data /moved; ln -s /proc /data; ln -s /proc/1 /self");
		expect((await update("--mount-rm", "/data/sys", "web")).stderr).toContain(
			"something else is there now: it goes when the container ends",
		);
		expect(await inWeb("grep -c ' /proc/sys proc ro' /proc/mounts")).toBe("1\n");
		for (const place of ["/data/sys", "/self/attr"]) {
			expect((await update("--mount-add", `type=bind,src=${dir},dst=${place}`, "web")).code).toBe(1);
		}
		expect(await inWeb("grep -c ' /proc/1/attr' /proc/mounts")).toBe("0\n");
		await inWeb("rm /data /self; mv /moved /data");
		await host.ok("update", "--mount-rm", "/data/sys", "web");
		expect((await host.sh("true", "-v", `${dir}:/x/attr`)).code).toBe(0);
	});
	test("of a volume that it has already: its files stay where they are", async () => {
		await host.ok("update", "--mount-add", "type=volume,src=twice,dst=/one", "web");
		await host.ok("update", "--mount-add", "type=volume,src=twice,dst=/etc/two", "web");
		expect(await inWeb("echo said > /one/f; cat /etc/two/f")).toBe("said\n");
		await host.ok("update", "--mount-rm", "/etc/two", "web");
		expect(await inWeb("cat /one/f")).toBe("said\n");
		await host.ok("update", "--mount-rm", "/one", "web");
		await host.ok("volume", "rm", "twice");
	});
	test("are taken away, unless a program is in them; and are those of the next start", async () => {
		expect((await update("--mount-rm", "/nosuch", "web")).stderr).toContain(
			"container web has nothing mounted at /nosuch",
		);
		await host.ok("exec", "-d", "-w", "/memory", "web", "sleep", "1000");
		expect((await update("--mount-rm", "/memory", "web")).stderr).toContain(
			"/memory is busy: a program of container web is in it",
		);
		await host.ok("update", "--mount-rm", "/mnt/ro/", "web");
		expect(await inWeb("ls /mnt/ro")).toBe("");
		await host.ok("stop", "-t", "0", "web");
		await host.ok("update", "--mount-rm", "/memory", "--mount-add", `type=bind,src=${dir}/below,dst=/later`, "web");
		await host.ok("start", "web");
		expect(
			await inWeb("cat /etc/one /usr/bin-of-volume/v; mount | grep -c -e ' /memory ' -e ' /mnt/ro '; ls -d /later"),
		).toBe("content\nkept\n0\n/later\n");
		await host.ok("update", "--mount-rm", "/usr/bin-of-volume", "web");
		await host.ok("volume", "rm", "kept");
		expect(existsSync(`${host.root}/volumes/kept`)).toBe(false);
	});
	test("a tmpfs volume comes with the first and goes with the last", async () => {
		const mounted = () => readFileSync("/proc/self/mountinfo", "utf8").includes(`${host.root}/volumes/mem`);
		const mount = "type=volume,src=mem,dst=/mem,volume-opt=type=tmpfs,volume-opt=device=tmpfs";
		await host.ok("update", "--mount-add", mount, "web");
		expect([mounted(), await inWeb("mount | grep -c ' /mem type tmpfs'")]).toEqual([true, "1\n"]);
		await host.ok("update", "--mount-rm", "/mem", "web");
		expect(mounted()).toBe(false);
		await host.ok("update", "--mount-add", mount, "--mount-add", "type=volume,src=mem,dst=/mem2", "web");
		await host.ok("update", "--mount-rm", "/mem2", "web");
		expect([mounted(), await inWeb("echo x > /mem/f; cat /mem/f")]).toEqual([true, "x\n"]);
		await host.ok("update", "--mount-rm", "/mem", "web");
		expect(mounted()).toBe(false);
		// Of one that fails nothing is left.
		expect(
			(
				await update(
					"--mount-add",
					"type=volume,src=gone,dst=/etc/passwd/x,volume-opt=type=tmpfs,volume-opt=device=tmpfs",
					"web",
				)
			).code,
		).toBe(1);
		expect([
			readFileSync("/proc/self/mountinfo", "utf8").includes("volumes/gone"),
			await host.ok("volume", "ls", "-q", "-f", "name=gone"),
		]).toEqual([false, ""]);
		await host.ok("volume", "rm", "mem");
	});
});

describe("limits", () => {
	const files =
		"cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/pids/pids.max";
	test("are the cgroup's at once, and the next start's", async () => {
		expect((await update("-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "web")).stdout).toBe("web\n");
		expect(await inWeb(files)).toBe("67108864\n50000\n50\n");
		await host.ok("update", "--pids-limit", "-1", "web");
		expect(await inWeb(files)).toBe("67108864\n50000\nmax\n");
		await host.ok("stop", "-t", "0", "web");
		await host.ok("update", "-m", "96m", "web");
		await host.ok("start", "web");
		expect(await inWeb(files)).toBe("100663296\n50000\nmax\n");
		expect(await host.ok("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", "web")).toBe(
			"100663296 500000000",
		);
	});
	test("that make no sense are refused in docker's words", async () => {
		const refused = async (...flags: string[]) => (await update(...flags, "web")).stderr;
		expect(await refused("-m", "1m")).toContain("Minimum memory limit allowed is 6MB");
		await host.ok("update", "-m", "32m", "--memory-swap", "40m", "web");
		expect(await refused("-m", "50m")).toContain(
			"Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
		);
		await host.ok("update", "-m", "128m", "--memory-swap", "256m", "web");
		expect(await inWeb(files)).toStartWith("134217728\n");
		expect(await refused()).toBe("you must provide one or more flags when using this command\n");
		expect((await update("-m", "64m", "nosuch")).stderr).toContain("No such container: nosuch");
	});
});
