/** The containers of a machine that `boot` started: run as `run` would, and seen to when they end. */
import type { BootContainer } from "../boot/settings.ts";
import { create } from "../engine/create.ts";
import type { Engine } from "../engine/engine.ts";
import { BOOT_LABEL } from "../engine/own-labels.ts";
import { remove } from "../engine/remove.ts";
import { start } from "../engine/start.ts";
import { killAtOnce, stop } from "../engine/stop.ts";
import { EngineError, messageOf } from "../errors.ts";
import type { MonitorClient } from "../runtime/monitor.ts";
import { SIGINT } from "../runtime/signals.ts";
import type { ListedContainer } from "../store/container-record.ts";
import { findContainer, getContainer, listContainers } from "../store/containers.ts";
import type { Ending } from "../sys/machine.ts";
import { rawMode } from "../sys/terminal.ts";
import type { Context } from "./command.ts";
import { createOptions } from "./container-flags.ts";
import { readFlags } from "./flags.ts";
import { imageFor } from "./image-for.ts";
import { run } from "./run.ts";
import { ownStreams } from "./session.ts";

const DETACHED = "detached";
const SIGHUP = 1;
const NO_KEYS = new Uint8Array();
const CONSOLE_SIZE = { rows: 24, columns: 80 };

/** docker's back-off for containers that are restarted. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const LONG_ENOUGH_MS = 10_000;

interface Job {
	readonly container: BootContainer;
	/** It has the console as its terminal. */
	readonly console: boolean;
	/** Made before, and to be started again. */
	readonly id: string | undefined;
	/** How long it is waited before the next start, in milliseconds. */
	readonly delay: number;
}

interface Running {
	readonly job: Job;
	readonly name: string;
	readonly client: MonitorClient;
	readonly raw: Disposable | undefined;
	readonly startedAt: number;
}

/** A container that is run for the first time. */
export const newJob = (container: BootContainer, console = false): Job => ({
	container,
	console,
	id: undefined,
	delay: FIRST_DELAY_MS,
});

export interface BootHost {
	readonly engine: Engine;
	readonly context: Context;
	/** Tells it on the console. */
	readonly say: (text: string) => void;
	/** Ends the machine. */
	readonly end: (how: Ending) => void;
}

export class BootContainers {
	readonly #host: BootHost;
	/** By the pid of the monitor, which is a child of this process. */
	readonly #running = new Map<number, Running>();
	#ending = false;
	#killing = false;

	constructor(host: BootHost) {
		this.#host = host;
	}

	/** How many run, without the console's. */
	get count(): number {
		return [...this.#running.values()].filter(({ job }) => !job.console).length;
	}

	/** Removes what earlier boots left of their containers, so that their names are free. */
	async removeEarlier(): Promise<void> {
		const { engine } = this.#host;
		const earlier = listContainers(engine.db).filter(({ config }) => config.labels[BOOT_LABEL] !== undefined);
		for (const { id } of earlier.filter(({ state }) => state.status !== "running")) {
			try {
				await remove(engine, id, { force: false, volumes: true });
			} catch (error) {
				this.#host.say(messageOf(error)); // the others' names are to be free all the same
			}
		}
	}

	/** Runs one. What goes wrong is said, and the machine goes on, or ends, as for a container that has ended. */
	async run(job: Job): Promise<void> {
		let id = job.id;
		try {
			if (id === undefined || !getContainer(this.#host.engine.db, id)) id = await this.#create(job);
			if (!this.#ending) this.#launch({ ...job, id });
		} catch (error) {
			this.#host.say(`${job.console ? "the console's container" : job.container.run.join(" ")}: ${messageOf(error)}`);
			this.#afterwards({ ...job, id });
		}
	}

	async #create({ container, console }: Job): Promise<string> {
		const { engine, context, say } = this.#host;
		const { flags, args } = readFlags(run.flags, container.run, { stopAtFirst: true, notYet: run.notYet ?? [] });
		if (args.length === 0) throw new EngineError("usage", "no image is named");
		if (!console && (flags.tty || flags.interactive)) {
			throw new EngineError("usage", '-i and -t are for the console (nanocontainer.console, "console")');
		}
		// reboot(2) is the console's to call (#consoleEnded).
		const capabilities = console ? [...flags["cap-add"], "SYS_BOOT"] : flags["cap-add"];
		const wanted = { ...flags, tty: console, interactive: console, "cap-add": capabilities };
		const options = createOptions(wanted, args, flags.detach);
		// Progress bars of several at once would be in each other's way.
		const image = await imageFor(engine, context, options.image, { ...flags, quiet: true });
		const labels = { ...options.labels, [BOOT_LABEL]: flags.detach ? DETACHED : "" };
		const created = create(engine, image, { ...options, labels });
		for (const warning of created.warnings) say(warning);
		return created.container.id;
	}

	#launch(job: Job & { readonly id: string }): void {
		const { engine } = this.#host;
		const { console, id } = job;
		const { name, config } = findContainer(engine.db, id);
		const raw = console ? rawMode(0) : undefined;
		try {
			const { client, monitorPid } = start(engine, id, {
				attachment:
					config.labels[BOOT_LABEL] === DETACHED
						? undefined
						: ownStreams({ stdin: console, stdout: true, stderr: true }, { tty: console, keys: NO_KEYS, lease: false }),
				terminalSize: console ? CONSOLE_SIZE : { rows: 0, columns: 0 },
			});
			this.#running.set(monitorPid, { job, name, client, raw, startedAt: Date.now() });
		} catch (error) {
			raw?.[Symbol.dispose]();
			throw error;
		}
	}

	/** A child has ended; perhaps it was a container's monitor, which ends after its container. */
	childEnded(pid: number): void {
		const running = this.#running.get(pid);
		if (!running) return;
		this.#running.delete(pid);
		running.raw?.[Symbol.dispose]();
		const status = exitStatus(running.client);
		running.client[Symbol.dispose]();
		if (this.#ending) return;
		const delay = Date.now() - running.startedAt > LONG_ENOUGH_MS ? FIRST_DELAY_MS : running.job.delay;
		const job = { ...running.job, delay };
		if (job.console) this.#consoleEnded(job, status);
		else this.#containerEnded(job, running.name, status);
	}

	#containerEnded(job: Job, name: string, status: number | undefined): void {
		this.#host.say(`container ${name} ended${status === undefined ? "" : ` (${describe(status)})`}`);
		this.#afterwards(job);
	}

	#afterwards(job: Job): void {
		if (this.#ending) return;
		const { whenEnded } = job.container;
		if (whenEnded === "restart") this.#again(job);
		else if (whenEnded !== "nothing") this.#host.end(whenEnded);
	}

	/**
	 * The console's container comes back when its shell is left. reboot(2) in a pid namespace ends that namespace's init
	 * by a signal that says which it was: so `poweroff -f` and `reboot -f` in it do what they say.
	 */
	#consoleEnded(job: Job, status = 0): void {
		const signal = status & 0x7f;
		if (signal === SIGINT || signal === SIGHUP) this.#host.end(signal === SIGINT ? "poweroff" : "reboot");
		else this.#again(job);
	}

	#again(job: Job): void {
		setTimeout(() => {
			if (!this.#ending) void this.run({ ...job, delay: Math.min(2 * job.delay, LONGEST_DELAY_MS) });
		}, job.delay);
	}

	/** Stops the containers, the last started first; `all`: also those that others started on this machine. */
	async stopAll(all: boolean): Promise<void> {
		this.#ending = true;
		const { engine, say } = this.#host;
		for (const container of this.#live(all)) {
			say(`stopping ${container.name}`);
			try {
				const { stopTimeout } = findContainer(engine.db, container.id).config;
				const timeout = this.#killing ? 0 : atMost(stopTimeout);
				await stop(engine, container.id, { timeout, signal: undefined });
			} catch (error) {
				say(`${container.name}: ${messageOf(error)}`);
			}
		}
	}

	/** What is being stopped gets no more time. */
	killAll(all: boolean): void {
		this.#killing = true;
		for (const container of this.#live(all)) killAtOnce(container);
	}

	#live(all: boolean): ListedContainer[] {
		const own = new Set([...this.#running.values()].map(({ job }) => job.id));
		const live = listContainers(this.#host.engine.db).filter(
			({ id, state }) => state.status === "running" && (all || own.has(id)),
		);
		return live.toSorted((a, b) => (b.state.startedAt ?? 0) - (a.state.startedAt ?? 0));
	}
}

/** A machine that is to end does not wait for ever, whatever a container asks for. */
const LONGEST_STOP_S = 90;

function atMost(seconds: number | null): number | undefined {
	if (seconds === null) return undefined;
	return seconds < 0 ? LONGEST_STOP_S : Math.min(seconds, LONGEST_STOP_S);
}

/** The wait status that the monitor told before it ended. */
function exitStatus(client: MonitorClient): number | undefined {
	for (let event = client.nextWithin(0); event && event.type !== "closed"; event = client.nextWithin(0)) {
		if (event.type === "exited") return event.a;
	}
	return undefined;
}

const describe = (status: number): string =>
	(status & 0x7f) === 0 ? `exit code ${status >> 8}` : `signal ${status & 0x7f}`;
