/** Networks: what a start with ports costs, how long names take, and how much goes through, beside plain loopback. */
import { mkdirSync } from "node:fs";
import { compare, dir, IMAGE, nc, row, sh, wanted } from "./compare.ts";

const read = (command: readonly string[]): string =>
	Bun.spawnSync([...command], { stdout: "pipe" })
		.stdout.toString()
		.trim();
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 25);

export async function networking(): Promise<void> {
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
	sh(nc("run", "-d", "--name", "bench-server", "--network", "bench-net", "-p", "5201:5201", IMAGE, "sleep", "1000"));
	sh(nc("run", "-d", "--name", "bench-client", "--network", "bench-net", IMAGE, "sleep", "1000"));
	names();
	throughput();
	sh(nc("rm", "-f", "bench-server", "bench-client"));
	sh(nc("network", "rm", "bench-net"));
}

const pidOf = (name: string): string => read(nc("inspect", "-f", "{{.State.Pid}}", name));
const within = (name: string): string[] => ["nsenter", "-t", pidOf(name), "-n"];

/** From a question's sending to its answer, in the container's network. */
function names(): void {
	const program = `
import socket, time
q = bytes.fromhex('123401000001000000000000') + b'\\x0cbench-server\\0\\0\\1\\0\\1'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('${read(nc("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bench-net"))}', 53))
t = []
for _ in range(500):
    a = time.perf_counter(); s.send(q); s.recv(512); t.append(time.perf_counter() - a)
print(sorted(t)[250] * 1e6)`;
	const us = Number(read([...within("bench-client"), "python3", "-c", program]));
	row("a name in a network", "NanoContainer", `${us.toFixed(0)} µs`);
}

/** In turn, by iperf3 where it is installed; ratios are to plain loopback. */
function throughput(): void {
	if (!Bun.which("iperf3")) return;
	mkdirSync(`${dir}/iperf`, { recursive: true });
	const servers = [
		Bun.spawn(["iperf3", "-s", "-p", "5300"], { stdout: "ignore" }),
		Bun.spawn([...within("bench-server"), "iperf3", "-s"], { stdout: "ignore" }),
	];
	Bun.sleepSync(500);
	const address = read(nc("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "bench-server"));
	const ways: Readonly<Record<string, readonly string[]>> = {
		"plain loopback": ["iperf3", "-p", "5300", "-c", "127.0.0.1"],
		"container to container": [...within("bench-client"), "iperf3", "-c", address],
		"host to a published port": ["iperf3", "-c", "127.0.0.1"],
		"the same by ::1, through the proxy": ["iperf3", "-c", "::1"],
	};
	const rates = new Map(Object.keys(ways).map((name): [string, number[]] => [name, []]));
	for (let round = 0; round < Math.max(3, Math.min(ROUNDS, 9)); round++) {
		for (const [name, command] of Object.entries(ways)) {
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
