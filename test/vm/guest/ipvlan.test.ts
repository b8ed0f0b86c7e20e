/** Networks of ipvlan, which needs a kernel that has it. Runs in a machine (suites.test.ts). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE } from "../../fixture.ts";

const host = new Host();
const sh = (script: string) => Bun.spawnSync(["sh", "-ec", script], { stdout: "pipe", stderr: "pipe" });

beforeAll(() => {
	const made = sh(`insmod $(find /lib/modules -name ipvlan.ko)
		ip link set lo up; ip netns add lan; ip link add lan0 type veth peer name far netns lan
		ip addr add 10.99.0.2/24 dev lan0; ip link set lan0 up
		ip -n lan addr add 10.99.0.1/24 dev far; ip -n lan link set far up
		ip -n lan route add 10.98.0.0/24 dev far`);
	if (!made.success) throw new Error(made.stderr.toString());
});
afterAll(async () => {
	await host.ok("network", "prune", "-f");
	await host.close();
	sh("ip netns del lan");
});

const from = (network: string, script: string) =>
	host.nc("run", "--rm", "--network", network, IMAGE, "sh", "-c", script);

test("l2: in the network of the device, under its hardware address", async () => {
	const flags = ["--subnet", "10.99.0.0/24", "--gateway", "10.99.0.1", "-o", "parent=lan0"];
	await host.ok("network", "create", "-d", "ipvlan", ...flags, "two");
	const { stdout, stderr } = await from("two", "ip route; ping -c1 -W2 10.99.0.1; cat /sys/class/net/eth0/address");
	expect(stderr).toBe("");
	expect(stdout).toContain("default via 10.99.0.1 dev eth0");
	expect(stdout).toContain("1 packets received");
	expect(stdout.trim().split("\n").at(-1)).toBe(
		/ether (\S+)/.exec(sh("ip -o link show lan0").stdout.toString())?.[1] ?? "",
	);
});

test("l3: the host routes, and the device itself is the way out", async () => {
	const flags = ["--subnet", "10.98.0.0/24", "-o", "parent=lan0", "-o", "ipvlan_mode=l3"];
	await host.ok("network", "create", "-d", "ipvlan", ...flags, "three");
	const { stdout, stderr } = await from("three", "ip route");
	expect(stderr).toBe("");
	expect(stdout).toContain("default dev eth0 scope link");
	const ids = await Promise.all(
		["a1", "a2"].map((name) => host.ok("run", "-d", "--name", name, "--network", "three", IMAGE, "sleep", "1000")),
	);
	expect(
		(await host.nc("exec", "a1", "ping", "-c1", "-W2", "10.98.0.3")).code +
			(await host.nc("exec", "a2", "ping", "-c1", "-W2", "10.98.0.2")).code,
	).toBe(0);
	await host.ok("rm", "-f", ...ids);
});
