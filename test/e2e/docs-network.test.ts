/** The transcripts of docs/05-network.md do what they say. A line of output is a regular expression. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Host, loopbackUp, until } from "../fixture.ts";

const host = new Host();
beforeAll(loopbackUp);
afterAll(() => host.close());

const PAGE = readFileSync(`${import.meta.dir}/../../docs/05-network.md`, "utf8");
const transcripts = [...PAGE.matchAll(/```console\n([\s\S]*?)```/g)].map(([, text = ""]) => text);

async function run(line: string): Promise<string> {
	const command = `${host.command().join(" ")} ${line.slice("NanoContainer ".length)}`;
	const child = Bun.spawn(["sh", "-c", command], { stdout: "pipe", stderr: "inherit" });
	return await new Response(child.stdout).text();
}

test("docs/05 has its transcripts", () => expect(transcripts).toHaveLength(4));

for (const [i, transcript] of transcripts.entries()) {
	test(`docs/05, transcript ${i + 1}`, async () => {
		for (const step of transcript.split(/^\$ /m).filter(Boolean)) {
			const [line = "", ...output] = step.split("\n");
			const wanted = new RegExp(`^${output.join("\n").replaceAll("[::]", "\\[::\\]")}$`);
			if (line.includes("--network host")) await until(async () => (await run(line)) !== "", "the server");
			expect([line, await run(line)]).toEqual([line, expect.stringMatching(wanted)]);
		}
	}, 30_000);
}
