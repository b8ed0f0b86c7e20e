/** --link, the configuration file's keys of networks, and `network exposed`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { Host, IMAGE } from "../fixture.ts";
import { get, makeOutside, removeOutside, run } from "../outside.ts";

const host = new Host();
let outside: string;
beforeAll(() => {
	outside = makeOutside();
});
afterAll(async () => {
	await removeAll();
	await host.close();
	removeOutside(outside);
});
const removeAll = async () => {
	const ids = (await host.ok("ps", "-aq")).split("\n").filter(Boolean);
	if (ids.length) await host.ok("rm", "-f", ...ids);
	await host.ok("network", "prune", "-f");
};
const idle = (name: string, ...flags: string[]) =>
	host.ok("run", "-d", "--name", name, ...flags, IMAGE, "sleep", "1000");
const said = async (script: string, ...flags: string[]) => host.nc("run", "--rm", ...flags, IMAGE, "sh", "-c", script);

describe("--link", () => {
	afterAll(removeAll);
	test("in the default network: a line of the hosts file", async () => {
		const id = await idle("db");
		expect(
			(await said("tail -n2 /etc/hosts; ping -c1 postgres", "--link", "db:postgres", "--link", "db")).stdout,
		).toStartWith(`172.17.0.2\tpostgres ${id.slice(0, 12)} db\n172.17.0.2\tdb ${id.slice(0, 12)}\nPING postgres`);
		await host.ok("create", "--name", "linked", "--link", "db:x", IMAGE, "true");
		expect(await host.ok("inspect", "-f", "{{json .HostConfig.Links}}", "linked")).toBe('["/db:/linked/x"]');
	});
	test("in a network of the user's: a name that it alone knows", async () => {
		await host.ok("network", "create", "net");
		await idle("store", "--network", "net");
		const { stdout } = await said("nslookup mine; nslookup store", "--network", "net", "--link", "store:mine");
		expect(stdout.match(/Address: 172\.18\.0\.2$/gm)).toHaveLength(2);
		expect((await said("nslookup mine", "--network", "net")).code).not.toBe(0);
		await idle("later");
		await host.ok("network", "connect", "--link", "store:mine", "net", "later");
		expect(await host.ok("exec", "later", "nslookup", "mine")).toContain("Address: 172.18.0.2");
		// Whose name server is that of another network.
		await host.ok("network", "create", "first");
		await idle("two", "--network", "first");
		await host.ok("network", "connect", "--link", "store:mine", "net", "two");
		expect(await host.ok("exec", "two", "nslookup", "mine")).toContain("Address: 172.18.0.2");
	});
	test("rm --link takes the name away, at once, and leaves both containers", async () => {
		await idle("parent", "--link", "db:one", "--link", "db:two");
		expect(await host.ok("rm", "--link", "/parent/one")).toBe("/parent/one");
		expect(await host.ok("inspect", "-f", "{{json .HostConfig.Links}}", "parent")).toBe('["/db:/parent/two"]');
		const hosts = await host.ok("exec", "parent", "cat", "/etc/hosts");
		expect([hosts.includes("\tone "), hosts.includes("\ttwo ")]).toEqual([false, true]);
		await host.ok("rm", "-l", "later/mine"); // of a network with names
		expect((await host.nc("exec", "later", "nslookup", "mine")).code).not.toBe(0);
		for (const [link, text] of [
			["parent/one", "No such container: parent/one"],
			["nosuch/one", "No such container: nosuch/one"],
			["nosuch", "No such container: nosuch"],
			["db", "Conflict, cannot remove the default link name of the container"],
		] as const) {
			expect((await host.nc("rm", "--link", link)).stderr).toContain(text);
		}
		expect(await host.ok("ps", "--format", "{{.Names}}", "-f", "name=parent")).toBe("parent");
	});
	test("to what is not there, in docker's words", async () => {
		await host.ok("create", "--name", "still", IMAGE, "true");
		for (const [link, text] of [
			["nosuch", "could not get container for nosuch: No such container: nosuch"],
			["a:b:c", "bad format for links: a:b:c"],
			["still:x", "Cannot link to a non running container: /still AS /me/x"],
			["store", "Cannot link to /store, as it does not belong to the default network"],
		] as const) {
			expect((await said("true", "--name", "me", "--link", link)).stderr).toContain(text);
		}
		expect((await said("true", "--network", "host", "--link", "still")).stderr).toContain(
			"host type networking can't be used with links",
		);
	});
});

describe("the configuration file", () => {
	const file = `${host.dir}/config.json`;
	const env = { NANOCONTAINER_CONFIG: file };
	const configure = (config: object) => writeFileSync(file, JSON.stringify(config));
	afterAll(removeAll);

	test("ip: where ports are published that name no address", async () => {
		configure({ ip: "127.0.0.1" });
		await host.ok(
			"run",
			"-d",
			"--name",
			"web",
			"-p",
			"8080:80",
			"-p",
			"0.0.0.0:8081:80",
			IMAGE,
			"sh",
			"-c",
			"mkdir /w; echo web > /w/index.html; exec httpd -f -p 80 -h /w",
			{ env },
		);
		expect(await host.ok("port", "web")).toBe("80/tcp -> 0.0.0.0:8081\n80/tcp -> 127.0.0.1:8080");
		expect([get("127.0.0.1", 8080), get("10.77.0.1", 8080, outside), get("10.77.0.1", 8081, outside)]).toEqual([
			"web",
			"",
			"web",
		]);
		await host.ok("rm", "-f", "web");
	});
	test("default-address-pools: where subnets come from, of both families", async () => {
		configure({
			"default-address-pools": [
				{ base: "10.20.0.0/16", size: 24 },
				{ base: "fd12::/48", size: 64 },
			],
		});
		for (const name of ["first", "second"]) await host.ok("network", "create", "--ipv6", name, { env });
		expect(
			await host.ok("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", "first", "second"),
		).toBe("10.20.0.0/24 fd12::/64 \n10.20.1.0/24 fd12:0:0:1::/64 ");
		configure({ "default-address-pools": [{ base: "10.20.0.0/23", size: 24 }] });
		expect((await host.nc("network", "create", "third", { env })).stderr).toContain(
			"all predefined address pools have been fully subnetted",
		);
		await host.ok("network", "prune", "-f");
	});
	test("default-bridge-names: containers of the default network know each other; otherwise they do not", async () => {
		await idle("unknown");
		expect((await said("nslookup unknown 172.17.0.1")).code).not.toBe(0);
		configure({ "default-bridge-names": true });
		await host.ok("run", "-d", "--name", "known", IMAGE, "sleep", "1000", { env });
		const { stdout } = await host.nc("run", "--rm", IMAGE, "sh", "-c", "nslookup known; cat /etc/resolv.conf", { env });
		expect(stdout).toMatch(/Name:\tknown\nAddress: 172\.17\.0\.\d+/);
		expect(stdout).toContain("nameserver 172.17.0.1");
		await host.ok("rm", "-f", "known", "unknown");
		expect(run("pgrep -f '^nanocontainer-names'").stdout.toString()).toBe("");
	});
	test("bip: the default network's own address", async () => {
		configure({ bip: "10.9.9.1/24" });
		const bridge = await host.ok(
			"network",
			"inspect",
			"-f",
			'{{index .Options "com.docker.network.bridge.name"}}',
			"bridge",
		);
		run(`ip link del ${bridge}`);
		expect((await host.nc("run", "--rm", IMAGE, "ip", "route", { env })).stdout).toContain(
			"default via 10.9.9.1 dev eth0",
		);
		run(`ip link del ${bridge}`);
		await host.ok("network", "create", "--subnet", "10.66.0.0/16", "has-it");
		configure({ bip: "10.66.0.1/24" });
		expect((await host.nc("run", "--rm", IMAGE, "true", { env })).stderr).toContain(
			'"bip" 10.66.0.1/24: another network, or this host, has addresses in 10.66.0.0/24',
		);
		await host.ok("network", "rm", "has-it");
	});
	test("mistakes are told with their key", async () => {
		for (const [config, text] of [
			[{ ip: "x" }, '"ip": is not an address'],
			[{ bip: "10.9.9.0/24" }, '"bip": is not an address of a subnet'],
			[{ bip: "10.9.9.1" }, '"bip": is not an address of a subnet'],
			[{ "default-address-pools": [{ base: "10.20.0.0/16", size: 8 }] }, '"default-address-pools.0": is not a subnet'],
			[{ "default-bridge-names": "yes" }, '"default-bridge-names"'],
		] as const) {
			configure(config);
			expect((await host.nc("network", "create", "not", { env })).stderr).toContain(text);
		}
	});
});

test("network exposed: what the outside reaches, and by what", async () => {
	await host.ok(
		"network",
		"create",
		"--ipv6",
		"--subnet",
		"fd66::/64",
		"-o",
		"com.docker.network.bridge.gateway_mode_ipv6=routed",
		"routed",
	);
	await idle("near", "-p", "127.0.0.1:9000:80");
	await idle("far", "-p", "9001:80", "-p", "10.77.0.1:9002:53/udp");
	await idle("own", "--network", "routed", "--ip6", "fd66::80", "-p", "9003:80");
	await idle("whole", "--network", "host");
	const rows = (await host.ok("network", "exposed", "--format", "{{.Container}} {{.Port}} {{.Address}} {{.By}}")).split(
		"\n",
	);
	const bridge = await host.ok(
		"network",
		"inspect",
		"-f",
		'{{index .Options "com.docker.network.bridge.name"}}',
		"bridge",
	);
	const table = `table inet nanocontainer${bridge === "nanobridge" ? "" : `-${bridge}`}`;
	expect(rows).toEqual([
		`far 80/tcp 10.77.0.1:9001 map ports in ${table}`,
		"far 80/tcp [fd77::1]:9001 its proxy",
		`far 53/udp 10.77.0.1:9002 map ports_at in ${table}`,
		`own 80/tcp 10.77.0.1:9003 map ports in ${table}`,
		`own 80/tcp [fd66::80]:80 set open6 in ${table}`,
		"whole * 10.77.0.1 fd77::1 its own sockets on this host",
	]);
	expect((await host.ok("network", "exposed")).split("\n")[0]).toMatch(/^CONTAINER +PORT +ADDRESS +NETWORK +BY$/);
});
