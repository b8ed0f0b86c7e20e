import { afterAll, describe, expect, test } from "bun:test";
import { BINARY, Host, IMAGE, until } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());

/** A command on a terminal of its own, and what it has shown. */
function onTerminal(args: readonly string[], size = { cols: 90, rows: 30 }) {
	let shown = "";
	const child = Bun.spawn(host.command(...args), {
		terminal: {
			...size,
			data: (_terminal, bytes) => {
				shown += Buffer.from(bytes).toString();
			},
		},
	});
	return {
		child,
		shown: () => shown,
		type: (text: string) => child.terminal?.write(text),
		resize: (cols: number, rows: number) => child.terminal?.resize(cols, rows),
		/** Waits until it has been shown, so often. */
		see: async (text: string, times = 1) => {
			await until(() => shown.split(text).length > times, `"${text}"`).catch((error) => {
				throw new Error(`${error.message} in ${JSON.stringify(shown)}`);
			});
		},
	};
}

describe("terminals", () => {
	test("run -it has a terminal of the container's own devpts, of the right size", async () => {
		const session = onTerminal(["run", "--rm", "-it", "--network", "none", IMAGE, "sh"]);
		await session.see("# ");
		session.type("tty; stty size; echo $TERM; ls -l /dev/console | cut -c1\n");
		await session.see("/dev/pts/0");
		await session.see("30 90");
		await session.see("xterm");
		session.type("exit 5\n");
		expect(await session.child.exited).toBe(5);
	});
	test("the terminal follows resizes, in run and in exec", async () => {
		const session = onTerminal(["run", "--rm", "-it", "--name", "sized", "--network", "none", IMAGE, "sh"]);
		await session.see("# ");
		session.type("trap 'stty size' WINCH; echo rea''dy\n");
		await session.see("ready");
		session.resize(100, 40);
		await until(() => {
			session.type("stty size\n");
			return session.shown().includes("40 100");
		}, "the new size");
		const inner = onTerminal(["exec", "-it", "sized", "sh"]);
		await inner.see("# ");
		inner.type("stty size\n");
		await inner.see("30 90");
		inner.resize(77, 22);
		await until(() => {
			inner.type("stty size\n");
			return inner.shown().includes("22 77");
		}, "the new size in exec");
		inner.type("exit 4\n");
		expect(await inner.child.exited).toBe(4);
		session.type("exit\n");
		expect(await session.child.exited).toBe(0);
	});
	test("Ctrl-C goes to the program in the container", async () => {
		const session = onTerminal([
			"run",
			"--rm",
			"-it",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done",
		]);
		await session.see("ready");
		session.type("\x03");
		await session.see("caught");
		expect(await session.child.exited).toBe(3);
	});
	test("the detach keys leave the container running; attach comes back, twice at once", async () => {
		const session = onTerminal(["run", "-it", "--name", "left", "--network", "none", IMAGE, "sh"]);
		await session.see("# ");
		session.type("echo he''re\n");
		await session.see("here");
		session.type("\x10\x11");
		expect(await session.child.exited).toBe(0);
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "left")).toBe("running");
		const first = onTerminal(["attach", "left"]);
		const second = onTerminal(["attach", "--detach-keys", "ctrl-x,x", "left"]);
		// Who attaches sees what comes from then on: asked again until both are there.
		await until(() => {
			first.type("echo bo''th\n");
			return first.shown().includes("both") && second.shown().includes("both");
		}, "both");
		second.type("\x18x");
		expect(await second.child.exited).toBe(0);
		first.type("\x10a\x15exit 6\n"); // ctrl-p alone is held back, then passed on; ctrl-u clears the line
		expect(await first.child.exited).toBe(6);
		await until(async () => (await host.ok("inspect", "-f", "{{.State.Status}}", "left")) === "exited", "the end");
	});
	test("-it without a terminal is refused", async () => {
		const { code, stderr } = await host.nc("run", "-it", IMAGE, "true");
		expect([code, stderr]).toEqual([1, "the input device is not a TTY\n"]);
	});
	test("-t merges the streams and turns \\n into \\r\\n", async () => {
		const { stdout, stderr } = await host.nc(
			"run",
			"--rm",
			"-t",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"echo a; echo b >&2",
		);
		expect([stdout, stderr]).toEqual(["a\r\nb\r\n", ""]);
	});
	test("a terminal is restored when the command ends", async () => {
		const shell = Bun.spawn(
			[
				"sh",
				"-c",
				`${BINARY} --root ${host.root} --run ${host.run} run --rm -it --network none ${IMAGE} true; stty -a`,
			],
			{
				terminal: {
					cols: 80,
					rows: 24,
					data: (_t, bytes) => {
						shown += Buffer.from(bytes).toString();
					},
				},
			},
		);
		let shown = "";
		await shell.exited;
		await until(() => shown.includes("icanon"), "stty's answer");
		expect(shown).not.toContain("-icanon");
		expect(shown).not.toContain("-echo ");
	});
});

describe("signals", () => {
	test("signals to the command are forwarded", async () => {
		const child = Bun.spawn(
			host.command(
				"run",
				"--rm",
				"--network",
				"none",
				IMAGE,
				"sh",
				"-c",
				"trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
			),
			{ stdout: "pipe" },
		);
		const reader = child.stdout.getReader();
		let text = "";
		while (!text.includes("ready")) text += Buffer.from((await reader.read()).value ?? []).toString();
		child.kill("SIGTERM");
		expect(await child.exited).toBe(5);
	});
	test("--sig-proxy=false keeps them", async () => {
		const child = Bun.spawn(
			host.command(
				"run",
				"--name",
				"kept",
				"--sig-proxy=false",
				"--network",
				"none",
				IMAGE,
				"sh",
				"-c",
				"echo ready; sleep 1000",
			),
			{ stdout: "pipe" },
		);
		const reader = child.stdout.getReader();
		await reader.read();
		child.kill("SIGTERM");
		await child.exited;
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "kept")).toBe("running");
	});
	test("attach to a plain container gets both streams and the exit code", async () => {
		await host.ok(
			"run",
			"-d",
			"-i",
			"--name",
			"plain",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"read x; echo out $x; echo err >&2; exit 8",
		);
		const { code, stdout, stderr } = await host.nc("attach", "plain", { stdin: "line\n" });
		expect([code, stdout, stderr]).toEqual([8, "out line\n", "err\n"]);
	});
});
