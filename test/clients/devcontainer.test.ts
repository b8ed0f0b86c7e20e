/** @devcontainers/cli with this program in docker's place: what it asks before, while and after it builds. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { BINARY, Host, IMAGE, loopbackUp, until } from "../fixture.ts";

const CLIENT = `${import.meta.dir}/../../node_modules/@devcontainers/cli/devcontainer.js`;
const host = new Host();
const docker = `${host.dir}/docker`;
const workspace = `${host.dir}/work`;
afterAll(() => host.close());

beforeAll(() => {
	loopbackUp();
	mkdirSync(`${workspace}/.devcontainer`, { recursive: true });
	writeFileSync(docker, `#!/bin/sh\nexec ${BINARY} --root ${host.root} --run ${host.run} "$@"\n`);
	chmodSync(docker, 0o755);
	writeFileSync(
		`${workspace}/.devcontainer/Dockerfile`,
		`FROM ${IMAGE}\nRUN echo built > /built && mkdir -p /workspaces/work\n`,
	);
	const config = { build: { dockerfile: "Dockerfile" }, runArgs: ["--network", "none"], updateRemoteUserUID: false };
	writeFileSync(`${workspace}/.devcontainer/devcontainer.json`, JSON.stringify(config));
});

const command = (verb: string, ...more: string[]) => [
	...["node", CLIENT, verb, "--docker-path", docker, "--workspace-folder", workspace],
	...more,
];

async function client(verb: string, ...more: string[]) {
	const child = Bun.spawn(command(verb, ...more), {
		stdout: "pipe",
		stderr: "pipe",
		env: { ...process.env, HOME: host.dir, TMPDIR: host.dir },
	});
	const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
	return { code: await child.exited, stdout, stderr };
}

test("devcontainer read-configuration finds nothing to complain of", async () => {
	const { code, stdout } = await client("read-configuration");
	expect(code).toBe(0);
	expect(JSON.parse(stdout).configuration.build.dockerfile).toBe("Dockerfile");
});

test("devcontainer build builds by buildx, and names the image", async () => {
	const { code, stdout, stderr } = await client("build", "--image-name", "dev:1");
	expect(JSON.parse(stdout)).toMatchObject({ outcome: "success", imageName: ["dev:1"] });
	expect(stderr).not.toContain("were not consumed");
	expect(code).toBe(0);
	expect(await host.ok("run", "--rm", "--network", "none", "dev:1", "cat", "/built")).toBe("built");
});

test("devcontainer exec runs in a container that is there", async () => {
	const id = await host.ok("run", "-d", "--network", "none", "dev:1", "sleep", "1000");
	const { stdout } = await client("exec", "--container-id", id, "cat", "/built");
	await host.ok("rm", "-f", id);
	expect(stdout).toContain("built");
});

test("devcontainer up is told that there are no events, and its container runs", async () => {
	const child = Bun.spawn(command("up", "--log-level", "trace"), {
		stdout: "pipe",
		stderr: "pipe",
		env: { ...process.env, HOME: host.dir, TMPDIR: host.dir },
	});
	let said = "";
	const reading = (async () => {
		for await (const chunk of child.stderr) said += Buffer.from(chunk).toString();
	})();
	await until(() => said.includes("Docker events terminated (code: 1"), "the end of events", 30_000);
	const running = async () =>
		(await host.ok("ps", "-q", "--filter", `label=devcontainer.local_folder=${workspace}`)) !== "";
	await until(running, "its container", 30_000);
	child.kill();
	await child.exited;
	await reading;
	for (const id of (await host.ok("ps", "-aq")).split("\n")) await host.ok("rm", "-f", id);
}, 90_000);
