/** Other programs of a host that have rules of their own, as Debian has them, active in the suite's network namespace. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { until } from "./fixture.ts";
import { Docker, podman } from "./peers.ts";

export interface Firewall {
	readonly name: string;
	/** What it keeps from working, when it comes after us and we have not looked since; undefined: nothing. */
	readonly stops: "names" | "ports" | undefined;
	/** Once it is active. Ending it may leave its rules: whoever asks flushes all of them. */
	readonly start: (dir: string) => Promise<AsyncDisposable>;
}

function must(command: readonly string[], env: Readonly<Record<string, string>> = {}): void {
	const { success, stderr } = Bun.spawnSync([...command], {
		stdout: "ignore",
		stderr: "pipe",
		env: { ...process.env, ...env },
	});
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
}

const docker: Firewall = {
	name: "docker",
	stops: undefined, // it drops what is forwarded where it was the first to turn that on
	start: (dir) => Docker.start(dir, { rules: true }),
};

/** It has rules as long as a container of its runs. */
const podmanNetwork: Firewall = {
	name: "podman",
	stops: undefined,
	start: async (dir) => {
		const run = podman(dir);
		mkdirSync(`${dir}/image`, { recursive: true });
		cpSync("/bin/busybox", `${dir}/image/busybox`);
		must(["tar", "-C", `${dir}/image`, "-cf", `${dir}/image.tar`, "busybox"]);
		await run("import", `${dir}/image.tar`, "peer");
		const id = await run(
			"run",
			"-d",
			"--ulimit",
			"nofile=1024:1024",
			"--ulimit",
			"nproc=1024:1024",
			"--network",
			"podman",
			"peer",
			"/busybox",
			"sleep",
			"1000",
		);
		return { [Symbol.asyncDispose]: async () => void (await run("rm", "-f", "-t", "0", id)) };
	},
};

/** Rules that reach the whole system bus are those of Debian's; this bus has firewalld alone. */
const BUS = `<busconfig><type>system</type><listen>unix:path=PATH</listen><policy context="default"><allow user="*"/>
<allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_requested_reply="true"/>
<allow receive_requested_reply="true"/></policy></busconfig>`;

const firewalld: Firewall = {
	name: "firewalld",
	stops: "names",
	start: async (dir) => {
		mkdirSync(`${dir}/etc`, { recursive: true });
		writeFileSync(`${dir}/bus.conf`, BUS.replace("PATH", `${dir}/bus`));
		const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/bus` };
		const options = { env, stdout: "ignore", stderr: "ignore" } as const;
		const bus = Bun.spawn(["dbus-daemon", `--config-file=${dir}/bus.conf`, "--nofork", "--nopidfile"], options);
		const daemon = Bun.spawn(
			["firewalld", "--nofork", "--nopid", "--system-config", `${dir}/etc`, "--log-target", "syslog"],
			options,
		);
		await until(() => Bun.spawnSync(["firewall-cmd", "--state"], options).success, "firewalld", 30_000);
		return {
			[Symbol.asyncDispose]: async () => {
				daemon.kill();
				await daemon.exited;
				bus.kill();
				await bus.exited;
			},
		};
	},
};

/** Its files are the host's: it has a copy of them in the suite's mount namespace. */
const ufw: Firewall = {
	name: "ufw",
	stops: "ports",
	start: async (dir) => {
		cpSync("/etc/ufw", `${dir}/ufw`, { recursive: true });
		must(["mount", "--bind", `${dir}/ufw`, "/etc/ufw"]);
		must(["ufw", "--force", "enable"]);
		return {
			[Symbol.asyncDispose]: async () => {
				must(["ufw", "disable"]);
				must(["umount", "/etc/ufw"]);
			},
		};
	},
};

export const FIREWALLS: readonly Firewall[] = [docker, podmanNetwork, firewalld, ufw];
