/** What is outside of a suite's host: another host, at the other end of an uplink. */

export const run = (script: string) => Bun.spawnSync(["sh", "-ec", script], { stdout: "pipe", stderr: "pipe" });

/** The same; throws unless it succeeded. Returns standard output. */
export function runOk(script: string): string {
	const { success, stdout, stderr } = run(script);
	if (!success) throw new Error(`${script}: ${stderr}`);
	return stdout.toString();
}

/** Asks for a page from here, or from another network namespace: the last line of the answer, "" for none. */
export function get(ip: string, port: number, netns?: string): string {
	const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 ${ip} ${port} 2>/dev/null || true`;
	const command = netns ? ["ip", "netns", "exec", netns, "sh", "-c", ask] : ["sh", "-c", ask];
	const { stdout } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
	return stdout.toString().trim().split("\n").at(-1) ?? "";
}

/** A host with 10.77.0.2 and fd77::2; ours has 10.77.0.1 and fd77::1 on the device "uplink". Returns its namespace. */
export function makeOutside(): string {
	const name = `nc-outside-${process.pid}`;
	runOk(`ip link set lo up; ip netns add ${name}
		ip link add uplink type veth peer name outside netns ${name}
		ip addr add 10.77.0.1/24 dev uplink; ip addr add fd77::1/64 dev uplink nodad; ip link set uplink up
		ip -n ${name} addr add 10.77.0.2/24 dev outside; ip -n ${name} addr add fd77::2/64 dev outside nodad
		ip -n ${name} link set outside up; ip -n ${name} link set lo up`);
	return name;
}

export const removeOutside = (name: string): void => void run(`ip netns del ${name}`);
