/** The one engine that there is, as programs ask docker for it: contexts, hosts, sizes. */
import { afterAll, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { BINARY, Host, IMAGE } from "../fixture.ts";

const host = new Host();
afterAll(() => host.close());

test("context ls, show and inspect tell of it", async () => {
	expect(await host.ok("context", "show")).toBe("default");
	expect(await host.ok("context", "ls")).toMatch(
		/^NAME +DESCRIPTION +DOCKER ENDPOINT +ERROR\ndefault \* +this program: there is no daemon\s*$/,
	);
	expect(await host.ok("context", "ls", "-q")).toBe("default");
	expect(JSON.parse(await host.ok("context", "ls", "--format", "json"))).toMatchObject({
		Name: "default",
		Current: "true",
	});
	expect(JSON.parse(await host.ok("context", "inspect"))[0]).toMatchObject({
		Name: "default",
		Endpoints: { docker: { Host: "" } },
	});
	expect(await host.ok("context", "inspect", "-f", "{{.Name}} {{.Endpoints.docker.Host}}", "default")).toBe("default ");
	expect(await host.nc("context", "inspect", "other")).toMatchObject({
		code: 1,
		stdout: "[]\n",
		stderr: 'context "other": context not found: there is "default" alone\n',
	});
	expect(await host.ok("context", "use", "default")).toBe("default");
	for (const args of [
		["create", "x", "--docker", "host=tcp://y"],
		["use", "x"],
		["rm", "-f", "x"],
		["update", "x"],
		["export", "x"],
		["import", "x", "-"],
	]) {
		const { code, stderr } = await host.nc("context", ...args);
		expect([code, stderr]).toEqual([
			1,
			expect.stringMatching(
				/^context "x" cannot be \w+: there is one engine, this program, and its context is "default"\n$/,
			),
		]);
	}
});

test("--context default is this one; others, hosts and TLS are refused by a sentence", async () => {
	const asked = async (...args: string[]) => {
		const child = Bun.spawnSync([BINARY, ...args, "--root", host.root, "--run", host.run, "ps", "-q"], {
			stderr: "pipe",
		});
		return [child.exitCode === 0, child.stderr.toString().split("\n")[0]];
	};
	expect(await asked("--context", "default")).toEqual([true, ""]);
	expect(await asked("-c", "other")).toEqual([
		false,
		'context "other" not found: there is one engine, this program, and its context is "default"',
	]);
	for (const flag of ["-H=tcp://x", "--host=tcp://x", "--tls", "--tlsverify", "--tlscacert=x"]) {
		expect((await asked(flag))[1]).toContain("there is no daemon to be reached, this program is the engine");
	}
	symlinkSync(BINARY, `${host.dir}/docker`);
	const asDocker = (env: Record<string, string>) =>
		Bun.spawnSync([`${host.dir}/docker`, "--root", host.root, "--run", host.run, "ps", "-q"], {
			stderr: "pipe",
			env: { ...process.env, ...env },
		}).stderr.toString();
	expect(asDocker({ DOCKER_HOST: "tcp://x" })).toContain(
		"DOCKER_HOST is set (tcp://x): there is no daemon to be reached",
	);
	expect(asDocker({ DOCKER_CONTEXT: "x" })).toContain('context "x" not found');
	expect(asDocker({ DOCKER_CONTEXT: "default" })).toBe("");
	expect((await host.nc("ps", { env: { DOCKER_HOST: "tcp://x" } })).code).toBe(0);
});

test("inspect --size", async () => {
	await host.ok("run", "--name", "wrote", "--network", "none", IMAGE, "sh", "-c", "head -c 1000 /dev/zero > /f");
	expect(await host.ok("inspect", "-s", "-f", "{{.SizeRw}}", "wrote")).toBe("1000");
	expect(Number(await host.ok("container", "inspect", "--size", "-f", "{{.SizeRootFs}}", "wrote"))).toBeGreaterThan(
		100_000,
	);
	await host.ok("rm", "wrote");
});
