/** `commit`: an image of what a container has become, and what docker says of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const config = async (image: string) => JSON.parse(await host.ok("image", "inspect", image))[0];
const sees = async (image: string, script: string) =>
	(await host.nc("run", "--rm", "--network", "none", image, "sh", "-c", script)).stdout;

beforeAll(async () => {
	await host.ok("build", "-q", "-t", "base", "-", {
		stdin: `FROM ${IMAGE}\nRUN mkdir -p /d/e && touch /d/f /d/e/g /gone && echo app:x:7:8::/:/bin/sh >> /etc/passwd\nENV A=1\nLABEL l=1\nHEALTHCHECK --retries=2 CMD true\nCMD ["sh"]`,
	});
	const script =
		"rm /gone; rm -r /d/e; mkdir /d/e; touch /d/e/new; echo x > /d/f; mkfifo /fifo; ln /d/f /again; ln -s /d /link; chown 7:8 /link; echo secret > /vol/x; exec sleep 1000";
	await host.ok(
		"run",
		"-d",
		"--name",
		"live",
		"--network",
		"none",
		"-v",
		"/vol",
		"-e",
		"B=2",
		"-l",
		"m=2",
		"-w",
		"/d",
		"-p",
		"99",
		"base",
		"sh",
		"-c",
		script,
	);
	await until(async () => (await host.nc("exec", "live", "test", "-e", "/vol/x")).code === 0, "its files");
});

test("its files and its configuration, while it runs", async () => {
	const id = await host.ok("commit", "-a", "Somebody", "-m", "a change", "live", "made:one");
	expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
	expect(
		await sees(
			"made:one",
			"ls /d/e /gone 2>&1; cat /d/f /again; stat -c '%F %h' /fifo /again; readlink /link; ls /vol; pwd",
		),
	).toBe("ls: /gone: No such file or directory\n/d/e:\nnew\nx\nx\nfifo 1\nregular file 2\n/d\n/d\n");
	const made = await config("made:one");
	expect([made.Id, made.Author, made.Config.Env.slice(-2), made.Config.Labels, made.Config.WorkingDir]).toEqual([
		id,
		"Somebody",
		["A=1", "B=2"],
		{ l: "1", m: "2" },
		"/d",
	]);
	expect([made.Config.Cmd.slice(0, 2), Object.keys(made.Config.Volumes), made.Config.Healthcheck.Retries]).toEqual([
		["sh", "-c"],
		["/vol"],
		2,
	]);
	expect(made.RootFS.Layers.length).toBe((await config("base")).RootFS.Layers.length + 1);
	expect(await host.ok("inspect", "-f", "{{.State.Status}}", "live")).toBe("running");
	// The container's own layer is as it was.
	expect(await host.ok("exec", "live", "ls", "/d/e")).toBe("new");
});

test("changes of the configuration; a name or none; nothing changed", async () => {
	const changes = [
		'CMD ["id", "-u"]',
		"ENV A=3 C=4",
		"USER app",
		"EXPOSE 80",
		"LABEL l=9",
		"WORKDIR /",
		"ENTRYPOINT []",
		"VOLUME /v",
		"ONBUILD RUN true",
	];
	await host.ok("commit", ...changes.flatMap((change) => ["-c", change]), "--pause=false", "live", "made:two");
	expect((await host.nc("run", "--rm", "--network", "none", "made:two")).stdout).toBe("7\n");
	const made = await config("made:two");
	expect([made.Config.Env.slice(-3), made.Config.Labels.l, Object.keys(made.Config.ExposedPorts)]).toEqual([
		["A=3", "B=2", "C=4"],
		"9",
		["80/tcp", "99/tcp"],
	]);
	const id = await host.ok("commit", "live");
	expect(await host.ok("images", "-q", "--no-trunc", "-f", "dangling=true")).toBe(id);
	await host.ok("create", "--name", "same", "base");
	await host.ok("commit", "same", "made:same");
	expect((await config("made:same")).RootFS.Layers).toEqual((await config("base")).RootFS.Layers);
	for (const [change, error] of [
		["RUN true", "RUN is not a valid change command"],
		["NOSUCH x", "unknown instruction: NOSUCH"],
		["FROM x", "not an instruction"],
	]) {
		expect((await host.nc("commit", "-c", change ?? "", "live")).stderr).toContain(error ?? "");
	}
	expect((await host.nc("commit", "live", "Wrong Name")).stderr).toContain("invalid reference format");
	expect(await host.nc("commit", "nosuch")).toMatchObject({
		code: 1,
		stderr: "Error response from daemon: No such container: nosuch\n",
	});
	await host.ok("rm", "same");
});

test("a paused one stays so; what is built on it, and saved of it, is whole", async () => {
	await host.ok("pause", "live");
	await host.ok("commit", "live", "made:three");
	expect(await host.ok("inspect", "-f", "{{.State.Status}}", "live")).toBe("paused");
	await host.ok("unpause", "live");
	await host.ok("build", "-q", "-t", "made:four", "-o", `type=docker,dest=${host.dir}/four.tar`, "-", {
		stdin: "FROM made:three\nRUN test -e /d/e/new && test ! -e /gone",
	});
	await host.ok("rm", "-fv", "live");
	for (const image of ["made:one", "made:two", "made:three", "made:same"]) await host.ok("rmi", "-f", image);
	await host.ok("load", "-i", `${host.dir}/four.tar`);
	expect(await sees("made:four", "cat /d/f")).toBe("x\n");
	expect(await settled(() => host.leftovers())).toEqual([]);
});
