/** Networks: what a start with ports costs, how long names take, and how much goes through, beside plain loopback. */
import { mkdirSync } from "node:fs";
import { compare, dir, IMAGE, median, nc, read, row, sh, wanted } from "./compare.ts";
import { type NetworkPeer, ownPeer, peers } from "./network-peers.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 25);

/** `archive`: the image, for docker and podman. */
export async function networking(archive: string): Promise<void> {
	if (!wanted("network")) return;
	sh(nc("network", "create", "bench-net"));
	await compare("`run --rm … true`, its network", [
		{ name: "NanoContainer", once: () => sh(nc("run", "--rm", IMAGE, "true")) },
		{
			name: "on a network of its own, two ports",
			once: () => sh(nc("run", "--rm", "--network", "bench-net", "-p", "8080:80", "-p", "8081:81", IMAGE, "true")),
		},
	]);
	await compare("`network create` and `rm`", [
		{
			name: "NanoContainer",
			once: () => {
				sh(nc("network", "create", "bench-other"));
				sh(nc("network", "rm", "bench-other"));
			},
		},
		{
			name: "`ip link add`, `ip link del`",
			once: () => {
				sh(["ip", "link", "add", "benchbr", "type", "bridge"]);
				sh(["ip", "link", "del", "benchbr"]);
			},
		},
	]);
	{
		await using held = new AsyncDisposableStack();
		const all = [ownPeer(), ...(await peers(archive, held))];
		names();
		throughput(all);
		await requests(all);
	}
	sh(nc("rm", "-f", "bench-server", "bench-client"));
	many();
	connections();
	sh(nc("network", "rm", "bench-net"));
}

/** HTTP requests a second with 16 connections, to a server in a container: by its own address, and by the published port. */
async function requests(all: readonly NetworkPeer[]): Promise<void> {
	const program = "Bun.serve({ hostname: '0.0.0.0', port: 5202, fetch: () => new Response('answer') })";
	const servers = all.map(({ server }) =>
		Bun.spawn([...within(server), process.execPath, "-e", program], { stdout: "ignore" }),
	);
	Bun.sleepSync(500);
	const ways = all.flatMap(({ name, address, port }) => [
		{ name, way: `${name}: direct`, url: `http://${address}:5202/` },
		{ name, way: `${name}: published`, url: `http://127.0.0.1:${port + 1}/` },
	]);
	const rates = new Map(ways.map(({ way }): [string, number[]] => [way, []]));
	for (let round = 0; round < Math.max(4, Math.min(ROUNDS, 10)); round++) {
		for (const { way, url } of round % 2 ? ways : ways.toReversed()) {
			const until = performance.now() + 1000;
			const ask = async () => {
				let count = 0;
				for (; performance.now() < until; count++) await (await fetch(url)).text();
				return count;
			};
			const counts = await Promise.all(Array.from({ length: 16 }, ask));
			rates.get(way)?.push(counts.reduce((sum, count) => sum + count, 0));
		}
	}
	for (const { name, way } of ways) {
		const rate = median(rates.get(way) ?? []);
		row("HTTP requests", way, `${rate} /s`, (rate / median(rates.get(`${name}: direct`) ?? [])).toFixed(2));
	}
	for (const server of servers) {
		server.kill();
		await server.exited;
	}
}

const MANY = 200;

/** Whether the last of many in a network starts, and is found by name, as fast as the first. */
function many(): void {
	const times: number[] = [];
	for (let i = 0; i < MANY; i++) {
		const began = performance.now();
		sh(
			nc("run", "-d", "--name", `many-${i}`, "--network", "bench-net", "-p", `${20000 + i}:80`, IMAGE, "sleep", "1000"),
		);
		times.push(performance.now() - began);
	}
	const asked: number[] = [];
	for (const name of ["many-0", `many-${MANY - 1}`]) {
		const gateway = read(nc("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bench-net"));
		asked.push(askTime("many-100", name, gateway));
	}
	row("200 on a network, a port each", "start of the first 20", `${median(times.slice(0, 20)).toFixed(1)} ms`);
	row("200 on a network, a port each", "start of the last 20", `${median(times.slice(-20)).toFixed(1)} ms`);
	row("200 on a network, a port each", "a name", `${Math.max(...asked).toFixed(0)} µs`);
	sh(nc("rm", "-f", ...Array.from({ length: MANY }, (_, i) => `many-${i}`)));
}

const pidOf = (name: string): string => read(nc("inspect", "-f", "{{.State.Pid}}", name));
const within = (pid: string): string[] => ["nsenter", "-t", pid, "-n"];

/** From a question's sending to its answer, in the container's network. */
function names(): void {
	const gateway = read(nc("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bench-net"));
	row("a name in a network", "NanoContainer", `${askTime("bench-client", "bench-server", gateway).toFixed(0)} µs`);
}

/** Microseconds: the median of 500. */
function askTime(from: string, name: string, gateway: string): number {
	const label = `\\x${name.length.toString(16).padStart(2, "0")}${name}`;
	const program = `
import socket, time
q = bytes.fromhex('123401000001000000000000') + b'${label}\\0\\0\\1\\0\\1'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('${gateway}', 53))
t = []
for _ in range(500):
    a = time.perf_counter(); s.send(q); s.recv(512); t.append(time.perf_counter() - a)
print(sorted(t)[250] * 1e6)`;
	return Number(read([...within(pidOf(from)), "python3", "-c", program]));
}

/** In turn, by iperf3 where it is installed; ratios are to plain loopback. */
function throughput(all: readonly NetworkPeer[]): void {
	if (!Bun.which("iperf3")) return;
	mkdirSync(`${dir}/iperf`, { recursive: true });
	const servers = [
		Bun.spawn(["iperf3", "-s", "-p", "5300"], { stdout: "ignore" }),
		...all.map(({ server }) => Bun.spawn([...within(server), "iperf3", "-s"], { stdout: "ignore" })),
	];
	Bun.sleepSync(500);
	const ways = new Map<string, readonly string[]>([["plain loopback", ["iperf3", "-p", "5300", "-c", "127.0.0.1"]]]);
	for (const { name, client, address, port } of all) {
		ways.set(`${name}: container to container`, [...within(client), "iperf3", "-c", address]);
		ways.set(`${name}: host to a published port`, ["iperf3", "-p", String(port), "-c", "127.0.0.1"]);
	}
	ways.set("NanoContainer: the same by ::1, through the proxy", ["iperf3", "-c", "::1"]);
	const rates = new Map([...ways.keys()].map((name): [string, number[]] => [name, []]));
	for (let round = 0; round < Math.max(3, Math.min(ROUNDS, 9)); round++) {
		for (const [name, command] of ways) {
			const report = JSON.parse(read([...command, "-J", "-t", "1"])) as {
				end?: { sum_received?: { bits_per_second: number } };
			};
			rates.get(name)?.push((report.end?.sum_received?.bits_per_second ?? 0) / 1e9);
		}
	}
	const plain = median(rates.get("plain loopback") ?? []);
	for (const [name, values] of rates) {
		row("TCP, one connection", name, `${median(values).toFixed(1)} Gb/s`, `${(median(values) / plain).toFixed(2)}`);
	}
	for (const server of servers) server.kill();
}

const PORTS = 2000;

/** What a connection takes through one of many published ports, beside one through the only one. */
function connections(): void {
	const program = `
import socket, sys, time
t = []
for i in range(1000):
    s = socket.socket(); a = time.perf_counter(); s.connect(('127.0.0.1', int(sys.argv[1]) + i % int(sys.argv[2]))); t.append(time.perf_counter() - a); s.close()
print(sorted(t)[500] * 1e6)`;
	for (const count of [1, PORTS]) {
		const ports = count === 1 ? "20000:80" : `20000-${20000 + count - 1}:80-${80 + count - 1}`;
		sh(nc("run", "-d", "--name", "ports", "--network", "bench-net", "-p", ports, IMAGE, "sleep", "1000"));
		const listen = `
import socket, sys, time
held = []
for i in range(${count}):
    s = socket.socket(); s.bind(('0.0.0.0', 80 + i)); s.listen(1024); held.append(s)
print('up', flush=True)
time.sleep(1000)`;
		const server = Bun.spawn([...within(pidOf("ports")), "python3", "-c", listen], { stdout: "pipe" });
		Bun.sleepSync(1000);
		const took = Number(read(["python3", "-c", program, "20000", String(count)]));
		row("a connection to a published port", `one of ${count}`, `${took.toFixed(0)} µs`);
		server.kill();
		sh(nc("rm", "-f", "ports"));
	}
}
