/** Building images: a Dockerfile of six steps, four stages that need not wait for each other, a large context. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Docker } from "../test/peers.ts";
import { type Contender, compare, dir, IMAGE, nc, sh, wanted } from "./compare.ts";

const SIX_STEPS = `FROM ${IMAGE}
WORKDIR /app
COPY src /app/src
RUN find /app -type f | wc -l > /count
RUN mkdir -p /out && cp -r /app/src /out/
RUN sha256sum /app/src/*/* > /sums
COPY last /last
CMD ["cat", "/count"]
`;
const stage = (name: string) => `FROM ${IMAGE} AS ${name}\nRUN seq 1 200000 | md5sum > /${name}\n`;
const FOUR_STAGES = `${["a", "b", "c"].map(stage).join("")}FROM ${IMAGE}\n${["a", "b", "c"]
	.map((name) => `COPY --from=${name} /${name} /${name}\n`)
	.join("")}RUN cat /a /b /c > /all\n`;
const LARGE = `FROM ${IMAGE}\nCOPY . /all\n`;

function makeContext(name: string, dockerfile: string, files: number, ignore = ""): string {
	const context = `${dir}/${name}`;
	for (let i = 0; i < files; i++) {
		const folder = `${context}/src/${i % 50}`;
		if (i < 50) mkdirSync(folder, { recursive: true });
		writeFileSync(`${folder}/file${i}`, `${i}\n`.repeat(200));
	}
	mkdirSync(context, { recursive: true });
	writeFileSync(`${context}/last`, "last\n");
	writeFileSync(`${context}/Dockerfile`, dockerfile);
	if (ignore) writeFileSync(`${context}/.dockerignore`, ignore);
	return context;
}

/** `changed`: a file of the context that is another each time, so that every layer is new; undefined: all is cached. */
function builders(docker: Docker | undefined, cwd: string, changed: string | undefined): Contender[] {
	const no = changed === undefined ? [] : ["--no-cache"];
	const build = (command: readonly string[], env: Readonly<Record<string, string>> = {}) => {
		if (changed !== undefined) writeFileSync(`${cwd}/${changed}`, `${Math.random()}`);
		sh(command, { cwd, env });
	};
	const network = ["--network", "none"];
	const dockers = (buildkit: boolean): Contender[] =>
		docker
			? [
					{
						name: buildkit ? "BuildKit" : "docker's legacy builder",
						once: () =>
							build(docker.command("build", "-q", ...no, ...network, "."), {
								...docker.env,
								DOCKER_BUILDKIT: buildkit ? "1" : "0",
							}),
					},
				]
			: [];
	const store = ["--root", `${dir}/buildah`, "--runroot", `${dir}/buildah-run`];
	const buildah = ["buildah", ...store, "bud", "--layers", "-q", "--isolation", "chroot"];
	return [
		{ name: "NanoContainer", once: () => build(nc("build", "-q", ...no, ...network, ".")) },
		...dockers(true),
		...dockers(false),
		...(Bun.which("buildah") ? [{ name: "buildah", once: () => build([...buildah, ...no, "."]) }] : []),
	];
}

export async function building(docker: Docker | undefined, base: string): Promise<void> {
	const titles = ["six steps, cold", "six steps, cached", "four stages, cold", "20,000 files, 18,000 ignored, cached"];
	if (!titles.some((title) => wanted(`\`build\`, ${title}`))) return;
	if (Bun.which("buildah")) {
		const store = ["--root", `${dir}/buildah`, "--runroot", `${dir}/buildah-run`];
		Bun.spawnSync(["buildah", ...store, "pull", "-q", `docker-archive:${base}`]);
	}
	const six = makeContext("six", SIX_STEPS, 500);
	await compare("`build`, six steps, cold", builders(docker, six, "src/0/file0"), 7);
	await compare("`build`, six steps, cached", builders(docker, six, undefined), 9);
	const four = makeContext("four", FOUR_STAGES, 0);
	await compare("`build`, four stages, cold", builders(docker, four, "last"), 3);
	const large = makeContext("large", LARGE, 20_000, "src/[1-9]*\n!src/1?\n");
	await compare("`build`, 20,000 files, most ignored, cached", builders(docker, large, undefined), 3);
	rmSync(large, { recursive: true });
}
