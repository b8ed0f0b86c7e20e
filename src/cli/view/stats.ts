/** `stats` */
import type { Engine } from "../../engine/engine.ts";
import { shortId } from "../../engine/identifiers.ts";
import { cpuPercent, type Sample, sampleOf } from "../../engine/view/stats.ts";
import { EngineError } from "../../errors.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { findContainer, listContainers } from "../../store/containers.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { sparkline } from "../output/sparkline.ts";
import { type Row, renderRows } from "../output/table.ts";
import { binarySize, humanSize } from "../output/units.ts";

const flags = {
	all: bool("Show all containers (default shows just running)", "a"),
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	"no-stream": bool("Disable streaming stats and only pull the first result"),
	"no-trunc": bool("Do not truncate output"),
};

const EVERY_MS = 1000;
/** Of the first two looks. */
const FIRST_MS = 250;
const HISTORY = 20;
const WIDE = 140;

const SHAPE = {
	headers: {
		Container: "CONTAINER",
		ID: "CONTAINER ID",
		Name: "NAME",
		CPUPerc: "CPU %",
		MemUsage: "MEM USAGE / LIMIT",
		MemPerc: "MEM %",
		NetIO: "NET I/O",
		BlockIO: "BLOCK I/O",
		PIDs: "PIDS",
		CPUHistory: "CPU",
		MemHistory: "MEM",
	},
	columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
};

export const stats: Command<typeof flags> = {
	name: "stats",
	usage: "[OPTIONS] [CONTAINER...]",
	summary: "Display a live stream of container(s) resource usage statistics",
	aliases: ["container stats", "stats"],
	flags,
	args: { min: 0, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		if (!engine.cgroups)
			throw new EngineError("unsupported", "No cgroup file system is mounted: nobody counts what containers use");
		const table = new Table(engine, args, flags);
		table.look();
		await Bun.sleep(FIRST_MS);
		if (flags["no-stream"]) {
			print(table.text(table.look()));
			return 0;
		}
		for (;;) {
			print(`\x1b[H\x1b[2J${table.text(table.look())}`);
			engine.letOthersIn();
			await Bun.sleep(EVERY_MS);
		}
	},
};

interface TableFlags {
	readonly all: boolean;
	readonly format: string | undefined;
	readonly "no-trunc": boolean;
}

interface Line {
	readonly container: ListedContainer;
	readonly sample: Sample | undefined;
	readonly cpu: number;
}

class Table {
	readonly #engine: Engine;
	readonly #names: readonly string[];
	readonly #flags: TableFlags;
	readonly #last = new Map<string, Sample>();
	readonly #history = new Map<string, { cpu: number[]; memory: number[] }>();

	constructor(engine: Engine, names: readonly string[], flags: TableFlags) {
		this.#engine = engine;
		this.#names = names;
		this.#flags = flags;
	}

	/** Measures each. Throws EngineError for a name that nobody has. */
	look(): Line[] {
		return this.#containers().map((container) => {
			const sample = sampleOf(this.#engine, container);
			const before = this.#last.get(container.id);
			const cpu = sample && before ? cpuPercent(before, sample) : 0;
			if (sample) this.#last.set(container.id, sample);
			this.#remember(container.id, cpu, sample);
			return { container, sample, cpu };
		});
	}

	#containers(): ListedContainer[] {
		if (this.#names.length) return this.#names.map((name) => findContainer(this.#engine.db, name));
		const all = listContainers(this.#engine.db);
		return this.#flags.all ? all : all.filter(({ state }) => state.status === "running");
	}

	#remember(id: string, cpu: number, sample: Sample | undefined): void {
		const history = this.#history.get(id) ?? { cpu: [], memory: [] };
		history.cpu = [...history.cpu, cpu].slice(-HISTORY);
		history.memory = [...history.memory, sample ? (sample.memory / sample.memoryLimit) * 100 : 0].slice(-HISTORY);
		this.#history.set(id, history);
	}

	text(lines: readonly Line[]): string {
		const isWide = isTerminal(1) && windowSize(1).columns >= WIDE && !this.#flags.format;
		const shape = isWide ? { ...SHAPE, columns: [...SHAPE.columns, "CPUHistory", "MemHistory"] } : SHAPE;
		return renderRows(
			lines.map((line) => ({ ...this.#row(line), ...(isWide ? this.#lines(line) : {}) })),
			shape,
			this.#flags.format,
		);
	}

	#row({ container, sample, cpu }: Line): Row {
		const id = this.#flags["no-trunc"] ? container.id : shortId(container.id);
		const { memory = 0, memoryLimit = 0, read = 0, written = 0, pids = 0, network } = sample ?? {};
		const percent = memoryLimit ? (memory / memoryLimit) * 100 : 0;
		return {
			Container: this.#names.find((name) => container.id.startsWith(name) || container.name === name) ?? id,
			ID: id,
			Name: container.name,
			CPUPerc: `${cpu.toFixed(2)}%`,
			MemUsage: `${binarySize(memory)} / ${binarySize(memoryLimit)}`,
			MemPerc: `${percent.toFixed(2)}%`,
			NetIO: `${humanSize(network?.received ?? 0)} / ${humanSize(network?.sent ?? 0)}`,
			BlockIO: `${humanSize(read)} / ${humanSize(written)}`,
			PIDs: String(pids),
		};
	}

	#lines({ container }: Line): Row {
		const { cpu, memory } = this.#history.get(container.id) ?? { cpu: [], memory: [] };
		return { CPUHistory: sparkline(cpu), MemHistory: sparkline(memory) };
	}
}
