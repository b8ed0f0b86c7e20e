/** Volumes of a real NFS server: the kernel's own. Runs in a machine (suites.test.ts). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { basename } from "node:path";
import { Host, IMAGE, loopbackUp, settled } from "../../fixture.ts";

loopbackUp();
const host = new Host();
const exported = `${host.dir}/exported`;

function must(...command: string[]): void {
	const { success, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
}

/**
 * What rpc.nfsd and exportfs do (nfsd(7)): no versions that need rpcbind, a socket for the server, and answers to what it would ask of mountd: who 127.0.0.1 is,
 * what is exported to them, and that the file system with the number 0, the root of NFSv4, is that. Flags: a number of its own,
 * no check of subtrees, any port.
 */
const SERVE = `
import socket, sys
path, never = sys.argv[1], "4000000000"
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", 2049)); s.listen(16)
def tell(name, text):
    with open(name, "w") as f: f.write(text)
tell("/proc/fs/nfsd/versions", "-2 -3 +4 +4.1 +4.2\\n")
tell("/proc/fs/nfsd/nfsv4leasetime", "10"); tell("/proc/fs/nfsd/nfsv4gracetime", "10")
tell("/proc/fs/nfsd/portlist", str(s.fileno()) + "\\n")
tell("/proc/fs/nfsd/threads", "2\\n")
tell("/proc/net/rpc/auth.unix.ip/channel", "nfsd 127.0.0.1 " + never + " all\\n")
tell("/proc/net/rpc/nfsd.export/channel", "all " + path + " " + never + " " + str(0x2000 | 0x400 | 0x2) + " 65534 65534 0\\n")
tell("/proc/net/rpc/nfsd.fh/channel", "all 1 \\\\x00000000 " + never + " " + path + "\\n")
`;

/** As modprobe(8): modules.dep(5) lists after a module those that it needs. */
function load(name: string): void {
	if (existsSync(`/sys/module/${name}`)) return;
	const base = `/lib/modules/${release()}`;
	const line = readFileSync(`${base}/modules.dep`, "utf8")
		.split("\n")
		.find((one) => one.includes(`/${name}.ko:`));
	const [own = "", ...needed] = line?.split(/:? /) ?? [];
	for (const path of needed.filter(Boolean)) load(basename(path, ".ko"));
	must("insmod", `${base}/${own}`);
}

beforeAll(async () => {
	for (const name of ["nfsd", "nfsv4"]) load(name);
	mkdirSync(exported, { recursive: true });
	writeFileSync(`${exported}/there`, "of the server\n");
	mkdirSync(`${exported}/deep/er`, { recursive: true });
	must("mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd");
	must("python3", "-c", SERVE, exported);
	const options = ["type=nfs", "o=addr=127.0.0.1,vers=4.2,rw", "device=:/"];
	await host.ok("volume", "create", ...options.flatMap((option) => ["--opt", option]), "remote");
});
afterAll(async () => {
	await host.close();
	writeFileSync("/proc/fs/nfsd/threads", "0\n");
	must("umount", "/proc/fs/nfsd");
});
const mounted = () => readFileSync("/proc/self/mountinfo", "utf8").includes(" nfs4 ");

test("its files are the container's, and what that writes is the server's; it is mounted once, and no longer than needed", async () => {
	const written = await host.sh("cat /data/there; echo new > /data/new; chown 12:34 /data/new", "-v", "remote:/data");
	expect([written.stdout, written.stderr]).toEqual(["of the server\n", ""]);
	expect([readFileSync(`${exported}/new`, "utf8"), statSync(`${exported}/new`).uid]).toEqual(["new\n", 12]);
	expect(mounted()).toBe(false);
	for (const name of ["one", "two"]) {
		await host.ok("run", "-d", "--network", "none", "--name", name, "-v", "remote:/data", IMAGE, "sleep", "1000");
	}
	await host.ok("exec", "one", "sh", "-c", "echo shared > /data/between");
	expect(await host.ok("exec", "two", "cat", "/data/between")).toBe("shared");
	await host.ok("rm", "-f", "one");
	expect(mounted()).toBe(true);
	await host.ok("rm", "-f", "two");
	expect(await settled(async () => (mounted() ? ["mounted"] : []))).toEqual([]);
});

test("a directory of it, to be read; a part of the volume", async () => {
	const mount = "type=volume,dst=/data,volume-opt=type=nfs4,volume-opt=device=127.0.0.1:/deep";
	const { stdout, stderr } = await host.sh(
		"ls /data; touch /data/x",
		"--mount",
		`${mount},"volume-opt=o=ro,soft,vers=4.1"`,
	);
	expect([stdout, stderr]).toEqual(["er\n", "touch: /data/x: Read-only file system\n"]);
	const part = "type=volume,src=remote,dst=/data,volume-subpath=deep";
	expect((await host.sh("ls /data", "--mount", part)).stdout).toBe("er\n");
});

test("it is copied, exported and filled as any other", async () => {
	chownSync(`${exported}/there`, 7, 8);
	await host.ok("volume", "cp", "remote", "copy");
	expect((await host.sh("stat -c '%u %n' /data/*", "-v", "copy:/data")).stdout).toContain("7 /data/there\n");
	await host.ok("volume", "export", "remote", "-o", `${host.dir}/remote.tar`);
	expect(Bun.spawnSync(["tar", "tf", `${host.dir}/remote.tar`]).stdout.toString()).toContain("deep/er/");
	expect(mounted()).toBe(false);
});

test("what the server has not is told, and nothing is left", async () => {
	await host.ok(
		"volume",
		"create",
		"--opt",
		"type=nfs",
		"--opt",
		"o=addr=127.0.0.1,vers=4.2,soft",
		"--opt",
		"device=:/nosuch",
		"none",
	);
	const { code, stderr } = await host.sh("true", "-v", "none:/data");
	expect([code, stderr]).toEqual([127, expect.stringContaining("failed to mount local volume: mount :/nosuch:")]);
	expect(stderr).toContain("no such file or directory");
	await host.ok("volume", "rm", "none", "copy", "remote");
	expect(readdirSync(exported).sort()).toEqual(["between", "deep", "new", "there"]);
	expect(await settled(() => host.leftovers())).toEqual([]);
});
