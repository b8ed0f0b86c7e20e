/** Killed at any moment: the next commands work, and nothing is left. And many at once. */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, settled } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());

/** NC_CRASH_ROUNDS=100 for the long version. */
const rounds = (few: number): number => Number(process.env["NC_CRASH_ROUNDS"] ?? few);
const pids = (test: (command: string) => boolean): number[] =>
	readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				return test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
			} catch {
				return false;
			}
		})
		.map(Number);
const kill = (pid: number) => {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// gone already
	}
};
/** Monitors of this host: they carry the container's ID. */
async function monitors(): Promise<number[]> {
	const ids = new Set(readdirSync(`${host.root}/containers`));
	return pids((command) => command.startsWith("nanocontainer-monitor\0") && ids.has(command.split("\0")[1] ?? ""));
}

async function afterwards(): Promise<void> {
	expect((await host.nc("ps", "-a")).code).toBe(0);
	expect((await host.nc("run", "--rm", IMAGE, "echo", "works")).stdout).toBe("works\n");
	for (const id of (await host.ok("ps", "-aq")).split("\n").filter(Boolean)) await host.nc("rm", "-f", id);
	expect(await settled(() => host.leftovers())).toEqual([]);
}

describe("kill -9", () => {
	test("of the command, at a hundred moments", async () => {
		await host.sh("true");
		for (let round = 0; round < rounds(100); round++) {
			const child = Bun.spawn(host.command("run", "--rm", IMAGE, "sleep", "0.02"), {
				stdout: "ignore",
				stderr: "ignore",
			});
			await Bun.sleep(Math.random() * 60);
			child.kill("SIGKILL");
			await child.exited;
			if (round % 20 === 0) expect((await host.nc("ps", "-a")).code).toBe(0);
		}
		await afterwards();
	});
	test("of the monitor: the container is told truthfully, and can be stopped and removed", async () => {
		for (let round = 0; round < rounds(12); round++) {
			const child = Bun.spawn(
				host.command("run", "-d", "--name", `m${round}`, IMAGE, "sleep", round % 2 ? "1000" : "0.05"),
				{ stdout: "ignore", stderr: "ignore" },
			);
			await Bun.sleep(15 + Math.random() * 40);
			for (const pid of await monitors()) kill(pid);
			await child.exited;
			expect((await host.nc("ps", "-a")).code).toBe(0);
		}
		await host.ok("run", "-d", "--name", "orphan", IMAGE, "sleep", "1000");
		for (const pid of await monitors()) kill(pid);
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "orphan")).toBe("running");
		expect(await host.ok("exec", "orphan", "echo", "alive")).toBe("alive");
		await host.ok("stop", "-t", "0", "orphan");
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "orphan")).toBe("exited");
		await afterwards();
	});
	test("of the container's first process: exit 137, everything released", async () => {
		for (let round = 0; round < rounds(20); round++) {
			const name = `i${round}`;
			await host.ok("run", "-d", "--name", name, IMAGE, "sleep", "1000");
			kill(Number(await host.ok("inspect", "-f", "{{.State.Pid}}", name)));
			expect(
				await settled(async () =>
					(await host.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)) === "exited 137"
						? []
						: ["running"],
				),
			).toEqual([]);
		}
		await afterwards();
	});
	test("of command, monitor and container together", async () => {
		for (let round = 0; round < rounds(15); round++) {
			const child = Bun.spawn(host.command("run", IMAGE, "sleep", "1000"), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(10 + Math.random() * 50);
			child.kill("SIGKILL");
			const inits = (await monitors()).flatMap((pid) =>
				pids(() => true).filter((other) => readFileSafe(`/proc/${other}/stat`).includes(` ${pid} `)),
			);
			for (const pid of [...(await monitors()), ...inits]) kill(pid);
			await child.exited;
		}
		await afterwards();
	}, 600_000);
	test("of rm: the next command finishes it", async () => {
		for (let round = 0; round < rounds(20); round++) {
			await host.ok("create", "--name", `r${round}`, "-v", "/anon", IMAGE, "true");
			const child = Bun.spawn(host.command("rm", "-v", `r${round}`), { stdout: "ignore", stderr: "ignore" });
			await Bun.sleep(Math.random() * 14);
			child.kill("SIGKILL");
			await child.exited;
		}
		await afterwards();
	});
});

const readFileSafe = (path: string): string => {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
};

describe("many at once", () => {
	test("50 run --rm started at once all succeed", async () => {
		const results = await Promise.all(
			Array.from({ length: 50 }, (_, i) => host.nc("run", "--rm", IMAGE, "echo", String(i))),
		);
		expect(results.map((result) => result.stderr).join("")).toBe("");
		expect(results.map((result) => result.stdout)).toEqual(results.map((_, i) => `${i}\n`));
		await afterwards();
	});
	test("20 loops of mixed commands for a while: no failure that docker would not give", async () => {
		const end = performance.now() + Number(process.env["NC_MIXED_SECONDS"] ?? 20) * 1000;
		const bad: string[] = [];
		const fine =
			/No such container|No such object|is not running|is already in use|is running: stop|was started again|is marked for removal/;
		const loop = async (number: number) => {
			for (let i = 0; performance.now() < end; i++) {
				const name = `mix-${number}-${i % 3}`;
				const other = `mix-${Math.floor(Math.random() * 20)}-${i % 3}`;
				const commands = [
					["run", "-d", "--name", name, IMAGE, "sleep", "0.3"],
					["ps", "-a"],
					["inspect", other],
					["rm", "-f", other],
					["run", "--rm", IMAGE, "true"],
				];
				const args = commands[Math.floor(Math.random() * commands.length)] ?? ["ps"];
				const { code, stderr } = await host.nc(...args);
				if (code !== 0 && !fine.test(stderr)) bad.push(`${args.join(" ")}: ${code} ${stderr}`);
			}
		};
		await Promise.all(Array.from({ length: 20 }, (_, i) => loop(i)));
		expect(bad).toEqual([]);
		await afterwards();
	}, 180_000);
});
