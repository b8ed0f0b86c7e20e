/** `boot` by hand, on a machine that is up: its network by DHCP, and what it does with containers and signals. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Host, IMAGE, until } from "../fixture.ts";

const host = new Host();
const NETWORK = `nc-dhcp-${process.pid}`;
const sh = (script: string) => {
	const { success, stdout, stderr } = Bun.spawnSync(["sh", "-ec", script]);
	if (!success) throw new Error(stderr.toString());
	return stdout.toString();
};

beforeAll(() => {
	// What a boot would change of this machine, in a mount namespace that is the suite's.
	writeFileSync(`${host.dir}/resolv.conf`, "");
	writeFileSync(`${host.dir}/cmdline`, "quiet splash");
	sh(`mount --bind ${host.dir}/resolv.conf /etc/resolv.conf; mount --bind ${host.dir}/cmdline /proc/cmdline
		ip link set lo up; ip netns add ${NETWORK}
		ip link add uplink type veth peer name outside netns ${NETWORK}
		ip -n ${NETWORK} addr add 10.88.0.1/24 dev outside; ip -n ${NETWORK} link set outside up
		ip -n ${NETWORK} route add default dev outside`);
});
afterAll(async () => {
	sh(`umount /proc/cmdline; ip netns del ${NETWORK}`);
	await host.close();
});

/** A process whose lines can be waited for. */
function watched(command: readonly string[]) {
	const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
	let said = "";
	const collect = async (stream: ReadableStream<Uint8Array>) => {
		for await (const chunk of stream) said += Buffer.from(chunk).toString();
	};
	void collect(child.stdout);
	void collect(child.stderr);
	return {
		child,
		said: () => said,
		says: (text: string) => until(() => said.includes(text), `${JSON.stringify(text)} in:\n${said}`),
		end: async (signal: NodeJS.Signals = "SIGTERM") => {
			child.kill(signal);
			return child.exited;
		},
	};
}

function boot(document: object) {
	mkdirSync(host.dir, { recursive: true });
	writeFileSync(`${host.dir}/boot.json`, JSON.stringify(document));
	return watched(host.command("boot", "-f", `${host.dir}/boot.json`));
}

function server(answers: object[]) {
	const script = `${import.meta.dir}/../dhcp-server.ts`;
	return watched(["ip", "netns", "exec", NETWORK, process.execPath, script, JSON.stringify(answers)]);
}

test("DHCP: a lease of one address with a gateway outside of it; refused, it is given up and another asked for", async () => {
	const lease = { lease: 10, router: "10.88.0.1", dns: "10.88.0.1" };
	const dhcp = server([
		{ ...lease, ip: "10.88.0.50", mask: "255.255.255.255", renewals: 1 },
		{ ...lease, ip: "10.88.0.60", mask: "255.255.255.0", renewals: 9 },
	]);
	await dhcp.says("ready");
	const machine = boot({});
	await machine.says("uplink is 10.88.0.50/32 via 10.88.0.1 (DHCP, 10 s)");
	expect(sh("ip route get 192.0.2.1")).toContain("via 10.88.0.1 dev uplink src 10.88.0.50");
	expect(readFileSync("/etc/resolv.conf", "utf8")).toBe("nameserver 10.88.0.1\n");
	sh("ping -c 1 -W 2 10.88.0.1 || busybox ping -c 1 -W 2 10.88.0.1");
	// Prolonged once at half its time, refused the second time.
	await dhcp.says("request 10.88.0.50\n");
	await machine.says("its lease has ended");
	expect(sh("ip -4 addr show uplink")).not.toContain("10.88.0.50");
	await machine.says("uplink is 10.88.0.60/24 via 10.88.0.1 (DHCP, 10 s)");
	expect(sh("ip -o -4 addr show uplink").trim().split("\n")).toHaveLength(1);
	expect(sh("ip route get 192.0.2.1")).toContain("src 10.88.0.60");
	expect(await machine.end()).toBe(0);
	await dhcp.end();
}, 60_000);

test("it stops what it started, and nothing else", async () => {
	await host.ok("run", "-d", "--name", "others", "--network", "none", IMAGE, "sleep", "1000");
	const machine = boot({
		network: "none",
		containers: [{ run: `--init --name own --network none ${IMAGE} sleep 1000` }],
	});
	await machine.says("1 of 1 containers run");
	expect(await machine.end()).toBe(0);
	expect(machine.said()).toContain("stopping own");
	expect(await host.ok("ps", "--format", "{{.Names}}")).toBe("others");
	await host.ok("rm", "-f", "others", "own");
});

test("the next boot replaces what a killed one left running; the end of its terminal ends it", async () => {
	const containers = [{ run: `--init --name one --network none ${IMAGE} sleep 1000` }];
	const killed = boot({ network: "none", containers });
	await killed.says("1 of 1 containers run");
	await killed.end("SIGKILL");
	const next = boot({ network: "none", containers });
	await next.says("1 of 1 containers run");
	expect(await next.end("SIGHUP")).toBe(0);
	expect(await host.ok("ps", "-q")).toBe("");
	await host.ok("rm", "one");
});

test("a static address, where resolv.conf is a link to what is not there yet", async () => {
	sh(`ip addr flush dev uplink; umount /etc/resolv.conf; mkdir ${host.dir}/etc; cp -r /etc/. ${host.dir}/etc
		mount --bind ${host.dir}/etc /etc; ln -sf ${host.dir}/later/resolv.conf /etc/resolv.conf`);
	const network = { interface: "uplink", address: "10.88.0.70/24", gateway: "10.88.0.1", dns: ["10.88.0.1"] };
	const machine = boot({ network });
	await machine.says("uplink is 10.88.0.70/24 via 10.88.0.1");
	expect(machine.said()).not.toContain("network interface uplink:");
	expect(readFileSync(`${host.dir}/later/resolv.conf`, "utf8")).toBe("nameserver 10.88.0.1\n");
	expect(sh("ip route get 192.0.2.1")).toContain("src 10.88.0.70");
	await machine.end();
	sh("umount /etc");
});

test("asked again, it kills what does not stop", async () => {
	const deaf = `--stop-timeout -1 --name deaf --network none ${IMAGE} sh -c 'trap "" TERM; echo deaf; while :; do sleep 1; done'`;
	const machine = boot({ network: "none", containers: [{ run: deaf }] });
	await machine.says("1 of 1 containers run");
	await machine.says("deaf\n");
	machine.child.kill("SIGTERM");
	await machine.says("stopping deaf");
	expect(await machine.end()).toBe(0);
	expect(machine.said()).toContain("killing containers");
	await host.ok("rm", "deaf");
});

test("an image cannot say that its containers are the boot's, to be replaced", async () => {
	mkdirSync(`${host.dir}/context`);
	writeFileSync(`${host.dir}/context/Dockerfile`, `FROM ${IMAGE}\nLABEL nanocontainer.boot="" kept=yes\n`);
	await host.ok("build", "-q", "-t", "sly", `${host.dir}/context`);
	await host.ok("run", "--name", "mine", "--network", "none", "sly", "true");
	expect(await host.ok("inspect", "-f", "{{json .Config.Labels}}", "mine")).toBe('{"kept":"yes"}');
	const machine = boot({ network: "none" });
	await machine.says("0 of 0 containers run");
	await machine.end();
	expect(await host.ok("ps", "-a", "--format", "{{.Names}}")).toBe("mine");
});

test("a container that is started again and again costs no descriptor each time", async () => {
	const containers = [{ run: `--name often --network none ${IMAGE} true`, whenEnded: "restart" }];
	const machine = boot({ network: "none", containers });
	const files = () => readdirSync(`/proc/${machine.child.pid}/fd`).length;
	const ends = () => machine.said().split("container often ended").length - 1;
	await until(() => ends() >= 2, "the second end");
	const before = files();
	await until(() => ends() >= 5, "the fifth end");
	expect(files()).toBeLessThanOrEqual(before + 1);
	expect(await machine.end()).toBe(0);
	await host.ok("rm", "-f", "often");
});
