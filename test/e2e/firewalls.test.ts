/** Beside programs that drop what they do not know: docker, podman, firewalld, ufw; whoever was there first. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { FIREWALLS } from "../firewalls.ts";
import { Host, IMAGE, until } from "../fixture.ts";
import { get, makeOutside, removeOutside, run } from "../outside.ts";
import { removeCgroups } from "../peers.ts";

const host = new Host();
let outside: string;

beforeAll(() => {
	outside = makeOutside();
});
afterAll(async () => {
	await host.close();
	removeOutside(outside);
	removeCgroups();
});

/** Two containers in a network of both families, one of which serves. */
async function open(): Promise<void> {
	await host.ok("network", "create", "--ipv6", "net");
	const serve = "mkdir /w; echo two > /w/index.html; exec httpd -f -p 80 -h /w";
	await host.ok("run", "-d", "--name", "two", "--network", "net", "-p", "8080:80", IMAGE, "sh", "-c", serve);
	await host.ok("run", "-d", "--name", "one", "--network", "net", IMAGE, "sleep", "1000");
	await until(async () => (await host.nc("exec", "two", "netstat", "-ltn")).stdout.includes(":80 "), "two to serve");
}

/** What does not work. */
async function broken(): Promise<string[]> {
	const inOne = async (...words: string[]) => (await host.nc("exec", "one", ...words)).code === 0;
	const checks: Readonly<Record<string, () => Promise<boolean> | boolean>> = {
		"each other, by name": () => inOne("wget", "-qO-", "http://two/"),
		"each other, by IPv6": () => inOne("ping6", "-c1", "-W2", "two"),
		"the outside": () => inOne("ping", "-c1", "-W2", "10.77.0.2"),
		"the outside, by IPv6": () => inOne("ping6", "-c1", "-W2", "fd77::2"),
		"the port, from outside": () => get("10.77.0.1", 8080, outside) === "two",
		"the port, from outside by IPv6": () => get("fd77::1", 8080, outside) === "two",
		"the port, from the host": () => get("127.0.0.1", 8080) === "two",
	};
	const failed: string[] = [];
	for (const [what, works] of Object.entries(checks)) if (!(await works())) failed.push(what);
	return failed;
}

for (const { name, stops, start } of FIREWALLS) {
	describe(name, () => {
		test("that was there first", async () => {
			const dir = `${host.dir}/${name}-first`;
			mkdirSync(dir);
			await using _firewall = await start(dir);
			await open();
			expect(await broken()).toEqual([]);
			await host.ok("rm", "-f", "one", "two");
			await host.ok("network", "rm", "net");
			expect(run("nft list ruleset").stdout.toString()).not.toContain("nanocontainer br-");
		}, 120_000);

		test("that came later: once something is asked of us, and at network reload", async () => {
			run("nft flush ruleset");
			await open();
			const dir = `${host.dir}/${name}-later`;
			mkdirSync(dir);
			await using _firewall = await start(dir);
			if (stops === "ports") expect(get("10.77.0.1", 8080, outside)).toBe("");
			if (stops === "names") expect((await host.nc("exec", "one", "nslookup", "two")).code).toBe(1);
			await host.ok("run", "--rm", "--network", "net", IMAGE, "true");
			expect(await broken()).toEqual([]);
			run("nft flush ruleset");
			await host.ok("network", "reload");
			expect(await broken()).toEqual([]);
		}, 120_000);
		afterEach(async () => {
			await host.nc("rm", "-f", "one", "two");
			await host.nc("network", "rm", "net");
			run("nft flush ruleset");
		});
	});
}

test("iptables-legacy, which others cannot tell anything: the first run says what to type, and that helps", async () => {
	run("nft flush ruleset; sysctl -w net.ipv4.ip_forward=0");
	expect(run("iptables-legacy -P FORWARD DROP").success).toBe(true);
	const id = await host.ok("network", "create", "old");
	const device = `br-${id.slice(0, 12)}`;
	run(`ip link del ${device}`); // as after a boot
	const asks = () => host.nc("run", "--rm", "--network", "old", IMAGE, "ping", "-c1", "-W1", "10.77.0.2");
	const first = await asks();
	const own = first.stderr.split("\n").find((line) => line.includes(`containers on ${device} `)) ?? "";
	const [, typed = ""] = /iptables-legacy\), .* To let them: (.*)$/.exec(own) ?? [];
	expect([first.code, typed]).toEqual([
		1,
		`iptables-legacy -I FORWARD -i ${device} -j ACCEPT; iptables-legacy -I FORWARD -o ${device} -j ACCEPT`,
	]);
	expect(run(typed).success).toBe(true);
	expect(await asks()).toMatchObject({ code: 0, stderr: "" });
	await host.ok("network", "reload");
	expect((await host.nc("network", "reload")).stderr).not.toContain(device);
	run("iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F FORWARD");
	await host.ok("network", "rm", "old");
});
