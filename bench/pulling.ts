/** Pulling images from a registry on loopback: one large layer, and ten. What is pulled are files of this machine. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { Docker } from "../test/peers.ts";
import { startRegistry } from "../test/registry.ts";
import { type Contender, compare, dir, nc, row, sh, wanted } from "./compare.ts";

const LAYER_BYTES = 170e6;

/** Directories of /usr until they are large enough: programs, libraries, texts, as images have them. */
function fill(context: string): void {
	mkdirSync(context, { recursive: true });
	let bytes = 0;
	const sources = ["/usr/share", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/bin"].flatMap((top) =>
		list(top).map((name) => `${top}/${name}`),
	);
	for (const [i, path] of sources.entries()) {
		if (bytes > LAYER_BYTES) break;
		const size = Number(Bun.spawnSync(["du", "-sb", path]).stdout.toString().split("\t")[0]);
		if (!size || size > 30e6) continue;
		bytes += size;
		const target = `${context}/${i % 10}`;
		mkdirSync(target, { recursive: true });
		Bun.spawnSync(["cp", "-a", path, target]);
	}
}

function list(path: string): string[] {
	try {
		return readdirSync(path).sort();
	} catch {
		return [];
	}
}

export async function pulling(docker: Docker | undefined): Promise<void> {
	const titles = ["one", "ten"].map((layers) => `\`pull\`, ${layers} layer${layers === "one" ? "" : "s"}`);
	if (!titles.some(wanted)) return;
	await using registry = await startRegistry(`${dir}/registry`, 5000);
	const context = `${dir}/pulled`;
	fill(context);
	const parts = Array.from({ length: 10 }, (_, i) => `${i}`);
	for (const [title, dockerfile] of [
		[titles[0] ?? "", "FROM scratch\nCOPY [0-9] /\n"],
		[titles[1] ?? "", `FROM scratch\n${parts.map((part) => `COPY ${part} /\n`).join("")}`],
	] as const) {
		if (!wanted(title)) continue;
		const name = `${registry.host}/bench:${title.includes("ten") ? "ten" : "one"}`;
		writeFileSync(`${context}/Dockerfile`, `${dockerfile}CMD ["none"]\n`);
		sh(nc("build", "-q", "-t", name, "--push", context));
		const [{ Size }] = JSON.parse(Bun.spawnSync(nc("image", "inspect", name)).stdout.toString());
		sh(nc("rmi", name));
		sh(nc("builder", "prune", "-af"));
		let peak = 0;
		const contenders: Contender[] = [
			{
				name: "NanoContainer",
				once: () => {
					peak = Math.max(peak, sh(nc("pull", "-q", name)));
				},
				after: () => sh(nc("rmi", name)),
			},
		];
		if (docker) {
			contenders.push({
				name: "docker",
				once: () => sh(docker.command("pull", "-q", name), docker),
				after: () => sh(docker.command("rmi", name), docker),
			});
		}
		await compare(`${title}, ${(Size / 1e6).toFixed(0)} MB`, contenders, 5);
		row(`${title}, memory at its peak`, "NanoContainer", `${(peak / 1e6).toFixed(0)} MB`);
	}
	rmSync(context, { recursive: true });
}
