/** Networks with IPv6, with real packets: within them, to the outside and from it, and what containers cannot do to the host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { ask, encodeQuestion } from "../dns.ts";
import { Host, IMAGE, links, readText, settled, until } from "../fixture.ts";
import { get, makeOutside, removeOutside, run, runOk } from "../outside.ts";

const host = new Host();
let outside: string;
const MODE = "com.docker.network.bridge.gateway_mode_ipv6";

beforeAll(() => {
	outside = makeOutside();
});
afterAll(async () => {
	const ids = (await host.ok("ps", "-aq")).split("\n").filter(Boolean);
	if (ids.length) await host.ok("rm", "-f", ...ids);
	await host.ok("network", "prune", "-f");
	expect(
		await settled(async () =>
			run("pgrep -f '^nanocontainer-(names|proxy)'").stdout.toString().split("\n").filter(Boolean),
		),
	).toEqual([]);
	expect(readdirSync(`${host.run}/networks`)).toEqual([]);
	expect((await links()).filter((name) => name.startsWith("br-"))).toEqual([]);
	await host.close();
	removeOutside(outside);
});

/** A container that answers with its name on ports 80 and 81, by both families. */
async function serve(name: string, ...flags: string[]): Promise<void> {
	const script = `mkdir /w; echo ${name} > /w/index.html; httpd -p 81 -h /w; exec httpd -f -p 80 -h /w`;
	await host.ok("run", "-d", "--name", name, ...flags, IMAGE, "sh", "-c", script);
	await until(async () => (await host.nc("exec", name, "netstat", "-ltn")).stdout.includes(":80 "), `${name} to serve`);
}
/** Listens in a network namespace; what is returned waits for the first who connects, and tells his address. */
async function whoAsks(inNetwork: readonly string[], port: number): Promise<() => Promise<string>> {
	const program = `import socket
s = socket.socket(socket.AF_INET6); s.bind(('::', ${port})); s.listen(); print(s.accept()[1][0], flush=True)`;
	const server = Bun.spawn([...inNetwork, "python3", "-c", program], { stdout: "pipe" });
	const listens = [...inNetwork, "sh", "-c", `ss -ltn | grep -q ":${port} "`];
	await until(() => Bun.spawnSync(listens).success, `the server at ${port}`);
	return async () => (await new Response(server.stdout).text()).trim();
}
const view = (name: string, template: string) => host.ok("inspect", "-f", template, name);
const ip6 = (name: string, network: string) => view(name, `{{.NetworkSettings.Networks.${network}.GlobalIPv6Address}}`);
const pings = async (from: string, to: string): Promise<boolean> =>
	(await host.nc("exec", from, "ping6", "-c1", "-W1", to)).code === 0;

test("--ipv6 alone: a local subnet of its own (RFC 4193), beside that of IPv4", async () => {
	await host.ok("network", "create", "--ipv6", "six");
	const [network] = JSON.parse(await host.ok("network", "inspect", "six"));
	expect(network.EnableIPv6).toBe(true);
	expect(network.IPAM.Config[0].Subnet).toBe("172.18.0.0/16");
	expect(network.IPAM.Config[1].Subnet).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/);
	expect(await host.ok("network", "ls", "--format", "{{.Name}} {{.IPv6}}", "-f", "name=six")).toBe("six true");
	await serve("web", "--network", "six", "-p", "8080:80", "-p", "8082:82");
	expect(await ip6("web", "six")).toBe(network.IPAM.Config[1].Gateway.replace(/1$/, "2"));
	const { stdout } = await host.nc("run", "--rm", "--network", "six", IMAGE, "ip", "-6", "route");
	expect(stdout).toContain(`default via ${network.IPAM.Config[1].Gateway} dev eth0`);
	const [{ Containers: members }] = JSON.parse(await host.ok("network", "inspect", "six"));
	expect((Object.values(members)[0] as { IPv6Address: string }).IPv6Address).toBe(`${await ip6("web", "six")}/64`);
});

test("addresses as they are asked for, and refused where they cannot be", async () => {
	const flags = ["--ipv6", "--subnet", "fd88::/64", "--subnet", "10.88.0.0/24", "--ip-range", "fd88::1:0/112"];
	await host.ok("network", "create", ...flags, "--gateway", "fd88::9", "--aux-address", "nas=fd88::1:2", "asked");
	const address = (...flags: string[]) =>
		host.nc(
			"run",
			"--rm",
			"--network",
			"asked",
			...flags,
			IMAGE,
			"sh",
			"-c",
			"ip -6 addr show eth0 | grep global; ip -6 route",
		);
	expect((await address()).stdout).toMatch(/inet6 fd88::1:3\/64[\s\S]*default via fd88::9/);
	expect((await address("--ip6", "fd88::77")).stdout).toContain("inet6 fd88::77/64");
	expect((await address("--ip6", "fd99::77")).stderr).toContain("it does not belong to the network fd88::/64");
	expect((await address("--ip6", "fd88::9")).stderr).toContain("Address already in use");
	expect((await address("--ip6", "nonsense")).stderr).toContain("invalid IPv6 address: nonsense");
	expect((await address("--link-local-ip", "fe80::77")).stdout).toContain("fd88::1:3");
	const own = await host.nc(
		"run",
		"--rm",
		"--network",
		"name=asked,ip6=fd88::78,link-local-ip=169.254.7.7",
		IMAGE,
		"ip",
		"addr",
	);
	expect(own.stdout).toContain("inet6 fd88::78/64");
	expect(own.stdout).toContain("inet 169.254.7.7/16");
	const refused = async (...flags: string[]) => (await host.nc("network", "create", ...flags, "not")).stderr;
	expect(await refused("--ipv6", "--subnet", "fd88::/48")).toContain("Pool overlaps with other one");
	expect(await refused("--ipv6", "--subnet", "fd77::/48")).toContain("this host has an address in fd77::/48");
	expect(await refused("--ipv6", "--subnet", "fd55::1/64")).toContain("it should be fd55::/64");
	expect(await refused("--subnet", "fd55::/64")).toContain("add --ipv6");
	for (const special of ["fe80::/64", "ff02::/64", "::ffff:0:0/96"]) {
		expect(await refused("--ipv6", "--subnet", special)).toContain("its addresses are for other purposes");
	}
	expect(await refused("--ipv6", "--subnet", "fd55::/64", "--gateway", "fd56::1")).toContain(
		"no matching subnet for gateway fd56::1",
	);
	await host.ok("network", "rm", "asked");
});

test("names have both addresses, and addresses names", async () => {
	const pid = Number(await view("web", "{{.State.Pid}}"));
	const server = await view("web", "{{.NetworkSettings.Networks.six.Gateway}}");
	const asked = async (name: string, type: string) =>
		(await ask(pid, server, encodeQuestion(name, { type }), false)).answers;
	const ip = await ip6("web", "six");
	expect(await asked("web", "AAAA")).toEqual([ip]);
	const digits = ip.split("::").map((part) =>
		part
			.split(":")
			.map((group) => group.padStart(4, "0"))
			.join(""),
	);
	const whole = `${digits[0]}${"0".repeat(32 - (digits[0]?.length ?? 0) - (digits[1]?.length ?? 0))}${digits[1]}`;
	expect(await asked(`${[...whole].reverse().join(".")}.ip6.arpa`, "PTR")).toEqual(["web.six"]);
	expect((await host.nc("exec", "web", "cat", "/etc/hosts")).stdout).toContain(`${ip}\t`);
});

test("published: from the host, from another host whose address is kept, from containers of other networks", async () => {
	expect([get("::1", 8080), get("fd77::1", 8080), get("127.0.0.1", 8080)]).toEqual(["web", "web", "web"]);
	expect([get("fd77::1", 8080, outside), get("10.77.0.1", 8080, outside)]).toEqual(["web", "web"]);
	expect(get(await ip6("web", "six"), 80, outside)).toBe("");
	await host.ok("network", "create", "--ipv6", "other");
	await host.ok("run", "-d", "--name", "asker", "--network", "other", IMAGE, "sleep", "1000");
	const asks = async (name: string, ip: string, port: number) =>
		(await host.nc("exec", name, "sh", "-c", `printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2 ${ip} ${port} | tail -n1`))
			.stdout;
	expect(await asks("asker", "fd77::1", 8080)).toBe("web\n");
	expect(await asks("web", "fd77::1", 8080)).toBe("web\n"); // itself, by the host
	expect([await asks("asker", await ip6("web", "six"), 80), await pings("asker", await ip6("web", "six"))]).toEqual([
		"",
		false,
	]);
	// The container sees who asks.
	const seen = await whoAsks(["nsenter", "-t", await view("web", "{{.State.Pid}}"), "-n"], 82);
	get("fd77::1", 8082, outside);
	expect(await seen()).toBe("fd77::2");
	await host.ok("rm", "-f", "asker");
	await host.ok("network", "rm", "other");
});

test("the outside sees the host's address in the place of a container's", async () => {
	const seen = await whoAsks(["ip", "netns", "exec", outside], 90);
	await host.ok("exec", "web", "nc", "-w", "2", "fd77::2", "90");
	expect(await seen()).toBe("fd77::1");
});

test("routed: reached by their own addresses at the published ports, and nothing else", async () => {
	const flags = ["--ipv6", "--subnet", "fd66::/64", "-o", `${MODE}=routed`];
	await host.ok("network", "create", ...flags, "routed");
	await serve("own", "--network", "routed", "--ip6", "fd66::80", "-p", "8085:80");
	runOk(`ip -n ${outside} -6 route add fd66::/64 via fd77::1`);
	expect([get("fd66::80", 80, outside), get("fd66::80", 81, outside)]).toEqual(["own", ""]);
	expect([get("fd77::1", 8085, outside), get("10.77.0.1", 8085, outside)]).toEqual(["", "own"]);
	expect(await host.ok("ps", "--format", "{{.Ports}}", "-f", "name=own")).toBe("0.0.0.0:8085->80/tcp");
	expect(await host.ok("inspect", "-f", "{{json .NetworkSettings.Ports}}", "own")).toBe(
		'{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8085"},{"HostIp":"::","HostPort":""}]}',
	);
	const seen = await whoAsks(["ip", "netns", "exec", outside], 91);
	await host.ok("exec", "own", "nc", "-w", "2", "fd77::2", "91");
	expect(await seen()).toBe("fd66::80");
	await host.ok("rm", "-f", "own");
	expect(get("fd66::80", 80, outside)).toBe("");
	await host.ok("network", "rm", "routed");
});

test("nat-unprotected: any port, by its own address", async () => {
	await host.ok("network", "create", "--ipv6", "--subnet", "fd67::/64", "-o", `${MODE}=nat-unprotected`, "open");
	await serve("any", "--network", "open", "--ip6", "fd67::80");
	runOk(`ip -n ${outside} -6 route add fd67::/64 via fd77::1`);
	expect(get("fd67::80", 80, outside)).toBe("any");
	await host.ok("rm", "-f", "any");
	await host.ok("network", "rm", "open");
});

test("--internal has no way out, and is not reached", async () => {
	await host.ok("network", "create", "--ipv6", "--internal", "closed");
	await host.ok("run", "-d", "--name", "inner", "--network", "closed", IMAGE, "sleep", "1000");
	await host.ok("run", "-d", "--name", "inner2", "--network", "closed", IMAGE, "sleep", "1000");
	expect([await pings("inner", "inner2"), await pings("inner", "fd77::2")]).toEqual([true, false]);
	expect((await host.nc("exec", "inner", "ip", "-6", "route")).stdout).not.toContain("default");
	await host.ok("rm", "-f", "inner", "inner2");
	await host.ok("network", "rm", "closed");
});

test("connect and disconnect: the address and the default route come and go", async () => {
	await host.ok("run", "-d", "--name", "mover", IMAGE, "sleep", "1000");
	const route = async () => (await host.nc("exec", "mover", "ip", "-6", "route")).stdout;
	expect(await route()).not.toContain("default");
	await host.ok("network", "connect", "six", "mover");
	expect(await route()).toContain(
		`default via ${await view("mover", "{{.NetworkSettings.Networks.six.IPv6Gateway}}")} dev eth1`,
	);
	expect(await pings("mover", "web")).toBe(true);
	await host.ok("network", "disconnect", "six", "mover");
	expect(await route()).not.toContain("default");
	await host.ok("rm", "-f", "mover");
});

test("the host listens to no container that says it is a router (CVE-2020-13401), and still to its own", async () => {
	const id = await host.ok("network", "inspect", "-f", "{{.Id}}", "six");
	const device = `br-${id.slice(0, 12)}`;
	expect(readText(`/proc/sys/net/ipv6/conf/${device}/accept_ra`)).toBe("0\n");
	expect(readText("/proc/sys/net/ipv6/conf/uplink/accept_ra")).toBe("2\n");
	const pid = await view("web", "{{.State.Pid}}");
	// RFC 4861, 4.2: a lifetime of 1800 s, and a prefix to make addresses of.
	const advertise = `import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58); s.setsockopt(41, 18, 255)
s.setsockopt(41, 16, socket.if_nametoindex('eth0')); s.setsockopt(41, 17, socket.if_nametoindex('eth0'))
p = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 3600, 0) + socket.inet_pton(10, 'fdbb::')
s.sendto(p, ('ff02::1', 0))`;
	runOk(`sleep 2; nsenter -t ${pid} -n python3 -c "${advertise}"`);
	expect(runOk("ip -6 route show default")).toBe("");
	expect(runOk("ip -6 addr")).not.toContain("fdbb:");
	// Where a network has no IPv6, its bridge has none.
	await host.ok("run", "--rm", IMAGE, "true");
	const bridge = await host.ok(
		"network",
		"inspect",
		"-f",
		'{{index .Options "com.docker.network.bridge.name"}}',
		"bridge",
	);
	expect(runOk(`ip -6 addr show dev ${bridge}`)).toBe("");
});

test("network reload puts the rules back", async () => {
	run("nft flush ruleset");
	await host.ok("network", "reload");
	expect(get("fd77::1", 8080, outside)).toBe("web");
	expect(run("nft list ruleset").stdout.toString()).toContain("map ports6");
});
