/** Networks that users make: what is on the host for them, who reaches whom, and names. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { ask, encodeQuestion, upstream } from "../dns.ts";
import { Host, IMAGE, links, loopbackUp, settled, until } from "../fixture.ts";

const host = new Host();
const sh = (script: string) => Bun.spawnSync(["sh", "-c", script], { stdout: "pipe", stderr: "pipe" });
const servers = () => sh("pgrep -f '^nanocontainer-names' || true").stdout.toString().split("\n").filter(Boolean);
const removeAll = async () => {
	const ids = (await host.ok("ps", "-aq")).split("\n").filter(Boolean);
	if (ids.length) await host.ok("rm", "-f", ...ids);
};

beforeAll(loopbackUp);
afterAll(async () => {
	await removeAll();
	await host.ok("network", "prune", "-f");
	expect(await settled(async () => servers())).toEqual([]);
	expect(readdirSync(`${host.run}/networks`)).toEqual([]);
	expect((await links()).filter((name) => name.startsWith("br-"))).toEqual([]);
	await host.close();
});

const start = (name: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, ...flags, IMAGE, "sleep", "1000");
const ip = (name: string, network: string) =>
	host.ok("inspect", "-f", `{{.NetworkSettings.Networks.${network}.IPAddress}}`, name);
const pings = async (from: string, to: string): Promise<boolean> =>
	(await host.nc("exec", from, "ping", "-c1", "-W1", to)).code === 0;
const json = async (...args: string[]) => JSON.parse(await host.ok(...args));

describe("network create, ls, inspect, rm, prune", () => {
	test("a bridge with the next subnet, and what docker's API tells of it", async () => {
		const id = await host.ok("network", "create", "one", "--label", "a=1");
		expect(id).toMatch(/^[0-9a-f]{64}$/);
		expect(await links()).toContain(`br-${id.slice(0, 12)}`);
		const [view] = await json("network", "inspect", "one");
		expect(view).toMatchObject({
			Name: "one",
			Id: id,
			Scope: "local",
			Driver: "bridge",
			EnableIPv6: false,
			IPAM: { Driver: "default", Config: [{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }] },
			Internal: false,
			Containers: {},
			Labels: { a: "1" },
		});
		await start("member", "--network", "one");
		const [full] = await json("network", "inspect", id.slice(0, 6));
		const [member] = Object.values(full.Containers) as { Name: string; IPv4Address: string; MacAddress: string }[];
		expect(member).toMatchObject({ Name: "member", IPv4Address: "172.18.0.2/16", MacAddress: "02:42:ac:12:00:02" });
		expect(await host.nc("network", "rm", "one")).toMatchObject({
			code: 1,
			stderr: `Error response from daemon: error while removing network: network one id ${id} has active endpoints\n`,
		});
		await host.ok("stop", "-t", "0", "member");
		expect(await host.ok("network", "rm", "one")).toBe("one");
		expect((await host.nc("start", "member")).stderr).toContain("network one not found");
		await host.ok("rm", "member");
	});
	test("subnet, gateway, range and reserved addresses are as asked", async () => {
		const flags = ["--subnet", "10.9.0.0/24", "--gateway", "10.9.0.254", "--ip-range", "10.9.0.64/30"];
		await host.ok("network", "create", ...flags, "--aux-address", "printer=10.9.0.64", "ranged");
		await start("first", "--network", "ranged");
		expect(await ip("first", "ranged")).toBe("10.9.0.65");
		expect((await host.nc("exec", "first", "ip", "route")).stdout).toContain("default via 10.9.0.254 dev eth0");
		await start("second", "--network", "name=ranged,ip=10.9.0.9,mac-address=02:11:22:33:44:55");
		expect(await ip("second", "ranged")).toBe("10.9.0.9");
		expect(await host.ok("exec", "second", "cat", "/sys/class/net/eth0/address")).toBe("02:11:22:33:44:55");
		await start("third", "--network", "ranged");
		await start("fourth", "--network", "ranged");
		expect(await ip("fourth", "ranged")).toBe("10.9.0.67");
		expect((await host.nc("run", "--rm", "--network", "ranged", IMAGE, "true")).stderr).toContain(
			"10.9.0.64/30 is full",
		);
		for (const [wanted, text] of [
			["10.9.0.9", "Address already in use"],
			["10.9.0.64", "Address already in use"],
			["10.9.0.254", "Address already in use"],
			["10.8.0.1", "does not belong to the network 10.9.0.0/24"],
		] as const) {
			expect((await host.nc("run", "--rm", "--network", "ranged", "--ip", wanted, IMAGE, "true")).stderr).toContain(
				text,
			);
		}
		const [view] = await json("network", "inspect", "ranged");
		expect(view.IPAM.Config).toEqual([
			{
				Subnet: "10.9.0.0/24",
				IPRange: "10.9.0.64/30",
				Gateway: "10.9.0.254",
				AuxiliaryAddresses: { printer: "10.9.0.64" },
			},
		]);
		await removeAll();
		await host.ok("network", "rm", "ranged");
	});
	test("what cannot be is refused, and leaves nothing", async () => {
		sh("ip link add there type veth peer name there2; ip addr add 10.50.0.1/16 dev there; ip link set there up");
		await host.ok("network", "create", "taken", "--subnet", "10.60.0.0/16");
		const before = await links();
		for (const [args, text] of [
			[["taken"], "network with name taken already exists"],
			[["bridge"], "operation is not permitted on predefined bridge network"],
			[["--subnet", "10.60.1.0/24", "n"], "Pool overlaps with other one on this address space"],
			[["--subnet", "10.50.7.0/24", "n"], "this host has an address in 10.50.7.0/24"],
			[["--subnet", "10.1.1.1/24", "n"], "it should be 10.1.1.0/24"],
			[["--subnet", "nonsense", "n"], "invalid CIDR address: nonsense"],
			[["--subnet", "10.1.0.0/16", "--gateway", "10.2.0.1", "n"], "no matching subnet for gateway 10.2.0.1"],
			[["--gateway", "10.2.0.1", "n"], "must have a corresponding subnet"],
			[["-d", "host", "n"], 'only one instance of "host" network is allowed'],
			[["-d", "overlay", "n"], "there is no swarm"],
			[["-d", "nosuch", "n"], "could not find plugin nosuch"],
			[["-d", "macvlan", "-o", "parent=lo", "-o", "macvlan_mode=odd", "n"], 'invalid value "odd"'],
			[["-o", "nosuch=1", "n"], 'the option "nosuch" is not known'],
			[["-o", "com.docker.network.driver.mtu=1", "n"], 'invalid value "1"'],
			[["-o", "com.docker.network.bridge.name=there", "n"], "the device there is there already"],
			[["bad name"], "invalid network name"],
		] as const) {
			const { code, stderr } = await host.nc("network", "create", ...args);
			expect([args.join(" "), code, stderr]).toEqual([args.join(" "), 1, expect.stringContaining(text)]);
		}
		expect(await links()).toEqual(before);
		expect(await host.ok("network", "ls", "-q", "-f", "type=custom")).toMatch(/^[0-9a-f]{12}$/);
		sh("ip link del there");
		for (const name of ["bridge", "host", "none"]) {
			expect((await host.nc("network", "rm", name)).stderr).toContain(
				`${name} is a pre-defined network and cannot be removed`,
			);
		}
		expect(await host.nc("network", "rm", "nosuch")).toMatchObject({ code: 1 });
		expect(await host.nc("network", "rm", "-f", "nosuch")).toMatchObject({ code: 0, stdout: "" });
		await host.ok("network", "rm", "taken");
	});
	test("ls: the table, filters, formats", async () => {
		await host.ok("network", "create", "listed", "--label", "x=y", "--internal");
		const table = (await host.ok("network", "ls")).split("\n");
		expect(table[0]).toMatch(/^NETWORK ID {5}NAME {6}DRIVER {4}SCOPE$/);
		expect(table.map((row) => row.split(/\s+/)[1])).toEqual(["ID", "bridge", "host", "listed", "none"]);
		expect(await host.ok("network", "ls", "-f", "label=x=y", "--format", "{{.Name}} {{.Internal}} {{.Labels}}")).toBe(
			"listed true x=y",
		);
		expect(await host.ok("network", "ls", "-f", "driver=null", "--format", "{{.Name}}")).toBe("none");
		expect((await host.nc("network", "ls", "-f", "nosuch=1")).stderr).toContain("invalid filter 'nosuch'");
		expect(await host.ok("network", "prune", "-f", "--filter", "label!=x=y")).toBe("");
		expect(await host.ok("network", "prune", "-f")).toBe("Deleted Networks:\nlisted\n");
		expect(await host.ok("network", "prune", "-f")).toBe("");
	});
	test("many made at once get a subnet each", async () => {
		const names = Array.from({ length: 6 }, (_, i) => `crowd${i}`);
		await Promise.all(names.map((name) => host.ok("network", "create", name)));
		const views = await json("network", "inspect", ...names);
		const subnets = new Set(
			views.map((view: { IPAM: { Config: { Subnet: string }[] } }) => view.IPAM.Config[0]?.Subnet),
		);
		expect(subnets.size).toBe(6);
		await Promise.all(names.map((name) => host.ok("network", "rm", name)));
		expect((await links()).filter((name) => name.startsWith("br-"))).toEqual([]);
	});
	test("create and rm, killed at any moment: the next command mends it", async () => {
		for (let i = 0; i < 12; i++) {
			const child = Bun.spawn(host.command("network", "create", "victim"), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(6 * i);
			child.kill("SIGKILL");
			await child.exited;
			const there = (await host.ok("network", "ls", "-q", "-f", "name=victim")) !== "";
			if (!there) await host.ok("network", "create", "victim");
			expect(
				await host.nc("run", "--rm", "--network", "victim", IMAGE, "ping", "-c1", "-W1", "172.18.0.1"),
			).toMatchObject({ code: 0, stderr: "" });
			const removing = Bun.spawn(host.command("network", "rm", "victim"), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(6 * i);
			removing.kill("SIGKILL");
			await removing.exited;
			await host.nc("network", "rm", "victim");
		}
		expect(await host.ok("network", "ls", "-q", "-f", "type=custom")).toBe("");
		expect((await links()).filter((name) => name.startsWith("br-"))).toEqual([]);
	}, 60_000);
});

describe("who reaches whom", () => {
	test("the same network, not another; none out of an internal one; nobody without icc", async () => {
		await host.ok("network", "create", "red");
		await host.ok("network", "create", "blue");
		await host.ok("network", "create", "closed", "--internal");
		await host.ok("network", "create", "apart", "-o", "com.docker.network.bridge.enable_icc=false");
		await start("r1", "--network", "red");
		await start("r2", "--network", "red");
		await start("b1", "--network", "blue");
		await start("both", "--network", "red", "--network", "closed");
		await start("c1", "--network", "closed");
		await start("a1", "--network", "apart");
		await start("a2", "--network", "apart");
		expect(await pings("r1", await ip("r2", "red"))).toBe(true);
		expect(await pings("r1", await ip("b1", "blue"))).toBe(false);
		expect(await pings("c1", await ip("both", "closed"))).toBe(true);
		expect(await pings("c1", await ip("r1", "red"))).toBe(false);
		expect(await pings("both", await ip("r1", "red"))).toBe(true);
		sh("sysctl -w net.bridge.bridge-nf-call-iptables=0"); // as on a host without br_netfilter
		expect(await pings("a1", await ip("a2", "apart"))).toBe(false);
		expect(await pings("a1", "172.21.0.1")).toBe(true);
		// An internal network reaches what others publish by no address of the host, not even by its own gateway's.
		await start("pub", "--network", "blue", "-p", "8800:80");
		await host.nc("exec", "-d", "pub", "sh", "-c", "mkdir /w; echo open > /w/index.html; httpd -f -p 80 -h /w");
		const get = (from: string, to: string) =>
			host.nc("exec", from, "sh", "-c", `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${to} 8800`);
		await until(async () => (await get("r1", "172.18.0.1")).stdout.includes("open"), "the server");
		expect((await get("c1", "172.20.0.1")).stdout).toBe("");
		expect((await host.nc("exec", "c1", "ip", "route")).stdout).not.toContain("default");
		expect((await host.nc("exec", "both", "ip", "route")).stdout).toContain("default via 172.18.0.1 dev eth0");
		const hosts = await host.ok("exec", "both", "cat", "/etc/hosts");
		expect(hosts.split("\n").slice(-2)).toEqual([
			expect.stringMatching(/^172\.18\.0\.4\t[0-9a-f]{12}$/),
			expect.stringMatching(/^172\.20\.0\.2\t[0-9a-f]{12}$/),
		]);
		expect(Object.keys((await json("inspect", "both"))[0].NetworkSettings.Networks)).toEqual(["red", "closed"]);
		expect(await host.ok("ps", "--format", "{{.Networks}}", "-f", "name=both")).toBe("red,closed");
		expect((await host.ok("ps", "-q", "-f", "network=closed")).split("\n")).toHaveLength(2);
		await removeAll();
		await host.ok("network", "rm", "red", "blue", "closed", "apart");
	});
	test("without NET_RAW and NET_ADMIN nobody takes another's address", async () => {
		await host.ok("network", "create", "street");
		await start("victim", "--network", "street");
		await start("thief", "--network", "street", "--cap-drop", "NET_RAW");
		const address = await ip("victim", "street");
		const tries = {
			[`ip addr add ${address}/16 dev eth0`]: "Operation not permitted",
			"ip link set eth0 address 02:42:ac:12:00:02": "Operation not permitted",
			[`arping -c 1 -U -I eth0 ${address}`]: "Operation not permitted",
			[`httpd -f -p ${address}:80`]: "Cannot assign requested address",
			"unshare -U true": "Operation not permitted",
		};
		for (const [script, error] of Object.entries(tries)) {
			const { code, stderr } = await host.nc("exec", "thief", "sh", "-c", script);
			expect([script, code !== 0, stderr]).toEqual([script, true, expect.stringContaining(error)]);
		}
		const answers = await host.ok("exec", "victim", "ip", "-4", "neigh");
		expect(answers).not.toContain(address);
		expect(await pings("victim", await ip("thief", "street"))).toBe(true);
		await removeAll();
		await host.ok("network", "rm", "street");
	});
	test("the default route is of the highest priority, else of the first by name", async () => {
		await host.ok("network", "create", "zz", "--subnet", "10.21.0.0/24");
		await host.ok("network", "create", "aa", "--subnet", "10.22.0.0/24");
		const route = async (...networks: string[]) =>
			(await host.nc("run", "--rm", ...networks.flatMap((one) => ["--network", one]), IMAGE, "ip", "route")).stdout;
		expect(await route("zz", "aa")).toContain("default via 10.22.0.1");
		expect(await route("name=zz,gw-priority=1", "aa")).toContain("default via 10.21.0.1");
		await host.ok("network", "rm", "zz", "aa");
	});
	test("a bridge, or all rules, that somebody took away come back with the next container", async () => {
		await host.ok("network", "create", "mended");
		await start("m1", "--network", "mended", "-p", "8500:80");
		sh("nft flush ruleset");
		await start("m2", "--network", "mended");
		const rules = sh("nft list ruleset").stdout.toString();
		expect(rules).toContain("tcp . 8500 :");
		expect(await pings("m2", await ip("m1", "mended"))).toBe(true);
		await removeAll();
		sh(`ip link del br-${await host.ok("network", "ls", "-q", "-f", "name=mended")}`);
		await start("m3", "--network", "mended");
		expect(await pings("m3", "172.18.0.1")).toBe(true);
		await removeAll();
		await host.ok("network", "rm", "mended");
	});
});

describe("network connect and disconnect", () => {
	beforeAll(async () => {
		await host.ok("network", "create", "left", "--subnet", "10.31.0.0/24");
		await host.ok("network", "create", "right", "--subnet", "10.32.0.0/24");
	});
	afterAll(async () => {
		await removeAll();
		await host.ok("network", "rm", "left", "right");
	});
	const routes = async (name: string) => (await host.nc("exec", name, "ip", "route")).stdout;

	test("a container that runs: link, address, names and hosts at once, and gone again", async () => {
		await start("mover", "--network", "left");
		await start("stayer", "--network", "right");
		expect(await pings("mover", await ip("stayer", "right"))).toBe(false);
		await host.ok("network", "connect", "--alias", "moved", "--ip", "10.32.0.77", "right", "mover");
		expect(await pings("mover", await ip("stayer", "right"))).toBe(true);
		expect(await ip("mover", "right")).toBe("10.32.0.77");
		expect((await host.nc("exec", "mover", "nslookup", "-type=a", "stayer")).stdout).toContain("10.32.0.2");
		expect((await host.nc("exec", "stayer", "nslookup", "-type=a", "moved")).stdout).toContain("10.32.0.77");
		expect(await host.ok("exec", "mover", "cat", "/etc/hosts")).toContain("10.32.0.77\t");
		expect(await routes("mover")).toContain("default via 10.31.0.1 dev eth0");
		expect(Object.keys((await json("network", "inspect", "right"))[0].Containers)).toHaveLength(2);
		const id = await host.ok("inspect", "-f", "{{.Id}}", "mover");
		expect((await host.nc("network", "connect", "right", "mover")).stderr).toBe(
			"Error response from daemon: endpoint with name mover already exists in network right\n",
		);
		await host.ok("network", "disconnect", "left", "mover");
		expect(await routes("mover")).toContain("default via 10.32.0.1 dev eth1");
		expect(await host.ok("exec", "mover", "ls", "/sys/class/net")).toBe("eth1\nlo");
		expect(await host.ok("exec", "mover", "cat", "/etc/hosts")).not.toContain("10.31.0.");
		expect((await host.nc("exec", "mover", "nslookup", "-type=a", "stayer")).stdout).toContain("10.32.0.2");
		expect((await host.nc("network", "disconnect", "left", "mover")).stderr).toBe(
			`Error response from daemon: container ${id} is not connected to network left\n`,
		);
		await host.ok("network", "connect", "left", "mover");
		expect(await ip("mover", "left")).toBe("10.31.0.2");
		await host.ok("network", "disconnect", "left", "mover");
		await host.ok("network", "disconnect", "right", "mover");
		expect(await routes("mover")).toBe("");
		await host.ok("network", "connect", "bridge", "mover");
		expect(await pings("mover", "172.17.0.1")).toBe(true);
		await removeAll();
	});
	test("one that does not run is connected when it starts; what was connected stays so", async () => {
		await host.ok("create", "--name", "later", IMAGE, "sleep", "1000");
		await host.ok("network", "connect", "left", "later");
		await host.ok("network", "disconnect", "bridge", "later");
		await host.ok("network", "connect", "--gw-priority", "5", "right", "later");
		await host.ok("start", "later");
		expect(await routes("later")).toContain("default via 10.32.0.1 dev eth1");
		await host.ok("stop", "-t", "0", "later");
		await host.ok("start", "later");
		expect(Object.keys((await json("inspect", "later"))[0].NetworkSettings.Networks)).toEqual(["left", "right"]);
		await removeAll();
	});
	test("published ports follow to the network that is the way out", async () => {
		await start("served", "--network", "left", "-p", "8600:80");
		const serving = host.nc(
			"exec",
			"served",
			"sh",
			"-c",
			"mkdir /w; echo found > /w/index.html; exec httpd -f -p 80 -h /w",
		);
		const get = () =>
			sh(
				"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 127.0.0.1 8600; printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 ::1 8600",
			).stdout.toString();
		const both = () => get().split("found").length === 3;
		await until(both, "the server");
		await host.ok("network", "connect", "right", "served");
		expect(both()).toBe(true);
		await host.ok("network", "disconnect", "left", "served");
		expect(both()).toBe(true);
		expect(await host.ok("port", "served")).toBe("80/tcp -> 0.0.0.0:8600\n80/tcp -> [::]:8600");
		await removeAll();
		await serving;
	});
	test("what cannot be", async () => {
		await start("hosted", "--network", "host");
		expect((await host.nc("network", "connect", "left", "hosted")).stderr).toContain(
			"container must be created in host mode",
		);
		expect((await host.nc("network", "connect", "nosuch", "hosted")).stderr).toContain("network nosuch not found");
		expect((await host.nc("network", "connect", "left", "nosuch")).stderr).toContain("No such container: nosuch");
		expect((await host.nc("network", "disconnect", "left", "nosuch")).code).toBe(1);
		expect((await host.nc("network", "disconnect", "-f", "left", "nosuch")).code).toBe(0);
		await removeAll();
	});
	test("killed at any moment, the next one does it", async () => {
		await start("shaken", "--network", "left");
		for (let i = 0; i < 12; i++) {
			for (const verb of ["connect", "disconnect"]) {
				const child = Bun.spawn(host.command("network", verb, "right", "shaken"), {
					stdout: "ignore",
					stderr: "ignore",
				});
				await Bun.sleep(6 * i);
				child.kill("SIGKILL");
				await child.exited;
				const { code, stderr } = await host.nc("network", verb, "right", "shaken");
				expect(code === 0 || /already exists in|is not connected to/.test(stderr)).toBe(true);
				expect((await host.ok("exec", "shaken", "ls", "/sys/class/net")).includes("eth1")).toBe(verb === "connect");
			}
		}
		await removeAll();
		expect(await host.ok("network", "inspect", "-f", "{{len .Containers}}", "right")).toBe("0");
	}, 60_000);
});

describe("macvlan and ipvlan", () => {
	const LAN = `nc-lan-${process.pid}`;
	beforeAll(() => {
		const made = sh(`set -e; ip netns add ${LAN}; ip link add lan0 type veth peer name far netns ${LAN}
			ip addr add 10.99.0.2/24 dev lan0; ip link set lan0 up
			ip -n ${LAN} addr add 10.99.0.1/24 dev far; ip -n ${LAN} link set far up`);
		if (!made.success) throw new Error(made.stderr.toString());
	});
	afterAll(async () => {
		await removeAll();
		await host.ok("network", "prune", "-f");
		sh(`ip netns del ${LAN}`);
	});
	test("a container is in the network of a device of the host's, with addresses of its own", async () => {
		const lan = ["--subnet", "10.99.0.0/24", "--gateway", "10.99.0.1", "-o", "parent=lan0"];
		await host.ok("network", "create", "-d", "macvlan", ...lan, "lan");
		expect((await links()).filter((name) => name.startsWith("br-"))).toEqual([]);
		await start("m1", "--network", "name=lan,ip=10.99.0.50,mac-address=02:aa:bb:cc:dd:ee");
		await start("m2", "--network", "lan", "-p", "8900:80");
		expect(await host.ok("exec", "m1", "cat", "/sys/class/net/eth0/address")).toBe("02:aa:bb:cc:dd:ee");
		expect((await host.nc("exec", "m1", "ip", "route")).stdout).toContain("default via 10.99.0.1 dev eth0");
		expect(await pings("m1", "10.99.0.1")).toBe(true);
		expect(await pings("m1", await ip("m2", "lan"))).toBe(true);
		expect(
			sh(`ip netns exec ${LAN} ping -c1 -W1 10.99.0.50 || ip netns exec ${LAN} busybox ping -c1 -W1 10.99.0.50`)
				.success,
		).toBe(true);
		expect(await host.ok("port", "m2")).toBe(""); // it is reached without the host
		await host.ok("network", "create", "side");
		await host.ok("network", "connect", "side", "m1");
		await host.ok("network", "disconnect", "lan", "m1");
		expect(await host.ok("exec", "m1", "ls", "/sys/class/net")).toBe("eth1\nlo");
		await host.ok("network", "connect", "--ip", "10.99.0.51", "lan", "m1");
		expect(await pings("m1", "10.99.0.1")).toBe(true);
		expect((await json("network", "inspect", "lan"))[0]).toMatchObject({
			Driver: "macvlan",
			Options: { parent: "lan0" },
		});
		await host.ok("stop", "-t", "0", "m1");
		await host.ok("start", "m1");
		expect(await pings("m1", "10.99.0.1")).toBe(true);
		await removeAll();
		await host.ok("network", "rm", "lan", "side");
	});
	test("what is missing is told: the parent, a device that is not there, a kernel without it", async () => {
		expect((await host.nc("network", "create", "-d", "macvlan", "x1")).stderr).toContain(
			"name it with --opt parent=DEVICE",
		);
		expect((await host.nc("network", "create", "-d", "ipvlan", "-o", "parent=nosuch", "x1")).stderr).toContain(
			"the parent device nosuch is not there",
		);
		expect(await host.ok("network", "ls", "-q", "-f", "name=x1")).toBe("");
		await host.ok(
			"network",
			"create",
			"-d",
			"ipvlan",
			"--subnet",
			"10.97.0.0/24",
			"-o",
			"parent=lan0",
			"-o",
			"ipvlan_mode=l3",
			"x2",
		);
		const { code, stdout, stderr } = await host.nc("run", "--rm", "--network", "x2", IMAGE, "ip", "route");
		if (code === 0) expect(stdout).toContain("default dev eth0");
		else expect(stderr).toMatch(/This kernel \([^)]+\) has no ipvlan devices \(module ipvlan\)/);
		await host.ok("network", "rm", "x2");
	});
});

describe("--network container:NAME", () => {
	afterAll(removeAll);
	test("shares devices, ports, names and hosts, with a running container alone", async () => {
		await start("owner", "-h", "owning", "-p", "8700:80");
		const shared = await host.nc(
			"run",
			"--rm",
			"--network",
			"container:owner",
			IMAGE,
			"sh",
			"-c",
			"hostname; cat /etc/hosts; ip -o link | wc -l; ls /sys/class/net",
		);
		expect(shared.stdout).toMatch(/^owning\n127\.0\.0\.1\tlocalhost\n[\s\S]*172\.17\.0\.2\towning\n2\neth0\nlo\n$/);
		const serving = host.nc(
			"run",
			"-d",
			"--name",
			"sharer",
			"--network",
			"container:owner",
			IMAGE,
			"sh",
			"-c",
			"mkdir /w; echo shared > /w/index.html; exec httpd -f -p 80 -h /w",
		);
		await serving;
		await until(
			() => sh("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 127.0.0.1 8700").stdout.includes("shared"),
			"the server",
		);
		const id = await host.ok("inspect", "-f", "{{.Id}}", "owner");
		expect(await host.ok("inspect", "-f", "{{.HostConfig.NetworkMode}}", "sharer")).toBe(`container:${id}`);
		expect(await host.ok("inspect", "-f", "{{json .NetworkSettings.Networks}}", "sharer")).toBe("{}");
		expect((await host.nc("network", "connect", "bridge", "sharer")).stderr).toContain(
			"container sharing network namespace",
		);
		for (const [flags, text] of [
			[["-p", "80:80"], "port publishing and the container type network mode"],
			[["-h", "x"], "hostname and the network mode"],
			[["--dns", "1.1.1.1"], "dns and the network mode"],
		] as const) {
			const { code, stderr } = await host.nc("run", "--rm", "--network", "container:owner", ...flags, IMAGE, "true");
			expect([code, stderr]).toEqual([125, expect.stringContaining(`conflicting options: ${text}`)]);
		}
		await host.ok("stop", "-t", "0", "owner");
		expect((await host.nc("run", "--rm", "--network", "container:owner", IMAGE, "true")).stderr).toContain(
			`cannot join network of a non running container: ${id}`,
		);
		expect((await host.nc("run", "--rm", "--network", "container:nosuch", IMAGE, "true")).stderr).toContain(
			"No such container: nosuch",
		);
	});
});

describe("names", () => {
	/** What the container is told, asked by a program in its network. */
	const resolve = async (from: string, name: string, o: { type?: string; tcp?: boolean; edns?: number } = {}) =>
		ask(
			Number(await host.ok("inspect", "-f", "{{.State.Pid}}", from)),
			await nameserver(from),
			encodeQuestion(name, o),
			o.tcp ?? false,
		);
	const nameserver = async (from: string) =>
		/nameserver (\S+)/.exec(await host.ok("exec", from, "cat", "/etc/resolv.conf"))?.[1] ?? "";

	beforeAll(async () => {
		await host.ok("network", "create", "names");
		await host.ok("network", "create", "other");
		await start("web", "--network", "names", "--network-alias", "www", "--network-alias", "front");
		await start("web2", "--network", "names", "--network-alias", "www", "-h", "boxed");
		await start("hidden", "--network", "other");
		await start("between", "--network", "names", "--network", "other");
	});
	afterAll(async () => {
		await removeAll();
		await host.ok("network", "rm", "names", "other");
	});

	test("a container is found by its name, its aliases, its short ID and its host name, with the network's name or without", async () => {
		const web = await ip("web", "names");
		const id = (await host.ok("inspect", "-f", "{{.Id}}", "web")).slice(0, 12);
		for (const name of ["web", "WEB", "front", id, "web.names", `${id}.names`]) {
			expect([name, (await resolve("web2", name)).answers]).toEqual([name, [web]]);
		}
		expect((await resolve("web", "boxed")).answers).toEqual([await ip("web2", "names")]);
		expect((await resolve("web", "web")).answers).toEqual([web]); // itself
		expect((await resolve("web", "web", { tcp: true })).answers).toEqual([web]);
		expect(await resolve("web", "web", { type: "AAAA" })).toMatchObject({ code: 0, answers: [] });
		const reversed = web.split(".").reverse().join(".");
		expect((await resolve("web2", `${reversed}.in-addr.arpa`, { type: "PTR" })).answers).toEqual(["web.names"]);
		expect((await host.nc("exec", "web2", "nslookup", "-type=a", "front")).stdout).toContain(`Address: ${web}`);
	});
	test("an alias of several is all of them, in turns", async () => {
		const both = [await ip("web", "names"), await ip("web2", "names")];
		const seen = new Set<string>();
		for (let i = 0; i < 6; i++) {
			const { answers } = await resolve("web", "www");
			expect(answers.toSorted()).toEqual(both.toSorted());
			seen.add(answers[0] ?? "");
		}
		expect(seen.size).toBe(2);
	});
	test("no name leaks to another network; who is in both has the names of both", async () => {
		expect((await resolve("web", "hidden")).answers).toEqual([]);
		expect((await resolve("hidden", "web")).answers).toEqual([]);
		expect((await resolve("between", "hidden")).answers).toEqual([await ip("hidden", "other")]);
		expect((await resolve("between", "web")).answers).toEqual([await ip("web", "names")]);
		// The server of one network, asked from the other: it tells nothing.
		const pid = Number(await host.ok("inspect", "-f", "{{.State.Pid}}", "hidden"));
		expect(await ask(pid, await nameserver("web"), encodeQuestion("web", {}), false)).toMatchObject({
			code: 5,
			answers: [],
		});
	});
	test("at once when it starts, no longer when it stops, whoever ends it", async () => {
		await start("brief", "--network", "names");
		expect((await resolve("web", "brief")).answers).toHaveLength(1);
		await host.ok("stop", "-t", "0", "brief");
		expect((await resolve("web", "brief")).answers).toEqual([]);
		await host.ok("start", "brief");
		expect((await resolve("web", "brief")).answers).toHaveLength(1);
		process.kill(Number(await host.ok("inspect", "-f", "{{.State.Pid}}", "brief")), "SIGKILL");
		await until(async () => (await resolve("web", "brief")).answers.length === 0, "the name to go, with no command");
		await host.ok("rm", "brief");
	});
	test("other names are asked of the host's servers, over UDP and TCP; an internal network asks nobody", async () => {
		using server = await upstream("127.0.0.9");
		await start("asking", "--network", "names", "--dns", "127.0.0.9");
		await until(async () => (await resolve("asking", "example.com")).answers.length === 1, "the other server");
		expect((await resolve("asking", "example.com")).answers).toEqual(["192.0.2.7"]);
		expect((await resolve("asking", "example.com", { tcp: true })).answers).toEqual(["192.0.2.7"]);
		expect(await resolve("asking", "large.example.com")).toMatchObject({ truncated: true });
		expect((await resolve("asking", "large.example.com", { tcp: true })).answers).toHaveLength(200);
		await host.ok("network", "create", "inner", "--internal");
		await start("inside", "--network", "inner", "--dns", "127.0.0.9");
		const before = server.questions();
		expect(await resolve("inside", "example.com")).toMatchObject({ code: 3, answers: [] });
		expect(server.questions()).toBe(before);
		await host.ok("rm", "-f", "asking", "inside");
		await host.ok("network", "rm", "inner");
	});
	test("many addresses: cut over UDP, more with EDNS, all over TCP", async () => {
		const many = Array.from({ length: 40 }, (_, i) => `many${i}`);
		for (let i = 0; i < many.length; i += 10) {
			await Promise.all(
				many.slice(i, i + 10).map((name) => start(name, "--network", "names", "--network-alias", "crowd")),
			);
		}
		expect(await resolve("web", "crowd")).toMatchObject({ truncated: true, answers: [] });
		expect((await resolve("web", "crowd", { edns: 1232 })).answers).toHaveLength(40);
		expect((await resolve("web", "crowd", { tcp: true })).answers).toHaveLength(40);
		await host.ok("rm", "-f", ...many);
	}, 60_000);
	test("whatever a container sends, the server answers the next question", async () => {
		const pid = Number(await host.ok("inspect", "-f", "{{.State.Pid}}", "web"));
		const server = await nameserver("web");
		const good = encodeQuestion("web2", {});
		for (let round = 0; round < 40; round++) {
			const packets = Array.from({ length: 50 }, () => {
				const bytes = Uint8Array.from(good);
				for (let n = 0; n < 1 + (round % 6); n++) bytes[Math.floor(Math.random() * bytes.length)] = Math.random() * 256;
				return bytes.subarray(0, Math.random() < 0.3 ? Math.floor(Math.random() * bytes.length) : bytes.length);
			});
			await ask(pid, server, good, false, packets);
		}
		expect((await resolve("web", "web2")).answers).toEqual([await ip("web2", "names")]);
	}, 60_000);
	test("connections that say nothing, while containers come and go: the server goes on, and others are served", async () => {
		const id = await host.ok("network", "inspect", "-f", "{{.Id}}", "names");
		const pid = () => readFileSync(`${host.run}/networks/${id}/pid`, "utf8").split(" ")[0] ?? "";
		const ticks = () => Number(readFileSync(`/proc/${pid()}/stat`, "utf8").split(" ")[13]);
		const before = pid();
		const web = await host.ok("inspect", "-f", "{{.State.Pid}}", "web");
		const program = `import socket,time\nc=[socket.create_connection(('${await nameserver("web")}',53)) for _ in range(20)]\nprint('held',flush=True)\ntime.sleep(60)`;
		const holder = Bun.spawn(["nsenter", "-t", web, "-n", "python3", "-c", program], { stdout: "pipe" });
		await holder.stdout.getReader().read();
		for (let i = 0; i < 3; i++) {
			await start("passing", "--network", "names");
			expect((await resolve("web2", "passing", { tcp: true })).answers).toHaveLength(1);
			await host.ok("rm", "-f", "passing");
		}
		const used = ticks();
		expect((await resolve("web2", "web")).answers).toHaveLength(1);
		await Bun.sleep(300); // a server that spins would have used thirty ticks
		expect(ticks() - used).toBeLessThan(10);
		expect(pid()).toBe(before);
		holder.kill();
		await holder.exited;
	}, 30_000);
	test("the server ends with the last container, and a new one begins with the next", async () => {
		await host.ok("network", "create", "alone");
		const before = servers().length;
		await start("only", "--network", "alone");
		expect(servers()).toHaveLength(before + 1);
		const id = await host.ok("network", "inspect", "-f", "{{.Id}}", "alone");
		await host.ok("rm", "-f", "only");
		await until(() => servers().length === before, "the server to end");
		expect(existsSync(`${host.run}/networks/${id}/pid`)).toBe(false);
		for (let i = 0; i < 10; i++) {
			await host.ok("run", "--rm", "--name", "again", "--network", "alone", IMAGE, "nslookup", "-type=a", "again");
		}
		await until(() => servers().length === before, "the server to end");
		expect(readFileSync(`${host.run}/networks/${id}/names`, "utf8")).toBe("");
		await host.ok("network", "rm", "alone");
	});
	test("killed, the server is begun again by the next container", async () => {
		await host.ok("network", "create", "fallen");
		await start("f1", "--network", "fallen");
		const id = await host.ok("network", "inspect", "-f", "{{.Id}}", "fallen");
		process.kill(Number(readFileSync(`${host.run}/networks/${id}/pid`, "utf8").split(" ")[0]), "SIGKILL");
		await start("f2", "--network", "fallen");
		expect((await resolve("f1", "f2")).answers).toHaveLength(1);
		await host.ok("rm", "-f", "f1", "f2");
		await host.ok("network", "rm", "fallen");
	});
});

test("beside a name server of the host on all its addresses: another port, to which questions are led", async () => {
	const other = Bun.spawn([
		"python3",
		"-c",
		`import socket,time
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.bind(('0.0.0.0',53))
t=socket.create_server(('0.0.0.0',53))
time.sleep(60)`,
	]);
	await until(() => sh("ss -ltn | grep -q 0.0.0.0:53").success, "the other server");
	await host.ok("network", "create", "late");
	await start("peer", "--network", "late");
	await start("asker", "--network", "late");
	const pid = Number(await host.ok("inspect", "-f", "{{.State.Pid}}", "asker"));
	const gateway = (await json("network", "inspect", "late"))[0].IPAM.Config[0].Gateway;
	for (const tcp of [false, true]) {
		expect((await ask(pid, gateway, encodeQuestion("peer", {}), tcp)).answers).toEqual([await ip("peer", "late")]);
	}
	sh("nft flush ruleset");
	await host.ok("network", "reload");
	expect((await ask(pid, gateway, encodeQuestion("peer", {}), false)).answers).toHaveLength(1);
	await host.ok("rm", "-f", "peer", "asker");
	other.kill();
	await other.exited;
	await start("peer", "--network", "late");
	expect(sh(`ss -lun | grep -q '${gateway}:53 '`).success).toBe(true);
	await host.ok("rm", "-f", "peer");
	await host.ok("network", "rm", "late");
});

test("a bridge that is made anew has the hardware address that containers know", async () => {
	const id = await host.ok("network", "create", "again");
	const device = `br-${id.slice(0, 12)}`;
	const address = () => /ether (\S+)/.exec(sh(`ip -o link show ${device}`).stdout.toString())?.[1] ?? "";
	const before = address();
	expect(before).toMatch(/^02:/);
	sh(`ip link del ${device}`);
	await host.ok("network", "reload");
	expect(address()).toBe(before);
	await host.ok("network", "rm", "again");
});

test("what a network cannot be told is refused in docker's words", async () => {
	const refused = async (...args: string[]) => await host.nc("network", "create", ...args, "not");
	expect((await refused("--subnet", "10.11.0.0/24", "--aux-address", "10.12.0.9")).stderr).toContain(
		"no matching subnet for aux-address",
	);
	expect((await refused("--subnet", "10.11.0.0/24", "--aux-address", "g=10.11.0.1")).stderr).toContain(
		"failed to allocate secondary ip address (g:10.11.0.1): Address already in use",
	);
	expect(await refused("--label", "=x")).toMatchObject({
		code: 125,
		stderr: expect.stringContaining(`invalid argument "=x" for "--label" flag: invalid label '=x': empty name`),
	});
	expect(
		(await host.nc("run", "--rm", "--network", "name=bridge,ip=172.17.0.9", "--ip", "172.17.0.8", IMAGE, "true"))
			.stderr,
	).toContain("conflicting options: cannot specify both --ip and per-network IPv4 address");
	expect((await host.nc("run", "--rm", "-p", "[fe80::1]:8080:80", IMAGE, "true")).stderr).toContain(
		"failed to bind host port [fe80::1]:8080/tcp: invalid argument",
	);
	expect(await host.ok("network", "create", "--help")).not.toContain("Aliases:");
});

test("iptables reads its tables with our rules in them", async () => {
	sh("iptables -P FORWARD DROP");
	expect((await host.nc("run", "--rm", IMAGE, "true")).stderr).toBe("");
	const listed = sh("iptables -S FORWARD; iptables -S INPUT");
	expect(listed.stderr.toString()).not.toContain("incompatible");
	for (const way of ["-i", "-o"]) {
		expect(listed.stdout.toString()).toMatch(
			new RegExp(`-A FORWARD ${way} nano\\w+ -m comment --comment "nanocontainer nano\\w+" -j ACCEPT`),
		);
	}
	sh("iptables -P FORWARD ACCEPT; iptables -F FORWARD");
});
