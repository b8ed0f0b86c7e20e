/** The command tree: the verbs, and those that are reached through a noun. */
import { type CommandDef, defineCommand } from "citty";
import { leaf } from "./command/command.ts";
import { type Entry, entry, VERBS } from "./verbs.ts";

/** log is what fingers type. */
const ALIASES: Readonly<Record<string, keyof typeof VERBS>> = { log: "logs" };

interface Group {
	readonly summary: string;
	/** Name in the group → verb. */
	readonly members: Readonly<Record<string, Entry>>;
	readonly aliases: Readonly<Record<string, string>>;
}

const inspectOf = (type: "image" | "network" | "volume"): Entry =>
	entry(`Display detailed information on one or more ${type}s`, async () =>
		leaf((await import("./system/inspect.ts")).inspectOnly(type)),
	);

const contexts = () => import("./system/context.ts");

const BUILDER = {
	build: VERBS.build,
	du: entry("Show build cache usage", async (path) => leaf((await import("./build/builder.ts")).du, path)),
	prune: entry("Remove build cache", async (path) => leaf((await import("./build/builder.ts")).prune, path)),
};

const GROUPS: Readonly<Record<string, Group>> = {
	container: {
		summary: "Manage containers",
		members: {
			attach: VERBS.attach,
			commit: VERBS.commit,
			cp: VERBS.cp,
			create: VERBS.create,
			diff: VERBS.diff,
			exec: VERBS.exec,
			export: VERBS.export,
			inspect: entry("Display detailed information on one or more containers", async () =>
				leaf((await import("./system/inspect.ts")).inspectContainers()),
			),
			kill: VERBS.kill,
			logs: VERBS.logs,
			ls: VERBS.ps,
			pause: VERBS.pause,
			port: VERBS.port,
			prune: entry("Remove all stopped containers", async () => leaf((await import("./container/prune.ts")).prune)),
			rename: VERBS.rename,
			restart: VERBS.restart,
			rm: VERBS.rm,
			run: VERBS.run,
			start: VERBS.start,
			stats: VERBS.stats,
			stop: VERBS.stop,
			top: VERBS.top,
			unpause: VERBS.unpause,
			update: VERBS.update,
			wait: VERBS.wait,
		},
		aliases: { list: "ls", ps: "ls", log: "logs", remove: "rm" },
	},
	image: {
		summary: "Manage images",
		members: {
			build: VERBS.build,
			history: VERBS.history,
			inspect: inspectOf("image"),
			load: VERBS.load,
			ls: VERBS.images,
			prune: entry("Remove unused images", async () => leaf((await import("./image/prune.ts")).prune)),
			pull: VERBS.pull,
			rm: VERBS.rmi,
			tag: VERBS.tag,
		},
		aliases: { list: "ls", remove: "rm" },
	},
	builder: { summary: "Manage builds", members: BUILDER, aliases: {} },
	buildx: {
		summary: "Build images, by the name of docker's plugin",
		members: {
			...BUILDER,
			version: entry("Show the version of the builder", async (path) =>
				leaf((await import("./system/version.ts")).buildxVersion, path),
			),
		},
		aliases: { b: "build" },
	},
	network: {
		summary: "Manage networks",
		members: {
			connect: entry("Connect a container to a network", async () =>
				leaf((await import("./network/connect.ts")).connect),
			),
			create: entry("Create a network", async () => leaf((await import("./network/create.ts")).create)),
			disconnect: entry("Disconnect a container from a network", async () =>
				leaf((await import("./network/disconnect.ts")).disconnect),
			),
			exposed: entry("List what the outside can reach of containers, by which address and rule", async () =>
				leaf((await import("./network/exposed.ts")).exposed),
			),
			inspect: inspectOf("network"),
			ls: entry("List networks", async () => leaf((await import("./network/ls.ts")).ls)),
			prune: entry("Remove all unused networks", async () => leaf((await import("./network/prune.ts")).prune)),
			reload: entry(
				"Put back what a firewall or somebody else took away: bridges, links and rules of all networks",
				async () => leaf((await import("./network/reload.ts")).reload),
			),
			rm: entry("Remove one or more networks", async () => leaf((await import("./network/rm.ts")).rm)),
		},
		aliases: { list: "ls", remove: "rm" },
	},
	volume: {
		summary: "Manage volumes",
		members: {
			cp: entry("Copy a volume to a new one", async () => leaf((await import("./volume/cp.ts")).cp)),
			create: entry("Create a volume", async () => leaf((await import("./volume/create.ts")).create)),
			export: entry("Write the files of a volume as a tar archive", async () =>
				leaf((await import("./volume/export.ts")).exportCommand),
			),
			import: entry("Make a volume of a tar archive, compressed or not", async () =>
				leaf((await import("./volume/import.ts")).importCommand),
			),
			inspect: inspectOf("volume"),
			ls: entry("List volumes", async () => leaf((await import("./volume/ls.ts")).ls)),
			prune: entry("Remove unused local volumes", async () => leaf((await import("./volume/prune.ts")).prune)),
			rename: entry("Rename a volume that no container has", async () =>
				leaf((await import("./volume/rename.ts")).rename),
			),
			rm: entry("Remove one or more volumes", async () => leaf((await import("./volume/rm.ts")).rm)),
			update: entry("Update a volume (cluster volumes only)", async () =>
				leaf((await import("./volume/update.ts")).update),
			),
		},
		aliases: { list: "ls", remove: "rm" },
	},
	context: {
		summary: "Manage contexts",
		members: {
			create: entry("Create a context", async () => leaf((await contexts()).contextChange("create"))),
			export: entry("Export a context", async () => leaf((await contexts()).contextChange("export"))),
			import: entry("Import a context", async () => leaf((await contexts()).contextChange("import"))),
			inspect: entry("Display detailed information on one or more contexts", async () =>
				leaf((await contexts()).contextInspect),
			),
			ls: entry("List contexts", async () => leaf((await contexts()).contextLs)),
			rm: entry("Remove one or more contexts", async () => leaf((await contexts()).contextChange("rm"))),
			show: entry("Print the name of the current context", async () => leaf((await contexts()).contextShow)),
			update: entry("Update a context", async () => leaf((await contexts()).contextChange("update"))),
			use: entry("Set the current docker context", async () => leaf((await contexts()).contextUse)),
		},
		aliases: { list: "ls", remove: "rm" },
	},
	system: {
		summary: "Manage NanoContainer",
		members: {
			boot: entry(
				"Start the containers that are to run whenever this machine does (--restart always, unless-stopped)",
				async () => leaf((await import("./system/boot.ts")).systemBoot),
			),
			check: entry("Check every blob and layer against its digest, and the records against the disk", async () =>
				leaf((await import("./system/check.ts")).systemCheck),
			),
			df: entry("Show docker disk usage", async () => leaf((await import("./system/df.ts")).df)),
			doctor: entry("Tell what this host has and lacks, and how to get it; fails if no container could run", async () =>
				leaf((await import("./system/doctor.ts")).doctor),
			),
			info: VERBS.info,
			prune: entry("Remove unused data", async () => leaf((await import("./system/prune.ts")).prune)),
		},
		aliases: {},
	},
};

/** Started by the monitor, not by people. */
const internal = defineCommand({
	meta: { name: "internal", hidden: true },
	subCommands: { reap: async () => leaf((await import("./system/internal.ts")).reapCommand) },
});

type Loaders = Record<string, () => Promise<CommandDef>>;

/** Plain loops: this is done at every start, and the first use of each of Array's methods costs it some 0.05 ms. */
function loaders(group: Pick<Group, "members" | "aliases">, noun = ""): Loaders {
	const { members, aliases } = group;
	const all: Loaders = {};
	for (const name in members) all[name] = () => load(members[name], `${noun}${name}`);
	for (const alias in aliases) {
		const name = aliases[alias] ?? "";
		all[alias] = () => load(members[name], `${noun}${name}`);
	}
	return all;
}

function load(entry: Entry | undefined, path: string): Promise<CommandDef> {
	if (!entry) throw new Error(`${path} stands for no command`);
	return entry.load(path);
}

function groups(): Record<string, CommandDef> {
	const all: Record<string, CommandDef> = {};
	for (const name in GROUPS) {
		const group = GROUPS[name];
		if (!group) continue;
		const meta = { name, description: group.summary };
		all[name] = defineCommand({ meta, subCommands: () => loaders(group, `${name} `) });
	}
	return all;
}

export const tree = defineCommand({
	meta: { name: "NanoContainer" },
	subCommands: { ...loaders({ members: VERBS, aliases: ALIASES }), ...groups(), internal },
});

const rows = (members: Readonly<Record<string, Entry>>) =>
	Object.entries(members).map(([name, { summary }]) => [name, summary] as const);

export const isVerb = (name: string): boolean => name in VERBS || name in ALIASES || name === "internal";
export const groupOf = (name: string): Group | undefined => (Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined);
export const hasMember = (group: Group, name: string): boolean => name in group.members || name in group.aliases;
export const memberRows = (group: Group) => rows(group.members);

/** docker's, in docker's order. */
const COMMON = ["run", "exec", "ps", "build", "pull", "images", "version", "info"];
/** What makes a machine of a kernel. */
const MACHINE = ["boot"];

/** docker's three groups, and the machine's. */
export function helpSections() {
	const verbs = rows(VERBS);
	const named = (names: readonly string[]) => names.flatMap((name) => verbs.filter(([verb]) => verb === name));
	return [
		["Common Commands", named(COMMON)],
		["Management Commands", Object.entries(GROUPS).map(([name, { summary }]) => [name, summary] as const)],
		["Commands", verbs.filter(([verb]) => !COMMON.includes(verb) && !MACHINE.includes(verb))],
		["Machine Commands", named(MACHINE)],
	] as const;
}
