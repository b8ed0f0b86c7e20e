/** `context`: docker's client knows engines by names. Here there is one, "default": this program. */
import type { Command } from "../command/command.ts";
import { bool, choice, type FlagTable, text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { renderRows } from "../output/table.ts";
import { compileTemplate } from "../output/template.ts";

const ONLY = "default";
const DESCRIPTION = "this program: there is no daemon";

const lsFlags = {
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	quiet: bool("Only show context names", "q"),
};

export const contextLs: Command<typeof lsFlags> = {
	name: "context ls",
	usage: "[OPTIONS]",
	summary: "List contexts",
	aliases: ["context ls", "context list"],
	flags: lsFlags,
	args: { min: 0, max: 0 },
	run: (_, { flags: { format, quiet } }) => {
		const row = { Name: ONLY, Current: "true", Description: DESCRIPTION, DockerEndpoint: "", Error: "" };
		const headers = {
			Name: "NAME",
			Current: "",
			Description: "DESCRIPTION",
			DockerEndpoint: "DOCKER ENDPOINT",
			Error: "ERROR",
		};
		const isTable = !format || format === "table";
		const rows = [isTable ? { ...row, Name: `${ONLY} *` } : row];
		print(
			quiet
				? `${ONLY}\n`
				: renderRows(rows, { headers, columns: ["Name", "Description", "DockerEndpoint", "Error"] }, format),
		);
		return 0;
	},
};

export const contextShow: Command<Record<string, never>> = {
	name: "context show",
	usage: "",
	summary: "Print the name of the current context",
	flags: {},
	args: { min: 0, max: 0 },
	run: () => {
		print(`${ONLY}\n`);
		return 0;
	},
};

const inspectFlags = {
	format: text("Format output using a custom template: 'json' or 'TEMPLATE' (Go's text/template)", "f"),
};

export const contextInspect: Command<typeof inspectFlags> = {
	name: "context inspect",
	usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
	summary: "Display detailed information on one or more contexts",
	flags: inspectFlags,
	args: { min: 0, max: Number.POSITIVE_INFINITY },
	run: (_, { flags: { format }, args }) => {
		const names = args.length ? args : [ONLY];
		const unknown = names.find((name) => name !== ONLY);
		const found = names.filter((name) => name === ONLY).map(() => document());
		if (format && format !== "json") for (const one of found) print(`${compileTemplate(format)(one)}\n`);
		else print(`${format === "json" ? JSON.stringify(found) : JSON.stringify(found, null, 4)}\n`);
		if (unknown === undefined) return 0;
		complain(`context ${JSON.stringify(unknown)}: context not found: there is "${ONLY}" alone\n`);
		return 1;
	},
};

/** As docker's, whose default one is in no file. */
const document = () => ({
	Name: ONLY,
	Metadata: { Description: DESCRIPTION },
	Endpoints: { docker: { Host: "", SkipTLSVerify: false } },
	TLSMaterial: {},
	Storage: { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" },
});

export const contextUse: Command<Record<string, never>> = {
	name: "context use",
	usage: "CONTEXT",
	summary: "Set the current docker context",
	flags: {},
	args: { min: 1, max: 1 },
	run: (_, { args: [name = ""] }) => {
		if (name !== ONLY) return refuse(`context ${JSON.stringify(name)} cannot be used`);
		print(`${ONLY}\n`);
		complain(`Current context is now "${ONLY}"\n`);
		return 0;
	},
};

function refuse(what: string): number {
	complain(`${what}: there is one engine, this program, and its context is "${ONLY}"\n`);
	return 1;
}

interface Refused {
	readonly name: string;
	readonly usage: string;
	readonly summary: string;
	readonly flags: FlagTable;
	readonly most: number;
}

const endpoint = { description: choice("Description of the context", ""), docker: text("set the docker endpoint") };
const REFUSED: Readonly<Record<"create" | "export" | "import" | "rm" | "update", Refused>> = {
	create: {
		...{ name: "created", usage: "[OPTIONS] CONTEXT", summary: "Create a context", most: 1 },
		flags: { ...endpoint, from: text("create context from a named context") },
	},
	export: {
		name: "exported",
		usage: "CONTEXT [FILE|-]",
		summary: "Export a context to a tar archive FILE or a tar stream on STDOUT",
		flags: {},
		most: 2,
	},
	import: {
		name: "imported",
		usage: "CONTEXT FILE|-",
		summary: "Import a context from a tar or zip file",
		flags: {},
		most: 2,
	},
	rm: {
		...{
			name: "removed",
			usage: "CONTEXT [CONTEXT...]",
			summary: "Remove one or more contexts",
			most: Number.POSITIVE_INFINITY,
		},
		flags: { force: bool("Force the removal of a context in use", "f") },
	},
	update: { name: "changed", usage: "[OPTIONS] CONTEXT", summary: "Update a context", flags: endpoint, most: 1 },
};

/** What changes contexts: there is nothing to change. */
export function contextChange(verb: keyof typeof REFUSED): Command<FlagTable> {
	const { name, usage, summary, flags, most } = REFUSED[verb];
	return {
		...{ name: `context ${verb}`, usage, summary, flags },
		args: { min: 1, max: most },
		run: (_, { args: [context = ""] }) => refuse(`context ${JSON.stringify(context)} cannot be ${name}`),
	};
}
