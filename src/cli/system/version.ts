/** `version` and `--version`. */

import licences from "../../../build/licences" with { type: "file" };
import { kernelRelease } from "../../sys/kernel.ts";
import { nodeFs } from "../../sys/node.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { renderTemplate } from "../output/template.ts";

declare const NANOCONTAINER_VERSION: string;
declare const NANOCONTAINER_BUILT: number;
declare const NANOCONTAINER_COMMIT: string;

export const VERSION = NANOCONTAINER_VERSION;
const ARCH = process.arch === "arm64" ? "arm64" : "amd64";

/** docker's line, for scripts read the version out of it; under its own name the program tells what it runs on, too. */
export const versionLine = (program: string): string =>
	program === "docker"
		? `Docker version ${VERSION}, build ${NANOCONTAINER_COMMIT}`
		: `NanoContainer version ${VERSION}, build ${NANOCONTAINER_COMMIT}, Bun ${Bun.version}, Linux ${kernelRelease()}`;

const flags = {
	format: text("Format output using a custom template", "f"),
	licenses: bool("Print the licence notices of everything that this file carries"),
};

export const version: Command<typeof flags> = {
	name: "version",
	aliases: [],
	usage: "[OPTIONS]",
	summary: "Show the NanoContainer version information",
	flags,
	args: { min: 0, max: 0 },
	run: (_, { flags }) => {
		if (flags.licenses) {
			print(nodeFs().readFileSync(licences, "utf8"));
			return 0;
		}
		const facts = {
			Version: VERSION,
			ApiVersion: "1.48",
			GitCommit: NANOCONTAINER_COMMIT,
			Bun: Bun.version,
			Os: "linux",
			Arch: ARCH,
			BuildTime: new Date(NANOCONTAINER_BUILT).toISOString(),
		};
		const server = { MinAPIVersion: "1.24", KernelVersion: kernelRelease(), Experimental: false };
		const details = { ...facts, ...server, Experimental: "false" };
		const document = {
			Client: { Platform: { Name: "" }, ...facts, DefaultAPIVersion: facts.ApiVersion, Context: "default" },
			Server: {
				Platform: { Name: "NanoContainer" },
				Components: [{ Name: "Engine", Version: VERSION, Details: details }],
				...facts,
				...server,
			},
		};
		if (flags.format !== undefined) {
			print(`${renderTemplate(flags.format === "json" ? "{{json .}}" : flags.format, document)}\n`);
			return 0;
		}
		const row = (name: string, value: string) => ` ${`${name}:`.padEnd(18)} ${value}\n`;
		const block =
			row("Version", VERSION) +
			row("Git commit", NANOCONTAINER_COMMIT) +
			row("Bun version", Bun.version) +
			row("OS/Arch", `linux/${ARCH}`);
		print(
			`Client:\n${block}\nServer: NanoContainer (no daemon: the same program)\n${block}${row("Kernel", kernelRelease())}`,
		);
		return 0;
	},
};

/** What programs ask before they build by `buildx build`: a name, a version, a commit, as the plugin answers. */
export const buildxVersion: Command<Record<never, never>> = {
	name: "buildx version",
	aliases: [],
	usage: "",
	summary: "Show the version of the builder",
	flags: {},
	args: { min: 0, max: 0 },
	run: () => {
		print(`NanoContainer/buildx v${VERSION} ${NANOCONTAINER_COMMIT}\n`);
		return 0;
	},
};
