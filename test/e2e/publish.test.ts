/**
 * Published ports, with real packets: from the host's own addresses, from another host beyond an uplink, from containers
 * of the same and of other networks; held against others while the container lives, and free after.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, readText, settled, until } from "../fixture.ts";

const host = new Host();
const OUTSIDE = `nc-outside-${process.pid}`;
const sh = (script: string) => Bun.spawnSync(["sh", "-c", script], { stdout: "pipe", stderr: "pipe" });
const shOk = (script: string): string => {
	const { success, stdout, stderr } = sh(script);
	if (!success) throw new Error(`${script}: ${stderr}`);
	return stdout.toString();
};

beforeAll(async () => {
	loopbackUp();
	shOk(`set -e
		ip netns add ${OUTSIDE}
		ip link add uplink type veth peer name outside netns ${OUTSIDE}
		ip addr add 10.77.0.1/24 dev uplink; ip addr add fd77::1/64 dev uplink nodad; ip link set uplink up
		ip -n ${OUTSIDE} addr add 10.77.0.2/24 dev outside; ip -n ${OUTSIDE} addr add fd77::2/64 dev outside nodad
		ip -n ${OUTSIDE} link set outside up; ip -n ${OUTSIDE} link set lo up`);
	await host.ok("network", "create", "front");
	await host.ok("network", "create", "back");
});
afterAll(async () => {
	const ids = (await host.ok("ps", "-aq")).split("\n").filter(Boolean);
	if (ids.length) await host.ok("rm", "-f", ...ids);
	await host.ok("network", "prune", "-f");
	expect(await settled(async () => proxies())).toEqual([]);
	await host.close();
	sh(`ip netns del ${OUTSIDE}`);
});

const proxies = () => shOk("pgrep -f '^nanocontainer-proxy' || true").split("\n").filter(Boolean);

/** A container that answers with its name. */
async function serve(name: string, ...flags: string[]): Promise<void> {
	const script = `mkdir /w; echo ${name} > /w/index.html; exec httpd -f -p 80 -h /w`;
	await host.ok("run", "-d", "--name", name, ...flags, IMAGE, "sh", "-c", script);
	await until(async () => (await host.nc("exec", name, "netstat", "-ltn")).stdout.includes(":80 "), `${name} to serve`);
}
const GET = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2";
const answerOf = (text: string): string => text.trim().split("\n").at(-1) ?? "";
const fromHost = (ip: string, port: number): string => answerOf(shOk(`${GET} ${ip} ${port} || true`));
const fromOutside = (ip: string, port: number): string =>
	answerOf(shOk(`ip netns exec ${OUTSIDE} sh -c "${GET.replaceAll("\\", "\\\\")} ${ip} ${port}" || true`));
const fromContainer = async (network: string, ip: string, port: number): Promise<string> =>
	answerOf((await host.nc("run", "--rm", "--network", network, IMAGE, "sh", "-c", `${GET} ${ip} ${port}`)).stdout);

describe("where a published port is reached from", () => {
	beforeAll(async () => {
		await serve("web", "-p", "8080:80", "--network", "front");
		await serve("local", "-p", "127.0.0.1:8081:80");
		await serve("silent", "--network", "front", "--expose", "80");
	});
	test("the host, by each of its addresses, ::1 and the bridge's", () => {
		for (const ip of ["127.0.0.1", "127.0.0.2", "::1", "10.77.0.1", "fd77::1", "172.17.0.1", "172.18.0.1"]) {
			expect([ip, fromHost(ip, 8080)]).toEqual([ip, "web"]);
		}
	});
	test("another host, by IPv4 and IPv6", () => {
		expect(fromOutside("10.77.0.1", 8080)).toBe("web");
		expect(fromOutside("fd77::1", 8080)).toBe("web");
	});
	test("containers of the same network, of another, and the default one's: by the host's address", async () => {
		for (const network of ["front", "back", "bridge"]) {
			expect([network, await fromContainer(network, "10.77.0.1", 8080)]).toEqual([network, "web"]);
		}
		const ip = await host.ok("inspect", "-f", "{{.NetworkSettings.Networks.front.IPAddress}}", "web");
		expect(await fromContainer("front", ip, 80)).toBe("web");
		expect(await fromContainer("back", ip, 80)).toBe(""); // what is published is not the container itself
	});
	test("the container itself, by the host's address", async () => {
		expect(answerOf((await host.nc("exec", "web", "sh", "-c", `${GET} 10.77.0.1 8080`)).stdout)).toBe("web");
	});
	test("what is on 127.0.0.1 is the host's alone, whoever routes to it", async () => {
		expect(fromHost("127.0.0.1", 8081)).toBe("local");
		expect(fromHost("10.77.0.1", 8081)).toBe("");
		expect(fromOutside("10.77.0.1", 8081)).toBe("");
		// A neighbour that sends packets for 127.0.0.1 over the wire (CVE-2020-8558).
		shOk(`ip netns exec ${OUTSIDE} sysctl -qw net.ipv4.conf.all.route_localnet=1
			ip -n ${OUTSIDE} addr del 127.0.0.1/8 dev lo; ip -n ${OUTSIDE} route add 127.0.0.1 via 10.77.0.1 src 10.77.0.2`);
		expect(fromOutside("127.0.0.1", 8081)).toBe("");
		shOk(`ip -n ${OUTSIDE} route del 127.0.0.1; ip -n ${OUTSIDE} addr add 127.0.0.1/8 dev lo`);
		expect(await fromContainer("bridge", "172.17.0.1", 8081)).toBe("");
	});
	test("what is not published is not reached, by whatever route", async () => {
		const ip = await host.ok("inspect", "-f", "{{.NetworkSettings.Networks.front.IPAddress}}", "silent");
		shOk(`ip -n ${OUTSIDE} route add 172.16.0.0/12 via 10.77.0.1`);
		expect(fromOutside(ip, 80)).toBe("");
		expect(fromHost(ip, 80)).toBe("silent"); // the host is no other host
	});
	test("the container sees who asks, from outside and from other networks", async () => {
		await host.ok("run", "-d", "--name", "echo", "-p", "8090:80", "--network", "front", IMAGE, "sleep", "1000");
		const server = await inside("echo", [
			"s = socket.create_server(('', 80))",
			"while True:",
			"  c, a = s.accept(); c.send(a[0].encode()); c.close()",
		]);
		await until(() => fromHost("127.0.0.1", 8090) !== "", "the server");
		expect(fromOutside("10.77.0.1", 8090)).toBe("10.77.0.2");
		const ip = /172\.20\.\d+\.\d+|172\.19\.\d+\.\d+/;
		expect(await fromContainer("back", "10.77.0.1", 8090)).toMatch(ip);
		server.kill();
		await server.exited;
		await host.ok("rm", "-f", "echo");
	});
});

/** A program in Python that runs in the container's network, with the host's files. */
async function inside(name: string, lines: readonly string[]) {
	const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", name);
	return Bun.spawn(["nsenter", "-t", pid, "-n", "python3", "-c", ["import socket", ...lines].join("\n")], {
		stderr: "ignore",
	});
}

describe("datagrams", () => {
	const ASK = (family: string, ip: string, port: number) =>
		`python3 -c "
import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('${ip}', ${port}))
s.send(b'hello')
print(s.recv(100).decode())"`;
	test("go there and back, by rules and by the proxy", async () => {
		for (const [family, ip] of [
			["AF_INET", "127.0.0.1"],
			["AF_INET", "10.77.0.1"],
			["AF_INET6", "::1"],
			["AF_INET6", "fd77::1"],
		] as const) {
			await host.ok("run", "-d", "--name", "udp", "-p", "5353:53/udp", IMAGE, "sleep", "1000");
			const server = await inside("udp", [
				"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))",
				"while True:",
				"  d, a = s.recvfrom(9000); s.sendto(d, a)",
			]);
			await until(() => sh(ASK(family, ip, 5353)).stdout.toString() === "hello\n", `datagrams by ${ip}`);
			server.kill();
			await server.exited;
			await host.ok("rm", "-f", "udp");
		}
	}, 30_000);
});

test("a client that goes on sending is heard by who has the port now, and never by who has the address", async () => {
	const talk = () =>
		sh(`python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5); s.bind(('127.0.0.1', 40404)); s.connect(('127.0.0.1', 5454))
s.send(b'who')
print(s.recv(100).decode())"`)
			.stdout.toString()
			.trim();
	const answering = (name: string) =>
		inside(name, [
			"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))",
			"while True:",
			`  d, a = s.recvfrom(99); s.sendto(b'${name}', a)`,
		]);
	await host.ok("run", "-d", "--name", "before", "-p", "5454:53/udp", IMAGE, "sleep", "1000");
	const first = await answering("before");
	await until(() => talk() === "before", "the first");
	await host.ok("rm", "-f", "before");
	await host.ok("run", "-d", "--name", "heir", IMAGE, "sleep", "1000"); // has its address now
	const heir = await answering("heir");
	await host.ok("run", "-d", "--name", "after", "-p", "5454:53/udp", IMAGE, "sleep", "1000");
	const second = await answering("after");
	await until(() => talk() === "after", "the second");
	for (const server of [first, heir, second]) server.kill();
	await Promise.all([first, heir, second].map((server) => server.exited));
	await host.ok("rm", "-f", "heir", "after");
}, 30_000);

describe("who has a port", () => {
	test("another container has it: docker's words, and nothing is left of who failed", async () => {
		const { code, stderr } = await host.nc("run", "--rm", "--name", "second", "-p", "8080:80", IMAGE, "true");
		expect(code).toBe(125);
		expect(stderr).toMatch(
			/^docker: Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint second \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated\n/,
		);
		expect((await host.nc("inspect", "second")).code).toBe(1);
		const created = await host.nc("run", "-d", "--name", "second", "-p", "8080:80", IMAGE, "true");
		expect(created.stdout).toMatch(/^[0-9a-f]{64}\n$/);
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "second")).toBe("created");
		await host.ok("rm", "second");
	});
	test("a program of the host has it", async () => {
		const server = Bun.spawn([
			"python3",
			"-c",
			"import socket, time; s = socket.create_server(('127.0.0.1', 9191)); time.sleep(60)",
		]);
		await until(() => sh("ss -ltn | grep -q 127.0.0.1:9191").success, "the other program");
		for (const port of ["9191:80", "127.0.0.1:9191:80"]) {
			const { code, stderr } = await host.nc("run", "--rm", "-p", port, IMAGE, "true");
			expect(code).toBe(125);
			expect(stderr).toMatch(
				/failed to bind host port for (0\.0\.0\.0|127\.0\.0\.1):9191:172\.17\.0\.\d+:80\/tcp: address already in use/,
			);
		}
		expect((await host.nc("run", "--rm", "-p", "10.77.0.1:9191:80", IMAGE, "true")).code).toBe(0);
		server.kill();
		await server.exited;
		expect((await host.nc("run", "--rm", "-p", "9191:80", IMAGE, "true")).code).toBe(0);
	});
	test("no other program gets it while the container has it, and everybody after", async () => {
		await host.ok("run", "-d", "--name", "holder", "-p", "9292:80", "-p", "9293:80/udp", IMAGE, "sleep", "1000");
		const takes = (how: string) => sh(`timeout 0.2 busybox nc ${how} 2>&1`).stdout.toString();
		const before = proxies().length;
		expect(takes("-l -p 9292")).toContain("Address already in use");
		await host.ok("stop", "-t", "0", "holder");
		expect(takes("-l -p 9292")).toBe("");
		expect(proxies()).toHaveLength(before - 1);
		await host.ok("start", "holder");
		expect(await host.ok("port", "holder", "80")).toBe("0.0.0.0:9292\n[::]:9292");
		await host.ok("rm", "-f", "holder");
	});
	test("again and again at once", async () => {
		for (let i = 0; i < 10; i++) await host.ok("run", "--rm", "-p", "9393:80", IMAGE, "true");
	});
	test("the first process is killed: the proxy ends with it, the rules with the next command", async () => {
		await host.ok("run", "-d", "--name", "victim", "-p", "9494:80", IMAGE, "sleep", "1000");
		const before = proxies().length;
		process.kill(Number(await host.ok("inspect", "-f", "{{.State.Pid}}", "victim")), "SIGKILL");
		await until(() => proxies().length === before - 1, "the proxy to end");
		await host.ok("ps");
		expect(shOk("nft list ruleset")).not.toContain("9494");
		await host.ok("rm", "victim");
	});
	test("start, killed at any moment: the next one has the port", async () => {
		for (let i = 0; i < 12; i++) {
			const child = Bun.spawn(host.command("run", "-d", "--rm", "-p", "9595:80", IMAGE, "sleep", "1000"), {
				stdout: "ignore",
				stderr: "ignore",
			});
			await Bun.sleep(5 * i); // at another moment each time
			child.kill("SIGKILL");
			await child.exited;
			const ids = (await host.ok("ps", "-q", "-f", "publish=9595")).split("\n").filter(Boolean);
			if (ids.length) await host.ok("rm", "-f", ...ids);
			expect((await host.nc("run", "--rm", "-p", "9595:80", IMAGE, "true")).stderr).toBe("");
		}
		const left = (await host.ok("ps", "-aq", "-f", "status=created")).split("\n").filter(Boolean);
		if (left.length) await host.ok("rm", ...left);
		expect(shOk("nft list ruleset")).not.toContain("9595");
	}, 60_000);
});

describe("what is said of ports", () => {
	test("ps, port and inspect", async () => {
		const flags = [
			"-p",
			"7000-7002:7000-7002",
			"-p",
			"127.0.0.1:7100:71/udp",
			"--expose",
			"72-73",
			"--expose",
			"74/udp",
		];
		await host.ok("run", "-d", "--name", "many", ...flags, IMAGE, "sleep", "1000");
		expect(await host.ok("ps", "--format", "{{.Ports}}", "-f", "name=many")).toBe(
			"72-73/tcp, 74/udp, 0.0.0.0:7000-7002->7000-7002/tcp, [::]:7000-7002->7000-7002/tcp, 127.0.0.1:7100->71/udp",
		);
		expect(await host.ok("port", "many")).toBe(
			[
				"71/udp -> 127.0.0.1:7100",
				...[7000, 7001, 7002].flatMap((n) => [`${n}/tcp -> 0.0.0.0:${n}`, `${n}/tcp -> [::]:${n}`]),
			].join("\n"),
		);
		expect(await host.ok("port", "many", "71/udp")).toBe("127.0.0.1:7100");
		expect(await host.nc("port", "many", "71")).toMatchObject({
			code: 1,
			stderr: "Error: No public port '71' published for many\n",
		});
		const [view] = JSON.parse(await host.ok("inspect", "many"));
		expect(view.NetworkSettings.Ports["7000/tcp"]).toEqual([
			{ HostIp: "0.0.0.0", HostPort: "7000" },
			{ HostIp: "::", HostPort: "7000" },
		]);
		expect(view.NetworkSettings.Ports["72/tcp"]).toBeNull();
		expect(view.HostConfig.PortBindings["71/udp"]).toEqual([{ HostIp: "127.0.0.1", HostPort: "7100" }]);
		expect(Object.keys(view.Config.ExposedPorts)).toContain("7001/tcp");
		expect(await host.ok("ps", "-q", "-f", "publish=7100/udp")).not.toBe("");
		expect(await host.ok("ps", "-q", "-f", "publish=71/udp")).toBe("");
		expect(await host.ok("ps", "-q", "-f", "publish=6990-7010")).not.toBe("");
		expect(await host.ok("ps", "-q", "-f", "expose=73-99")).not.toBe("");
		expect((await host.nc("ps", "-f", "publish=foo")).stderr).toContain("invalid filter 'publish=foo'");
		await host.ok("stop", "-t", "0", "many");
		expect(await host.ok("ps", "-a", "--format", "{{.Ports}}", "-f", "name=many")).toBe("");
		expect(await host.ok("port", "many")).toBe("");
		await host.ok("rm", "many");
	});
	test("a network's own address for what names none; the same port twice; what a template asks", async () => {
		await host.ok("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.1", "homely");
		await host.ok("run", "-d", "--name", "home", "--network", "homely", "-p", "8899:80", IMAGE, "sleep", "1000");
		expect(await host.ok("port", "home")).toBe("80/tcp -> 127.0.0.1:8899");
		expect(
			await host.ok(
				"inspect",
				"-f",
				"{{.NetworkSettings.GlobalIPv6Address}}|{{.NetworkSettings.HairpinMode}}|{{.Config.NetworkDisabled}}",
				"home",
			),
		).toBe("|false|false");
		const key = await host.ok("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "home");
		expect(shOk(`nsenter --net=${key} ip -o -4 addr`)).toContain("eth0");
		await host.ok("rm", "-f", "home");
		expect((await host.nc("run", "--rm", "-p", "8898:80", "-p", "8898:81", IMAGE, "true")).stderr).toContain(
			"Bind for 0.0.0.0:8898 failed: port is already allocated",
		);
		const hosted = await host.ok("run", "-d", "--network", "host", "-p", "80:80", IMAGE, "sleep", "1000");
		expect(await host.ok("inspect", "-f", "{{json .NetworkSettings.Ports}}", hosted)).toBe("{}");
		expect(await host.ok("ps", "--format", "{{.Ports}}", "-f", `id=${hosted}`)).toBe("");
		await host.ok("rm", "-f", hosted);
	});
	test("any port, the first of a range, and -P", async () => {
		const [low = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/).map(Number);
		await host.ok(
			"run",
			"-d",
			"--name",
			"any",
			"-p",
			"80",
			"-p",
			"127.0.0.1::81",
			"-p",
			"8080-8085:82",
			IMAGE,
			"sleep",
			"9",
		);
		const ports = await host.ok("port", "any");
		expect(Number(/80\/tcp -> 0\.0\.0\.0:(\d+)/.exec(ports)?.[1])).toBeGreaterThanOrEqual(low);
		expect(ports).toMatch(/81\/tcp -> 127\.0\.0\.1:\d+/);
		expect(ports).toContain("82/tcp -> 0.0.0.0:8082"); // web has 8080 on all addresses, local 8081 on one of them
		await host.ok("rm", "-f", "any");
	});
	test("grammar: what is refused, in docker's words", async () => {
		for (const [port, text] of [
			["localhost:80:80", "invalid IP address: localhost"],
			["127.0.0.1:80", "invalid hostPort: 127.0.0.1"],
			["80-82:90-91", "invalid ranges specified for container and host Ports"],
			["80/foo", "invalid proto: foo"],
			["70000", "invalid containerPort: 70000"],
			["", "no port specified"],
			["a:b:80:81", "invalid IP address: a:b"],
		] as const) {
			const { code, stderr } = await host.nc("run", "-p", port, IMAGE, "true");
			expect([port, code, stderr]).toEqual([port, 125, expect.stringContaining(text)]);
		}
	});
	test("the host's network has no ports to publish, and none nothing", async () => {
		const { code, stderr } = await host.nc("run", "--rm", "--network", "host", "-p", "80:80", IMAGE, "true");
		expect([code, stderr]).toEqual([0, "WARNING: Published ports are discarded when using host network mode\n"]);
		expect(await host.nc("run", "--rm", "--network", "none", "-p", "80:80", IMAGE, "true")).toMatchObject({ code: 0 });
	});
});

test("two thousand ports: a start in the same second, and each is reached as quickly", async () => {
	const alone = await timeOf(() => fromHost("127.0.0.1", 8080));
	const start = performance.now();
	await host.ok("run", "-d", "--name", "crowd", "-p", "20000-21999:30000-31999", IMAGE, "sleep", "1000");
	expect(performance.now() - start).toBeLessThan(3000);
	expect(await timeOf(() => fromHost("127.0.0.1", 8080))).toBeLessThan(alone * 2 + 5);
	expect((await host.ok("port", "crowd")).split("\n")).toHaveLength(4000);
	await host.ok("rm", "-f", "crowd");
	expect(readText("/proc/self/mountinfo")).not.toContain("crowd");
	expect(shOk("nft list ruleset")).not.toContain("20000");
}, 30_000);

/** The median of some. */
async function timeOf(action: () => string): Promise<number> {
	const times = Array.from({ length: 9 }, () => {
		const start = performance.now();
		expect(action()).toBe("web");
		return performance.now() - start;
	});
	return times.sort((a, b) => a - b)[4] ?? 0;
}
