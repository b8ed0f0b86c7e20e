/** Small things in which docker was found to answer otherwise: each is what docker 20 to 28 say or do. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { detectCgroups } from "../../src/cgroup/detect.ts";
import { BINARY, Host, IMAGE, loopbackUp, until } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());
const V1 = detectCgroups()?.version === 1;

describe("templates", () => {
	const inspect = (format: string) => host.ok("inspect", "-f", format, "unset");
	test("fields that docker's types have and nothing sets", async () => {
		await host.ok("create", "--name", "unset", "--network", "none", IMAGE, "true");
		expect(await inspect("{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}")).toBe(
			"created",
		);
		expect(
			await inspect("{{json .Config.ExposedPorts}} {{with .Config.Healthcheck}}has{{end}}|{{.Config.StopSignal}}"),
		).toBe("null |");
		expect(
			await inspect("{{range $p, $c := .Config.ExposedPorts}}{{$p}}{{end}}{{.HostConfig.CPURealtimePeriod}}"),
		).toBe("0");
		expect(await host.ok("image", "inspect", "-f", "{{.Variant}}|{{.OsVersion}}|", IMAGE)).toBe("||");
		expect(await host.ok("info", "-f", "{{.BridgeNfIP6tables}} {{.NGoroutines}} {{.RuncCommit.ID}}")).toMatch(
			/^(true|false) 0 $/,
		);
		expect((await host.nc("inspect", "-f", "{{.Nosuch}}", "unset")).stderr).toContain(
			'map has no entry for key "Nosuch"',
		);
		await host.ok("rm", "unset");
	});
	test("names of JavaScript's own are nobody's", async () => {
		for (const name of ["constructor .", 'hasOwnProperty "x"', "__proto__", "toString"]) {
			const { code, stderr } = await host.nc("info", "-f", `{{${name}}}`);
			expect([name, code > 0, stderr]).toEqual([name, true, expect.stringContaining("not defined")]);
		}
		const { stdout } = await host.sh("env", "-e", "constructor", "-e", "__proto__", "-e", "A=b");
		expect(stdout).not.toMatch(/constructor|proto/);
		expect((await host.nc("info", "-f", '{{printf "<%999999d %999999d>" 1 2}}')).stderr).toContain(
			"a width of more than",
		);
	});
});

describe("what asks for nothing", () => {
	test("is taken: --restart no, --isolation default; what asks for more is refused", async () => {
		expect((await host.sh("echo ran", "--restart", "no", "--isolation=default")).stdout).toBe("ran\n");
		expect((await host.sh("true", "--isolation", "hyperv")).stderr).toContain("flag --isolation is not supported");
	});
	test("create's own mistakes end with 125 and docker's name", async () => {
		const { code, stderr } = await host.nc("create", "--env-file", "/nosuch", IMAGE);
		expect([code, stderr]).toEqual([
			125,
			"docker: open /nosuch: no such file or directory\n\nRun 'NanoContainer create --help' for more information\n",
		]);
	});
});

describe("config.json", () => {
	test("without end, of strange kinds, with broken secrets: a warning, as docker's; an empty one is none", async () => {
		const config = `${host.dir}/strange`;
		mkdirSync(config);
		loopbackUp();
		using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("", { status: 404 }) });
		const name = `127.0.0.1:${server.port}/x`;
		const told = async () => (await host.nc("--config", config, "pull", name)).stderr.split("\n")[0] ?? "";
		for (const [text, why] of [
			['{"auths":{"127.0.0.1:1":{"auth":"!!"}}}', "illegal base64 data at input byte 0"],
			['{"auths":{"127.0.0.1:1":{"auth":"eA=="}}}', "invalid auth configuration file"],
		] as const) {
			writeFileSync(`${config}/config.json`, text);
			expect(await told()).toEndWith(why);
		}
		writeFileSync(`${config}/config.json`, "");
		expect(await told()).not.toContain("WARNING");
		rmSync(`${config}/config.json`);
		symlinkSync("/dev/zero", `${config}/config.json`);
		expect(await told()).toEndWith("neither a regular file nor a pipe");
	});
});

describe("users and groups", () => {
	test("exec -u keeps the groups of --group-add", async () => {
		await host.ok("run", "-d", "--name", "groups", "--group-add", "55", "--network", "none", IMAGE, "sleep", "1000");
		expect(await host.ok("exec", "-u", "12", "groups", "id")).toBe("uid=12 gid=0(root) groups=0(root),55");
		expect(await host.ok("exec", "-u", "12:13", "groups", "id")).toBe("uid=12 gid=13 groups=13,55");
		expect(await host.ok("exec", "groups", "sh", "-c", "id -G")).toContain("55");
		await host.ok("rm", "-f", "groups");
	});

	test("a number is a number, also where somebody has it for a name", async () => {
		const dir = `${host.dir}/numbers`;
		mkdirSync(dir);
		writeFileSync(
			`${dir}/Dockerfile`,
			`FROM ${IMAGE}\nRUN echo 1234:x:7:8::/:/bin/sh >> /etc/passwd; echo 2346:x:9: >> /etc/group\n`,
		);
		const image = await host.ok("build", "-q", dir);
		const id = async (...flags: string[]) =>
			host.ok("run", "--rm", "--network", "none", ...flags, image, "sh", "-c", "id -u; id -g; id -G");
		expect(await id("-u", "1234:2346")).toBe("1234\n2346\n2346");
		expect(await id("-u", "1234")).toBe("1234\n0\n0");
		expect(await id("--group-add", "2346")).toBe("0\n0\n0 10 2346".replace(" 10", ""));
	});
});

describe("what is printed", () => {
	test("logs --since 0 and an empty one are all of it", async () => {
		await host.ok("run", "--name", "said", "--network", "none", IMAGE, "echo", "once");
		for (const since of ["0", "", "1970-01-01"]) expect(await host.ok("logs", "--since", since, "said")).toBe("once");
		expect(await host.ok("logs", "--since", "1h", "--until", "", "said")).toBe("once");
		expect(await host.ok("logs", "--until", "0", "said")).toBe("");
		await host.ok("rm", "said");
	});

	test("run with what is not there: docker's words, 125", async () => {
		const file = await host.nc("run", "--rm", "--env-file", "nosuch", IMAGE, "true");
		expect([file.code, file.stderr]).toEqual([
			125,
			expect.stringContaining("docker: open nosuch: no such file or directory\n"),
		]);
		const labels = await host.nc("run", "--rm", "--label-file", "/nosuch/l", IMAGE, "true");
		expect([labels.code, labels.stderr]).toEqual([125, expect.stringContaining("open /nosuch/l: no such file")]);
		const network = await host.nc("run", "--rm", "--network", "nosuch", IMAGE, "true");
		expect(network.stderr).toContain("docker: Error response from daemon: network nosuch not found\n");
		expect(network.code).toBe(125);
		const mac = await host.nc("create", "--mac-address", "nonsense", IMAGE, "true");
		expect(mac.stderr).toContain("nonsense is not a valid mac address");
	});

	test("numbers that are too large", async () => {
		const said = async (...flags: string[]) => (await host.nc("create", ...flags, IMAGE, "true")).stderr;
		const huge = "99999999999999999999";
		expect(await said("-m", huge)).toContain("Minimum memory limit allowed is 6MB");
		expect(await said("--shm-size", huge)).toContain("SHM size can not be less than 0");
		for (const flag of ["--cpu-shares", "--pids-limit", "--stop-timeout", "--oom-score-adj"]) {
			expect(await said(flag, huge)).toContain(`strconv.ParseInt: parsing "${huge}": value out of range`);
		}
		expect(await said("--ulimit", `nofile=${huge}`)).toContain("value out of range");
		expect(await said("--name", "patient", "--stop-timeout", "-9999999999999")).toBe("");
		await host.ok("start", "patient");
		await host.ok("rm", "-f", "patient");
	});

	test("rm of a container that runs", async () => {
		const id = await host.ok("run", "-d", "--name", "busy", "--network", "none", IMAGE, "sleep", "1000");
		for (const name of ["busy", id.slice(0, 12)]) {
			expect((await host.nc("rm", name)).stderr).toBe(
				'Error response from daemon: cannot remove container "/busy": container is running: stop the container before removing or force remove\n',
			);
		}
		await host.ok("rm", "-f", "busy");
	});

	test("info: docker's headings, and its fields under both of their names", async () => {
		const text = await host.ok("info");
		for (const heading of [
			"Client:",
			"Server:",
			" Plugins:",
			"  Volume: local",
			" Swarm: inactive",
			" Runtimes: ",
			" Default Runtime: ",
			" ID: ",
			" Insecure Registries:",
			"  127.0.0.0/8",
			" Live Restore Enabled: ",
			" Cgroup Version: ",
			" Storage Driver: overlay2",
		]) {
			expect(text).toContain(heading);
		}
		const document = JSON.parse(await host.ok("info", "--format", "{{json .}}"));
		expect(document).toMatchObject({
			Swarm: { LocalNodeState: "inactive" },
			Driver: "overlay2",
			ClientInfo: { Context: "default" },
		});
		expect(await host.ok("info", "-f", "{{.ID}}")).toBe(document.ID);
		expect(await host.ok("info", "-f", "{{.CPUCfsQuota}} {{.CpuCfsQuota}} {{.HTTPProxy}}")).toBe("true true ");
		expect(await host.ok("version", "-f", "{{.Server.APIVersion}} {{.Client.DefaultAPIVersion}} {{.Server.Os}}")).toBe(
			"1.48 1.48 linux",
		);
	});

	test("images --format json, and Go's names in inspect", async () => {
		const row = JSON.parse(await host.ok("images", "--format", "{{json .}}", IMAGE));
		expect(Object.keys(row)).toEqual([
			...["Containers", "CreatedAt", "CreatedSince", "Digest", "ID", "Repository", "SharedSize", "Size", "Tag"],
			...["UniqueSize", "VirtualSize"],
		]);
		expect([row.Containers, row.Digest]).toEqual(["N/A", "<none>"]);
		await host.ok(
			"create",
			"--name",
			"limits",
			"--cpu-shares",
			"512",
			"--cpu-quota",
			"5000",
			"--dns",
			"9.9.9.9",
			"--network",
			"none",
			IMAGE,
			"true",
		);
		const go = "{{.HostConfig.CPUShares}} {{.HostConfig.CPUQuota}} {{.HostConfig.DNS}} {{.HostConfig.NanoCPUs}}";
		expect(await host.ok("inspect", "-f", go, "limits")).toBe("512 5000 [9.9.9.9] 0");
		expect(await host.ok("inspect", "-f", "{{.HostConfig.CpuShares}} {{eq .ID .Id}}", "limits")).toBe("512 true");
		expect(await host.ok("image", "inspect", "-f", "{{eq .ID .Id}}", IMAGE)).toBe("true");
		expect((await host.nc("inspect", "-f", "{{.cpushares}}", "limits")).stderr).toContain(
			'map has no entry for key "cpushares"',
		);
		await host.ok("rm", "limits");
	});

	test("help has docker's groups, and the machine's", async () => {
		const text = await host.ok("--help");
		const headings = [...text.matchAll(/^(\S.*Commands|Commands):$/gm)].map(([, heading]) => heading);
		expect(headings).toEqual(["Common Commands", "Management Commands", "Commands", "Machine Commands"]);
	});

	test("commands and flags that are not here yet are told apart, with what to do instead", async () => {
		const events = await host.nc("events", "--format", "{{json .}}");
		expect([events.code, events.stderr]).toEqual([
			1,
			expect.stringContaining("'events' is not supported by NanoContainer yet: ask ps"),
		]);
		expect((await host.nc("evnts")).stderr).toContain("unknown command: NanoContainer evnts");
		const gpus = await host.nc("run", "--gpus", "all", IMAGE);
		for (const [words, advice] of [
			["image save a", "build --output type=docker"],
			["image push a", "build --push pushes"],
			["buildx ls", "there is one builder"],
		] as const) {
			const { code, stderr } = await host.nc(...words.split(" "));
			const [noun, member] = words.split(" ");
			expect([code, stderr]).toEqual([
				1,
				expect.stringContaining(`'${noun} ${member}' is not supported by NanoContainer yet: ${advice}`),
			]);
		}
		expect((await host.nc("system", "nosuch")).stderr).toContain("unknown command: NanoContainer system nosuch");
		expect(gpus.stderr).toContain("flag --gpus is not supported by NanoContainer yet: name the devices");
		expect(await host.ok("buildx", "version")).toMatch(/^\S+ v\d+\.\d+\.\d+ \w+$/);
	});

	test("who is not root is told so under the name they called", async () => {
		const link = `${host.dir}/docker`;
		symlinkSync(BINARY, link);
		const said = async (program: string): Promise<string> => {
			const child = Bun.spawn(
				["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "run", IMAGE],
				{
					stderr: "pipe",
					stdout: "ignore",
					cwd: "/",
				},
			);
			const text = await new Response(child.stderr).text();
			expect(await child.exited).toBe(125);
			return text;
		};
		const readable = `${host.dir}/bin`;
		mkdirSync(readable, { mode: 0o755 });
		Bun.spawnSync(["chmod", "755", host.dir]);
		Bun.spawnSync(["cp", "--reflink=auto", BINARY, `${readable}/NanoContainer`]);
		symlinkSync("NanoContainer", `${readable}/docker`);
		expect(await said(`${readable}/NanoContainer`)).toStartWith("NanoContainer: NanoContainer must be run as root");
		expect(await said(`${readable}/docker`)).toStartWith("docker: NanoContainer must be run as root");
	});

	test("control characters of a container reach a pipe, and not a terminal", async () => {
		await host.ok(
			"create",
			"--name",
			"evil",
			"--label",
			"a=\x1b]0;owned\x07\x9b31m",
			"--network",
			"none",
			IMAGE,
			"true",
		);
		const args = ["ps", "-a", "--format", "{{.Labels}}"];
		expect(await host.ok(...args)).toBe("a=\x1b]0;owned\x07\x9b31m");
		const command = host
			.command(...args)
			.map((word) => `'${word}'`)
			.join(" ");
		const shown = Bun.spawnSync(["script", "-qec", command, "/dev/null"], { stdin: "ignore" }).stdout.toString();
		expect(shown).toBe("a=\\x1b]0;owned\\x07\\x9b31m\r\n");
		const inspect = host
			.command("inspect", "-f", "{{.Config.Labels.a}}", "evil")
			.map((word) => `'${word}'`)
			.join(" ");
		expect(
			Bun.spawnSync(["script", "-qec", inspect, "/dev/null"], { stdin: "ignore" }).stdout.toString(),
		).not.toContain("\x1b");
		await host.ok("rm", "evil");
	});

	test("the third Ctrl-C ends the command, in docker's words", async () => {
		const child = Bun.spawn(
			host.command(
				"run",
				"--name",
				"deaf",
				"--network",
				"none",
				IMAGE,
				"sh",
				"-c",
				"trap '' INT TERM; echo up; while :; do sleep 1; done",
			),
			{ stdout: "pipe", stderr: "pipe" },
		);
		const reader = child.stdout.getReader();
		await reader.read();
		const stderr = new Response(child.stderr).text();
		for (let i = 0; i < 3; i++) {
			child.kill("SIGINT");
			await Bun.sleep(50); // signals that come at once are one
		}
		expect(await child.exited).toBe(1);
		expect(await stderr).toBe("\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
		await host.ok("rm", "-f", "deaf");
	});
});

describe("what the container sees", () => {
	test("the shared memory is a mount named shm", async () => {
		expect((await host.sh("grep ' /dev/shm ' /proc/mounts")).stdout).toMatch(/^shm \/dev\/shm tmpfs /);
	});

	test.if(V1)("every tree of cgroup v1, with a cgroup of its own in each", async () => {
		const trees = readdirSync("/sys/fs/cgroup").sort();
		expect((await host.sh("ls /sys/fs/cgroup")).stdout.trim().split("\n").sort()).toEqual(trees);
		const limit = await host.sh(
			"cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.shares",
			"-m",
			"64m",
		);
		expect(limit.stdout).toBe("67108864\n1024\n");
		expect((await host.sh("cut -d: -f3 /proc/self/cgroup | sort -u")).stdout).toBe("/\n");
		const id = await host.ok(
			"run",
			"-d",
			"--name",
			"trees",
			"--cgroup-parent",
			"nc-e2e-trees",
			"--network",
			"none",
			IMAGE,
			"sleep",
			"1000",
		);
		const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", "trees");
		const places = await Bun.file(`/proc/${pid}/cgroup`).text();
		for (const line of places.trim().split("\n")) expect(line).toEndWith(`/nc-e2e-trees/${id}`);
		expect(await host.ok("exec", "trees", "sh", "-c", "cut -d: -f3 /proc/self/cgroup | sort -u")).toBe("/");
		expect((await host.sh("echo 1 > /sys/fs/cgroup/memory/x; mkdir /sys/fs/cgroup/cpu/y")).stderr).toContain(
			"Read-only",
		);
		await host.ok("rm", "-f", "trees");
		await until(() => !existsSync(`/sys/fs/cgroup/memory/nc-e2e-trees/${id}`), "its cgroups to go");
		for (const tree of trees) Bun.spawnSync(["rmdir", `/sys/fs/cgroup/${tree}/nc-e2e-trees`]);
	});

	test.if(V1)("--cgroupns host: the same, under the names that the host has", async () => {
		const { stdout } = await host.sh(
			"grep memory /proc/self/cgroup; cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ls -d /sys/fs/cgroup/cpu/nanocontainer",
			"--cgroupns",
			"host",
			"-m",
			"32m",
		);
		expect(stdout).toMatch(/^\d+:memory:\/nanocontainer\/[0-9a-f]{64}\n33554432\n$/);
		expect((await host.nc("run", "--cgroupns", "nonsense", IMAGE)).stderr).toContain("invalid cgroup mode");
	});
});
