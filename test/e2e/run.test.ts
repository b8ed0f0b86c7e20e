import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { BINARY, Host, IMAGE } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());

describe("exit codes", () => {
	test("run returns the exit code of the process", async () => {
		expect((await host.sh("exit 42")).code).toBe(42);
	});
	test("run returns 128 plus the signal that killed the process", async () => {
		expect((await host.sh("sh -c 'kill -9 $$' ; exit $?")).code).toBe(137);
		expect((await host.sh("trap - SEGV; kill -SEGV $$; sleep 5", "--init")).code).toBe(139);
	});
	test("run of a missing program exits 127, of a file that is no program 126", async () => {
		const missing = await host.nc("run", "--rm", "--network", "none", IMAGE, "nosuch");
		expect(missing.code).toBe(127);
		expect(missing.stderr).toContain('exec: "nosuch": executable file not found in $PATH: unknown');
		const path = await host.nc("run", "--rm", "--network", "none", IMAGE, "/nosuch");
		expect(path.code).toBe(127);
		expect(path.stderr).toContain('exec: "/nosuch": stat /nosuch: no such file or directory: unknown');
		const file = await host.nc("run", "--rm", "--network", "none", IMAGE, "/etc/passwd");
		expect(file.code).toBe(126);
		expect(file.stderr).toContain('exec: "/etc/passwd": permission denied: unknown');
	});
	test("usage errors exit 125, too few arguments 1", async () => {
		const unknown = await host.nc("run", "--bogus");
		expect(unknown.code).toBe(125);
		expect(unknown.stderr).toStartWith("unknown flag: --bogus\n\nUsage:  NanoContainer run [OPTIONS]");
		const few = await host.nc("run");
		expect(few.code).toBe(1);
		expect(few.stderr).toContain("requires at least 1 argument");
		expect((await host.nc("nosuchcommand")).code).toBe(1);
	});
	test("a flag of docker's that is not here yet is refused by name", async () => {
		const { code, stderr } = await host.nc("run", "--gpus", "all", IMAGE);
		expect(code).toBe(125);
		expect(stderr).toContain("--gpus is not supported");
	});
});

describe("streams", () => {
	test("run keeps standard output and error apart", async () => {
		const { stdout, stderr } = await host.sh("echo out; echo err >&2");
		expect(stdout).toBe("out\n");
		expect(stderr).toBe("err\n");
	});
	test("run -i passes standard input and its end", async () => {
		const args = ["run", "--rm", "-i", "--network", "none", IMAGE, "wc", "-c"];
		expect(await host.ok(...args, { stdin: "x".repeat(100_000) })).toBe("100000");
	});
	test("run without -i gives empty standard input", async () => {
		const args = ["run", "--rm", "--network", "none", IMAGE, "wc", "-c"];
		expect(await host.ok(...args, { stdin: "ignored" })).toBe("0");
	});
	test("no descriptor of the host is open in the container", async () => {
		const fds = await host.sh("ls /proc/self/fd | tr '\\n' ' '");
		expect(fds.stdout).toBe("0 1 2 3 "); // 3 is ls's own
	});
});

describe("process", () => {
	test("run gives docker's environment", async () => {
		const { stdout } = await host.sh("env", "-e", "A=b c", "-e", "EMPTY=", "-h", "box");
		expect(stdout.split("\n")).toEqual(
			expect.arrayContaining([
				"A=b c",
				"EMPTY=",
				"HOSTNAME=box",
				"HOME=/root",
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			]),
		);
	});
	test("run --env-file keeps quotes and blanks, -e wins over it", async () => {
		const file = `${host.dir}/env`;
		writeFileSync(file, '# comment\nQ="x"\n  L=1\nT=y \nH=a#b\nW=file\n');
		const { stdout } = await host.sh("env", "--env-file", file, "-e", "W=flag");
		expect(stdout.split("\n")).toEqual(expect.arrayContaining(['Q="x"', "L=1", "T=y ", "H=a#b", "W=flag"]));
	});
	test("newlines, quotes and UTF-8 reach the process unchanged", async () => {
		const odd = "a\nb\"c'd$e`ünï😀";
		expect((await host.sh('printf %s "$ODD"', "-e", `ODD=${odd}`)).stdout).toBe(odd);
		expect(await host.ok("run", "--rm", "--network", "none", IMAGE, "echo", odd)).toBe(odd);
	});
	test("run -u takes names and numbers, and drops root's capabilities", async () => {
		expect((await host.sh("id", "-u", "nobody")).stdout).toBe(
			"uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n",
		);
		expect((await host.sh("id -u; id -g", "-u", "1234:99")).stdout).toBe("1234\n99\n");
		expect((await host.sh("grep CapEff /proc/self/status", "-u", "1")).stdout).toContain("0000000000000000");
		expect((await host.sh("id -G", "-u", "1", "--group-add", "tty", "--group-add", "77")).stdout).toBe("1 5 77\n");
		const unknown = await host.sh("true", "-u", "nosuch");
		expect(unknown.stderr).toContain("unable to find user nosuch: no matching entries in passwd file");
		expect(unknown.code).toBe(125);
	});
	test("run -w makes the directory", async () => {
		expect((await host.sh("pwd", "-w", "/new/dir")).stdout).toBe("/new/dir\n");
	});
	test("--entrypoint drops the image's command", async () => {
		expect(await host.ok("run", "--rm", "--network", "none", "--entrypoint", "echo", IMAGE, "a", "b")).toBe("a b");
	});
	test("--init reaps orphans and forwards signals", async () => {
		const { stdout } = await host.sh("(sleep 0.01 &) ; sleep 0.2; ps -o stat | grep -c Z; cat /proc/1/comm", "--init");
		expect(stdout).toBe("0\ndocker-init\n");
		const seen = await host.sh("tr '\\0' '|' < /proc/1/cmdline", "--init");
		expect(seen.stdout).toMatch(/^\/sbin\/docker-init\|--\|sh\|-c\|tr '.0' '.' < \/proc\/1\/cmdline\|+$/);
		const long = await host.sh(`: ${"x".repeat(200)}; tail -c 3 /proc/1/cmdline | od -c | head -1`, "--init");
		expect(long.stdout).toMatch(/x {3}x {2}\\0\n$/);
	});
	test("--ulimit and --sysctl are set", async () => {
		const { stdout } = await host.sh(
			"ulimit -n; cat /proc/sys/kernel/msgmax",
			"--ulimit",
			"nofile=100:200",
			"--sysctl",
			"kernel.msgmax=1000",
		);
		expect(stdout).toBe("100\n1000\n");
		expect((await host.sh("true", "--sysctl", "kernel.panic=1")).stderr).toContain(
			"sysctl 'kernel.panic=1' is not allowed",
		);
	});
	test("the first process is PID 1 in its own namespaces", async () => {
		const { stdout } = await host.sh("echo $$; hostname; readlink /proc/1/ns/pid", "-h", "inside");
		const [pid, name, namespace] = stdout.split("\n");
		expect(pid).toBe("1");
		expect(name).toBe("inside");
		expect(namespace).not.toBe(
			readFileSync("/proc/self/comm", "utf8") && (await Bun.$`readlink /proc/self/ns/pid`.text()).trim(),
		);
	});
});

describe("rights", () => {
	test("the default capabilities are docker's fourteen", async () => {
		const { stdout } = await host.sh("grep ^Cap /proc/self/status");
		expect(stdout.replaceAll(/\s+/g, " ")).toBe(
			"CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000 ",
		);
	});
	test("--cap-drop ALL --cap-add gives that one alone", async () => {
		const { stdout } = await host.sh("grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "net_raw");
		expect(stdout).toContain("0000000000002000");
		expect((await host.sh("true", "--cap-add", "NOSUCH")).stderr).toContain(
			'invalid CapAdd: unknown capability: "CAP_NOSUCH"',
		);
	});
	test("the seccomp filter refuses mount, unshare and sethostname; unconfined leaves them to capabilities", async () => {
		const { stdout } = await host.sh(
			"grep -h Seccomp: /proc/self/status; unshare -m true 2>&1; mount -t tmpfs x /mnt 2>&1; hostname x 2>&1; mknod /n c 1 3 && echo made",
		);
		expect(stdout).toContain("Seccomp:\t2");
		expect(stdout).toContain("made");
		expect(stdout.match(/Operation not permitted|permission denied/gi)?.length).toBeGreaterThanOrEqual(3);
		const free = await host.sh("grep Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined");
		expect(free.stdout).toContain("Seccomp:\t0");
	});
	test("no-new-privileges is set on request only", async () => {
		expect((await host.sh("grep NoNewPrivs /proc/self/status")).stdout).toContain("\t0");
		const { stdout } = await host.sh(
			"grep -E 'NoNewPrivs|Seccomp:' /proc/self/status",
			"--security-opt",
			"no-new-privileges",
		);
		expect(stdout).toBe("NoNewPrivs:\t1\nSeccomp:\t2\n");
	});
	test("--privileged can mount and sees the host's devices", async () => {
		const { stdout } = await host.sh(
			"mkdir /m && mount -t tmpfs x /m && echo mounted; ls /dev | wc -l",
			"--privileged",
		);
		expect(stdout).toStartWith("mounted\n");
		expect(Number(stdout.split("\n")[1])).toBeGreaterThan(20);
	});
	test("paths of /proc are masked or read-only", async () => {
		const { stdout } = await host.sh(
			"cat /proc/timer_list /proc/keys | wc -c; echo 1 2>&1 >/proc/sys/kernel/panic; touch /sys/x 2>&1",
		);
		expect(stdout).toStartWith("0\n");
	});
	test("a container cannot write to the program it was started by", async () => {
		const { stdout } = await host.sh(
			"echo x 2>&1 > /proc/1/exe || echo refused; (echo x > /proc/$$/exe) 2>&1",
			"--init",
		);
		expect(stdout).not.toBe("");
		expect(existsSync(`${import.meta.dir}/../../NanoContainer`)).toBe(true);
	});
});

describe("mounts", () => {
	test("run --read-only refuses writes to / and to /etc/hosts, not to /dev/shm", async () => {
		const { stdout } = await host.sh(
			"touch /x 2>&1; echo >> /etc/hosts 2>&1; touch /dev/shm/x && echo shm",
			"--read-only",
		);
		expect(stdout).toContain("Read-only file system");
		expect(stdout).toContain("shm");
	});
	test("-v binds a directory, makes a missing one, and ro is recursive", async () => {
		const dir = `${host.dir}/bind`;
		mkdirSync(dir);
		writeFileSync(`${dir}/f`, "content");
		expect((await host.sh("cat /b/f; touch /b/g", "-v", `${dir}:/b`)).stdout).toBe("content");
		expect(existsSync(`${dir}/g`)).toBe(true);
		expect((await host.sh("touch /b/h 2>&1", "-v", `${dir}:/b:ro`)).stdout).toContain("Read-only");
		await host.sh("true", "-v", `${host.dir}/made:/b`);
		expect(existsSync(`${host.dir}/made`)).toBe(true);
	});
	test("--mount type=bind refuses a missing source, unknown keys are refused", async () => {
		const missing = await host.sh("true", "--mount", `type=bind,src=${host.dir}/no,dst=/b`);
		expect(missing.stderr).toContain(`bind source path does not exist: ${host.dir}/no`);
		const unknown = await host.sh("true", "--mount", "type=bind,x=1,dst=/b");
		expect(unknown.code).toBe(125);
		expect(unknown.stderr).toContain("unexpected key 'x' in 'x=1'");
	});
	test("a named volume is filled from the image once and stays", async () => {
		expect((await host.sh("ls /etc | grep passwd; touch /etc/new", "-v", "named:/etc")).stdout).toBe("passwd\n");
		expect((await host.sh("ls /v", "-v", "named:/v")).stdout).toContain("new");
		expect(existsSync(`${host.root}/volumes/named/_data/new`)).toBe(true);
	});
	test("--rm removes anonymous volumes", async () => {
		await host.sh("touch /a/x", "-v", "/a");
		expect(
			(await Array.fromAsync(new Bun.Glob("*").scan({ cwd: `${host.root}/volumes`, onlyFiles: false }))).filter(
				(name) => name.length === 64,
			),
		).toEqual([]);
	});
	test("--tmpfs is writable, limited and noexec", async () => {
		const { stdout } = await host.sh(
			"mount | grep ' /t '; dd if=/dev/zero of=/t/x bs=1M count=3 2>&1 | tail -1",
			"--tmpfs",
			"/t:size=1m",
		);
		expect(stdout).toContain("noexec");
		expect(stdout).toContain("size=1024k");
	});
	test("the same destination twice, and /, are refused", async () => {
		expect((await host.sh("true", "-v", "/tmp:/x", "-v", "/var:/x")).stderr).toContain("Duplicate mount point: /x");
		expect((await host.sh("true", "-v", "/tmp:/")).code).toBe(125);
	});
	test("--device gives one device", async () => {
		const { stdout } = await host.sh("ls -l /dev/myloop | cut -c1", "--device", "/dev/zero:/dev/myloop");
		expect(stdout).toBe("c\n");
		const missing = await host.sh("true", "--device", "/dev/nosuch");
		expect(missing.code).toBe(127);
		expect(missing.stderr).toContain("no such file or directory");
	});
	test("--shm-size sets the size of /dev/shm", async () => {
		expect((await host.sh("df -k /dev/shm | tail -1", "--shm-size", "1m")).stdout).toContain("1024");
	});
});

describe("options", () => {
	test("--cidfile holds the ID and must not exist", async () => {
		const file = `${host.dir}/cid`;
		await host.sh("true", "--cidfile", file);
		expect(readFileSync(file, "utf8")).toMatch(/^[0-9a-f]{64}$/);
		const again = await host.sh("true", "--cidfile", file);
		expect(again.code).toBe(125);
		expect(again.stderr).toContain("container ID file found");
	});
	test("--pull never refuses a missing image, a bad reference is told", async () => {
		expect((await host.nc("run", "--pull", "never", "nosuch/image")).stderr).toContain(
			"No such image: nosuch/image:latest",
		);
		expect((await host.nc("run", "UPPER")).stderr).toContain("must be lowercase");
	});
	test("--explain prints each system call with its time, --explain=json the same for machines", async () => {
		const { stderr, stdout } = await host.sh("echo hi", "--explain");
		expect(stdout).toBe("hi\n");
		expect(stderr).toMatch(/^ ?\d+ +[\d.]+ µs {2}setns\(own mount namespace\); fchdir\(root\); pivot_root/m);
		const json = JSON.parse((await host.sh("true", "--explain=json")).stderr) as {
			operation: string;
			microseconds: number;
		}[];
		expect(json.map((row) => row.operation)).toContain("pivot-root");
		expect(json.find((row) => row.operation.startsWith("overlay"))?.microseconds).toBeGreaterThan(0);
	});
	test("rslave hears of what the host mounts, rshared is heard too, the default neither", async () => {
		const shared = `${host.dir}/shared`;
		const sh = (script: string) => Bun.spawnSync(["sh", "-ec", script], { cwd: host.dir });
		sh("mkdir shared; mount -t tmpfs s shared; mount --make-rshared shared; mkdir shared/down shared/up");
		try {
			for (const [kind, down, up] of [
				["rslave", "seen", ""],
				["rshared", "seen", "heard"],
				["rprivate", "", ""],
			]) {
				const flags = ["--privileged", "--network", "none", "-v", `${shared}:/s:${kind}`];
				const id = await host.ok("run", "-d", ...flags, IMAGE, "sleep", "1000");
				sh("mount -t tmpfs d shared/down; touch shared/down/seen");
				expect([kind, await host.ok("exec", id, "ls", "/s/down")]).toEqual([kind, down]);
				sh("umount shared/down");
				await host.ok("exec", id, "sh", "-c", "mount -t tmpfs u /s/up && touch /s/up/heard");
				expect([kind, sh("ls shared/up").stdout.toString().trim()]).toEqual([kind, up]);
				sh("umount shared/up || true");
				await host.ok("rm", "-f", id);
			}
			const refused = await host.sh("true", "-v", `${host.dir}:/d:rshared`);
			expect(refused.stderr).toContain("but it is not a shared mount");
		} finally {
			sh("umount -R -l shared; rmdir shared");
		}
	});
	test("the program answers to the name docker", async () => {
		const link = `${host.dir}/docker`;
		Bun.spawnSync(["ln", "-s", `${import.meta.dir}/../../NanoContainer`, link]);
		const version = (program: string) => Bun.spawnSync([program, "--version"]).stdout.toString();
		expect(version(link)).toMatch(/^Docker version [\d.]+, build \w+\n$/);
		expect(version(BINARY)).toMatch(/^NanoContainer version [\d.]+, build \w+, Bun [\d.]+, Linux \d+\.\d+\S*\n$/);
	});
	test("not root: one sentence and exit 1", () => {
		const result = Bun.spawnSync([
			"setpriv",
			"--reuid",
			"65534",
			"--clear-groups",
			`${import.meta.dir}/../../NanoContainer`,
			"ps",
		]);
		expect(result.exitCode).toBe(1);
		expect(result.stderr.toString()).toBe(
			"NanoContainer: NanoContainer must be run as root: it makes namespaces, mounts and devices\n",
		);
	});
});
