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
	sh(
		nc(
			"run",
			"-d",
			"--name",
			"bench-server",
			"--network",
			"bench-net",
			"-p",
			"5201:5201",
			"-p",
			"5202:5202",
			IMAGE,
			"sleep",
			"1000",
		),
	);
	sh(nc("run", "-d", "--name", "bench-client", "--network", "bench-net", IMAGE, "sleep", "1000"));
	names();
	throughput();
	await requests();
	sh(nc("rm", "-f", "bench-server", "bench-client"));
	many();
	sh(nc("network", "rm", "bench-net"));
}

const addressOf = (name: string): string =>
	read(nc("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name));

/** HTTP requests a second with 16 connections, to a server in the container: by its own address, and by the published port. */
async function requests(): Promise<void> {
	const program = "Bun.serve({ hostname: '0.0.0.0', port: 5202, fetch: () => new Response('answer') })";
	const server = Bun.spawn([...within("bench-server"), process.execPath, "-e", program], { stdout: "ignore" });
	Bun.sleepSync(500);
	const ways = { direct: `http://${addressOf("bench-server")}:5202/`, published: "http://127.0.0.1:5202/" };
	const rates: Record<keyof typeof ways, number[]> = { direct: [], published: [] };
	for (let round = 0; round < Math.max(4, Math.min(ROUNDS, 10)); round++) {
		for (const way of round % 2 ? (["direct", "published"] as const) : (["published", "direct"] as const)) {
			const until = performance.now() + 1000;
			const ask = async () => {
				let count = 0;
				for (; performance.now() < until; count++) await (await fetch(ways[way])).text();
				return count;
			};
			const counts = await Promise.all(Array.from({ length: 16 }, ask));
			rates[way].push(counts.reduce((sum, count) => sum + count, 0));
		}
	}
	for (const [way, values] of Object.entries(rates)) {
		row("HTTP requests", way, `${median(values)} /s`, (median(values) / median(rates.direct)).toFixed(2));
	}
	server.kill();
	await server.exited;
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
const within = (name: string): string[] => ["nsenter", "-t", pidOf(name), "-n"];

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
	return Number(read([...within(from), "python3", "-c", program]));
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
	const address = addressOf("bench-server");
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
