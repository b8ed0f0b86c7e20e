/**
 * `bun run bench [filter]`: how long things take, beside docker, buildah, runc and crun where they are installed, all
 * interleaved in one run. docker's daemon is one of our own, in a network namespace of our own. Prints a table; fails
 * nothing.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { Docker, removeCgroups } from "../test/peers.ts";
import { building } from "./building.ts";
import { BINARY, dir, IMAGE, nc, sh } from "./compare.ts";
import { networking } from "./networking.ts";
import { pulling } from "./pulling.ts";
import { running } from "./running.ts";

if (process.getuid?.() !== 0 || !existsSync(BINARY)) {
	process.stderr.write("The bench needs root, and the compiled program: bun run build\n");
	process.exit(1);
}
if (!process.env["BENCH_INSIDE"]) {
	const self = ["unshare", "--net", "--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
	const child = Bun.spawnSync(self, {
		stdio: ["ignore", "inherit", "inherit"],
		env: { ...process.env, BENCH_INSIDE: "1" },
	});
	rmSync(dir, { recursive: true }); // that of this process, which has measured nothing
	process.exit(child.exitCode ?? 1);
}

sh(["ip", "link", "set", "lo", "up"]);
// In memory: what is measured are programs, not a disk that still has to digest the round before.
sh(["mount", "-t", "tmpfs", "-o", "size=75%", "bench", dir]);
const docker = existsSync("/usr/sbin/dockerd") ? await Docker.start(`${dir}/docker`) : undefined;
try {
	sh(nc("run", "--rm", "--network", "none", IMAGE, "true"));
	// All begin with the same image.
	writeFileSync(`${dir}/Base`, `FROM ${IMAGE}\n`);
	mkdirSync(`${dir}/empty`);
	sh(nc("build", "-q", "-t", IMAGE, "-o", `type=docker,dest=${dir}/base.tar`, "-f", `${dir}/Base`, `${dir}/empty`));
	if (docker) sh(docker.command("load", "-i", `${dir}/base.tar`), docker);
	process.stdout.write("| what | with | median | ratio |\n|---|---|---|---|\n");
	await running(docker);
	await building(docker, `${dir}/base.tar`);
	await pulling(docker);
	await networking(`${dir}/base.tar`);
} finally {
	const ids = Bun.spawnSync(nc("ps", "-aq")).stdout.toString().split("\n").filter(Boolean);
	if (ids.length) sh(nc("rm", "-f", ...ids));
	await docker?.[Symbol.asyncDispose]();
	removeCgroups();
	Bun.spawnSync(["umount", "-l", dir]);
	rmSync(dir, { recursive: true, force: true });
}
