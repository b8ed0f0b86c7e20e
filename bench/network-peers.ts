/** Who is measured on networks: each with two containers on a bridge, one of which publishes two ports. */
import { existsSync } from "node:fs";
import { Docker, podman } from "../test/peers.ts";
import { dir, IMAGE, nc, read, sh } from "./compare.ts";

export interface NetworkPeer {
	readonly name: string;
	/** Pids of the first processes of the container that serves, and of the one that asks. */
	readonly server: string;
	readonly client: string;
	/** The server's own. */
	readonly address: string;
	/** Where port 5201 of the server is on the host; 5202 is on the next. */
	readonly port: number;
}

const INSPECT = ["inspect", "-f", "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"];

function peerOf(name: string, port: number, answers: { server: string; client: string }): NetworkPeer {
	const [server = "", address = ""] = answers.server.split(" ");
	return { name, server, address, client: answers.client.split(" ")[0] ?? "", port };
}

/** On the network "bench-net". */
export function ownPeer(): NetworkPeer {
	const publish = ["-p", "5201:5201", "-p", "5202:5202"];
	sh(nc("run", "-d", "--name", "bench-server", "--network", "bench-net", ...publish, IMAGE, "sleep", "1000"));
	sh(nc("run", "-d", "--name", "bench-client", "--network", "bench-net", IMAGE, "sleep", "1000"));
	return peerOf("NanoContainer", 5201, {
		server: read(nc(...INSPECT, "bench-server")),
		client: read(nc(...INSPECT, "bench-client")),
	});
}

/** docker and podman where they are installed, with the image of the archive. They go with the stack. */
export async function peers(archive: string, held: AsyncDisposableStack): Promise<NetworkPeer[]> {
	const found: NetworkPeer[] = [];
	if (existsSync("/usr/sbin/dockerd")) found.push(await dockerPeer(archive, held));
	if (Bun.which("podman")) found.push(await podmanPeer(archive, held));
	return found;
}

async function dockerPeer(archive: string, held: AsyncDisposableStack): Promise<NetworkPeer> {
	const docker = held.use(await Docker.start(`${dir}/docker-network`, { rules: true }));
	await docker.ok("load", "-i", archive);
	const run = (name: string, ...flags: string[]) =>
		docker.ok("run", "-d", "--name", name, ...flags, IMAGE, "sleep", "1000");
	await run("s1", "-p", "5301:5201", "-p", "5302:5202");
	await run("c1");
	held.defer(async () => void (await docker.ok("rm", "-f", "s1", "c1")));
	return peerOf("docker", 5301, {
		server: await docker.ok(...INSPECT, "s1"),
		client: await docker.ok(...INSPECT, "c1"),
	});
}

const LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

async function podmanPeer(archive: string, held: AsyncDisposableStack): Promise<NetworkPeer> {
	const ask = podman(`${dir}/podman`);
	await ask("load", "-i", archive);
	const run = (...flags: string[]) =>
		ask("run", "-d", ...LIMITS, "--network", "podman", ...flags, IMAGE, "sleep", "1000");
	const server = await run("-p", "5401:5201", "-p", "5402:5202");
	const client = await run();
	held.defer(async () => void (await ask("rm", "-f", "-t", "0", server, client)));
	const [inspect = "", ...rest] = INSPECT;
	return peerOf("podman", 5401, {
		server: await ask(inspect, ...rest, server),
		client: await ask(inspect, ...rest, client),
	});
}
