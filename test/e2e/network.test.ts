import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE, links, loopbackUp, settled, until } from "../fixture.ts";

const host = new Host();
const INTERNET = `nc-internet-${process.pid}`;
const sh = (script: string) => Bun.spawnSync(["sh", "-ec", script]);

beforeAll(() => {
	loopbackUp();
	// The suite's "internet": another namespace, which knows the host's address and not the containers'.
	const made = sh(`
		ip netns add ${INTERNET}
		ip link add uplink type veth peer name outside netns ${INTERNET}
		ip addr add 10.77.0.1/24 dev uplink; ip link set uplink up; ip route add default via 10.77.0.2
		ip -n ${INTERNET} addr add 10.77.0.2/24 dev outside; ip -n ${INTERNET} link set outside up
		ip -n ${INTERNET} link set lo up`);
	if (!made.success) throw new Error(made.stderr.toString());
});
afterAll(async () => {
	const left = await host.nc("ps", "-q");
	expect(left.code).toBe(0);
	await host.close();
	sh(`ip netns del ${INTERNET}`);
});

const bridged = (script: string, ...flags: string[]) => host.nc("run", "--rm", ...flags, IMAGE, "sh", "-c", script);
const bridges = async () => (await links()).filter((name) => name.startsWith("nano"));

test("a container on the bridge has eth0, an address, a default route and a name in hosts", async () => {
	const { stdout } = await bridged(
		"ip -4 -o addr show eth0; ip route; cat /etc/hosts; cat /sys/class/net/eth0/address",
	);
	expect(stdout).toContain("inet 172.17.0.2/16 brd 172.17.255.255");
	expect(stdout).toContain("default via 172.17.0.1 dev eth0");
	expect(stdout).toMatch(/^172\.17\.0\.2\t[0-9a-f]{12}$/m);
	expect(stdout).toContain("02:42:ac:11:00:02");
	expect(await bridges()).toHaveLength(1);
});
test("it reaches the outside, which sees the host's address", async () => {
	const server = Bun.spawn([
		"ip",
		"netns",
		"exec",
		INTERNET,
		"busybox",
		"nc",
		"-l",
		"-p",
		"7777",
		"-e",
		"sh",
		"-c",
		"echo from $(busybox netstat -tn | busybox awk '/7777/ {print $5; exit}')",
	]);
	await until(() => sh(`ip netns exec ${INTERNET} ss -ltn | grep -q 7777`).success, "the server");
	const { stdout } = await bridged("nc 10.77.0.2 7777 < /dev/null");
	server.kill();
	await server.exited;
	expect(stdout).toMatch(/from (::ffff:)?10\.77\.0\.1:\d+/);
});
test("containers reach each other; the outside does not reach them", async () => {
	await host.ok("run", "-d", "--name", "server", IMAGE, "sh", "-c", "while :; do echo hello | nc -l -p 80; done");
	const ip = await host.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "server");
	await until(async () => (await bridged(`nc -w 1 ${ip} 80 < /dev/null`)).stdout === "hello\n", "the other container");
	const outside = sh(
		`ip -n ${INTERNET} route add 172.17.0.0/16 via 10.77.0.1; ip netns exec ${INTERNET} busybox nc -w 1 ${ip} 80 < /dev/null`,
	);
	expect(outside.stdout.toString()).toBe("");
	await host.ok("rm", "-f", "server");
});
test("the nf_tables table holds masquerade and forwarding rules", () => {
	const rules = Bun.spawnSync(["nft", "list", "ruleset"]).stdout.toString();
	expect(rules).toMatch(/ip saddr 172\.17\.0\.0\/16 oifname != @bridges masquerade/);
	expect(rules).toMatch(/ct state established,related accept/);
	expect(rules).toMatch(/oifname @bridges drop/);
	expect(rules.match(/table inet nanocontainer/g)).toHaveLength(1);
});
test("--ip, --mac-address, --hostname, --add-host and --dns are taken", async () => {
	const { stdout } = await bridged(
		"ip -4 -o addr show eth0; cat /sys/class/net/eth0/address; cat /etc/hosts /etc/resolv.conf; hostname; cat /etc/hostname",
		...["--ip", "172.17.9.9", "--mac-address", "92:d0:c6:0a:29:33", "-h", "box", "--domainname", "example.com"],
		...[
			"--add-host",
			"db:10.1.2.3",
			"--add-host",
			"gw:host-gateway",
			"--dns",
			"10.0.0.53",
			"--dns-search",
			"corp",
			"--dns-option",
			"ndots:2",
		],
	);
	for (const text of [
		"172.17.9.9/16",
		"92:d0:c6:0a:29:33",
		"10.1.2.3\tdb",
		"172.17.0.1\tgw",
		"172.17.9.9\tbox.example.com box",
		"nameserver 10.0.0.53\nsearch corp\noptions ndots:2",
		"box\nbox\n",
	]) {
		expect(stdout).toContain(text);
	}
	expect((await bridged("true", "--ip", "10.0.0.9")).stderr).toContain("does not belong to the network 172.17.0.0/16");
});
test("none has loopback only, host has the host's interfaces and name", async () => {
	expect(
		(await bridged("ls /sys/class/net; ping -c1 -w1 127.0.0.1 | grep -c '1 packets received'", "--network", "none"))
			.stdout,
	).toBe("lo\n1\n");
	const { stdout } = await bridged("ip -o link | cut -d: -f2; hostname", "--network", "host");
	expect(stdout).toContain("uplink");
	expect(stdout).toContain((await Bun.file("/proc/sys/kernel/hostname").text()).trim());
});
test("an address is given out once, and free again after any end", async () => {
	const [a, b] = await Promise.all([1, 2].map(() => host.ok("run", "-d", IMAGE, "sleep", "1000")));
	const ips = await Promise.all(
		[a, b].map((id) => host.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", id ?? "")),
	);
	expect(ips.sort()).toEqual(["172.17.0.2", "172.17.0.3"]);
	const pid = Number(await host.ok("inspect", "-f", "{{.State.Pid}}", a ?? ""));
	process.kill(pid, "SIGKILL");
	await host.ok("rm", "-f", a ?? "", b ?? "");
	expect((await bridged("ip -4 -o addr show eth0")).stdout).toContain("172.17.0.2/16");
	expect(await settled(async () => (await links()).filter((name) => name.startsWith("veth")))).toEqual([]);
});
test("the subnet avoids what the host has", async () => {
	const other = new Host();
	sh("ip link add taken type veth peer name taken2; ip addr add 172.18.0.1/16 dev taken");
	const { stdout } = await other.nc("run", "--rm", IMAGE, "ip", "-4", "-o", "addr", "show", "eth0");
	expect(stdout).toContain("172.19.0.2/16"); // 172.17 is this suite's bridge, 172.18 the host's
	sh("ip link del taken");
	await other.close();
});
test("beside a firewall that drops what it forwards: a rule in its chain, gone with the network; reload puts it back", async () => {
	const rules = (chain: string) => sh(`nft list chain ${chain}`).stdout.toString();
	const pings = async (ip: string) => (await bridged(`ping -c1 -W1 ${ip}`)).code === 0;
	await host.ok("run", "-d", "--name", "peer", IMAGE, "sleep", "1000");
	const ip = await host.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "peer");
	// As docker leaves it behind, with a chain for the rules of others.
	const made = sh(`nft add table ip filter
		nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
		nft add chain ip filter DOCKER-USER; nft add rule ip filter FORWARD jump DOCKER-USER
		nft 'add chain ip filter INPUT { type filter hook input priority 0; policy drop; }'`);
	expect(made.success).toBe(true);
	expect(await pings(ip)).toBe(true); // this container's start has looked again, since rules had changed
	expect(rules("ip filter DOCKER-USER")).toMatch(
		/iifname "nano\w+" counter packets \d+ bytes \d+ accept comment "nanocontainer nano\w+"/,
	);
	expect(rules("ip filter FORWARD")).not.toContain("nano");
	expect(rules("ip filter INPUT")).toMatch(/iifname "nano\w+" udp dport 53 counter .* accept/);
	await host.ok("network", "create", "walled");
	await host.ok("run", "-d", "--name", "w1", "--network", "walled", IMAGE, "sleep", "1000");
	expect((await host.nc("run", "--rm", "--network", "walled", IMAGE, "nslookup", "-type=a", "w1")).stdout).toContain(
		"Name:",
	);
	expect(rules("ip filter DOCKER-USER")).toContain('iifname "br-');
	sh("nft flush ruleset");
	sh(
		"nft add table ip filter; nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
	);
	expect((await host.ok("network", "reload")).split("\n")).toEqual(["bridge", "walled"]);
	expect(rules("ip filter FORWARD")).toContain('oifname "br-');
	expect((await host.nc("exec", "peer", "ping", "-c1", "-W1", "172.17.0.1")).code).toBe(0);
	await host.ok("rm", "-f", "w1");
	await host.ok("network", "rm", "walled");
	expect(rules("ip filter FORWARD")).not.toContain('"br-');
	expect(rules("ip filter FORWARD")).toContain("nano");
	sh("nft delete table ip filter");
	// A bridge that is gone takes the links with it; they come back on it.
	sh(`ip link del ${(await bridges())[0]}`);
	await host.ok("network", "reload");
	expect(await pings(ip)).toBe(true);
	await host.ok("rm", "-f", "peer");
});
