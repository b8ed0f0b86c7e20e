/** Hosts that let a network do less: settings of the kernel that cannot be written, no way out. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE, loopbackUp, until } from "../fixture.ts";
import { get, run, runOk } from "../outside.ts";

const host = new Host();
beforeAll(() => {
	loopbackUp();
	runOk("mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys");
});
afterAll(async () => {
	await host.nc("rm", "-f", "web");
	await host.ok("network", "prune", "-f");
	await host.close();
	run("umount /proc/sys");
});

const SENTENCE =
	/^WARNING: \/proc\/sys\/net\/ipv4\/ip_forward \(or that of IPv6\) is 0, and cannot be written here: containers on br-\w+ reach each other and this host, but not the outside; published ports go through a proxy\. To let them out, on the host: sysctl -w net\.ipv4\.ip_forward=1\n$/;

test("/proc/sys cannot be written: the sentence, and what works all the same", async () => {
	await host.ok("network", "create", "net");
	const serve = "mkdir /w; echo web > /w/index.html; exec httpd -f -p 80 -h /w";
	const { stderr, code } = await host.nc(
		"run",
		"-d",
		"--name",
		"web",
		"--network",
		"net",
		"-p",
		"8080:80",
		IMAGE,
		"sh",
		"-c",
		serve,
	);
	expect([code, stderr]).toEqual([0, expect.stringMatching(SENTENCE)]);
	await until(() => get("127.0.0.1", 8080) === "web", "the port");
	expect([get("::1", 8080), get("172.18.0.1", 8080)]).toEqual(["web", "web"]);
	const other = await host.nc("run", "--rm", "--network", "net", IMAGE, "wget", "-qO-", "http://web/");
	expect(other.stdout).toBe("web\n");
	expect((await host.nc("network", "reload")).stderr.split("\n").filter(Boolean)).toHaveLength(2); // of each network
	await host.ok("update", "--publish-add", "8081:80", "web");
	expect(get("127.0.0.1", 8081)).toBe("web");
	await host.ok("rm", "-f", "web");
	expect([get("127.0.0.1", 8080), get("127.0.0.1", 8081)]).toEqual(["", ""]);
	await host.ok("network", "rm", "net");
});

test("--internal asks for no forwarding: nothing is said", async () => {
	await host.ok("network", "create", "--internal", "inner");
	expect(await host.nc("run", "--rm", "--network", "inner", IMAGE, "true")).toMatchObject({ code: 0, stderr: "" });
});

test("no way out of the host: info tells it, and what works all the same", async () => {
	const warning = async () => (await host.nc("info")).stderr;
	expect(await warning()).toContain(
		"WARNING: No default route: containers reach each other and this host, not the outside",
	);
	runOk(
		"ip link add uplink type bridge; ip addr add 10.200.0.1/24 dev uplink; ip link set uplink up; ip route add default via 10.200.0.2",
	);
	expect(await warning()).not.toContain("No default route");
	runOk("ip link del uplink");
});
