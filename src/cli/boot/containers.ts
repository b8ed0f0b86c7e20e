/** The containers of a machine that `boot` started: run as `run` would, and seen to when they end. */
import { CONSOLE_DEFAULT } from "../../boot/settings.ts";
import { create } from "../../engine/container/create.ts";
import { BOOT_LABEL } from "../../engine/container/own-labels.ts";
import { remove } from "../../engine/container/remove.ts";
import { start } from "../../engine/container/start.ts";
import { killAtOnce, stop } from "../../engine/container/stop.ts";
import type { Engine } from "../../engine/engine.ts";
import { EngineError, messageOf } from "../../errors.ts";
import type { MonitorClient } from "../../runtime/monitor.ts";
import { SIGINT } from "../../runtime/signals.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { findContainer, getContainer, listContainers } from "../../store/containers.ts";
import type { Ending } from "../../sys/machine.ts";
import { rawMode } from "../../sys/terminal.ts";
import type { Context } from "../command/command.ts";
import { createOptions } from "../container/flags.ts";
import { FlagError } from "../flags/flags.ts";
import { imageFor } from "../image/image-for.ts";
import { ownStreams } from "../terminal/session.ts";
import { atMost, describe, exitStatus, FIRST_DELAY_MS, isAlive, type Job, THIS } from "./job.ts";
import { readRunFlags } from "./run-words.ts";

const SIGHUP = 1;
const LIVE = new Set(["running", "restarting"]);
const NO_KEYS = new Uint8Array();
const CONSOLE_SIZE = { rows: 24, columns: 80 };

const LONGEST_DELAY_MS = 60_000;
const LONG_ENOUGH_MS = 10_000;

interface Running {
	readonly job: Job;
	readonly name: string;
	readonly client: MonitorClient;
	readonly raw: Disposable | undefined;
	readonly startedAt: number;
}

export interface BootHost {
	readonly engine: Engine;
	readonly context: Context;
	/** Tells it on the console. */
	readonly say: (text: string) => void;
	/** Ends the machine. */
	readonly end: (how: Ending) => void;
	/** Opens a store that needs no disk. */
	readonly inMemory: () => Promise<Engine>;
	/** Somebody can look at this machine. */
	readonly hasConsole: boolean;
}

export class BootContainers {
	readonly #host: BootHost;
	/** By the pid of the monitor, which is a child of this process. */
	readonly #running = new Map<number, Running>();
	/** Those whose output is for the log alone. */
	readonly #detached = new Set<string>();
	#inMemory: Engine | undefined;
	#ending = false;
	#killing = false;

	constructor(host: BootHost) {
		this.#host = host;
	}

	/** How many run, without the console's. */
	get count(): number {
		return [...this.#running.values()].filter(({ job }) => !job.console).length;
	}

	/**
	 * Removes the containers of earlier boots, so that their names are free; also those that run still, because the boot
	 * that started them by hand was killed.
	 */
	async removeEarlier(): Promise<void> {
		const { engine } = this.#host;
		for (const { id, config } of listContainers(engine.db)) {
			const boot = config.labels[BOOT_LABEL];
			if (boot === undefined || (boot !== THIS && isAlive(boot))) continue;
			try {
				await remove(engine, id, { force: true, volumes: true });
			} catch (error) {
				this.#host.say(messageOf(error)); // the others' names are to be free all the same
			}
		}
	}

	/** Those that are always to run (--restart). */
	async startOthers(): Promise<void> {
		const { startAtBoot } = await import("../../engine/container/start-at-boot.ts");
		for (const { name, reason } of startAtBoot(this.#host.engine).failed) this.#host.say(`${name}: ${reason}`);
	}

	/** Runs one. What goes wrong is said, and the machine goes on. */
	async run(job: Job): Promise<void> {
		let id = job.id;
		try {
			const engine = await this.#engineOf(job);
			if (id === undefined || !getContainer(engine.db, id)) id = await this.#create(engine, job);
			if (!this.#ending) this.#launch(engine, { ...job, id });
		} catch (error) {
			this.#host.say(`${job.console ? "the console's container" : job.container.run.join(" ")}: ${messageOf(error)}`);
			this.#notStarted({ ...job, id: job.console ? undefined : id, failures: job.failures + 1 }, error);
		}
	}

	/** The console is to come up, whatever is wrong with its image, and then with the store. */
	async #engineOf({ console, failures }: Job): Promise<Engine> {
		if (!console || failures < 2) return this.#host.engine;
		this.#inMemory ??= await this.#host.inMemory();
		return this.#inMemory;
	}

	async #create(engine: Engine, { container, console, failures }: Job): Promise<string> {
		const { context, say } = this.#host;
		const words = console && failures > 0 ? CONSOLE_DEFAULT : container.run;
		const { flags, args } = readRunFlags(words);
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
		const created = create(engine, image, { ...options, labels: { ...options.labels, [BOOT_LABEL]: THIS } });
		for (const warning of created.warnings) say(warning);
		if (flags.detach) this.#detached.add(created.container.id);
		return created.container.id;
	}

	#launch(engine: Engine, job: Job & { readonly id: string }): void {
		const { console, id } = job;
		const { name } = findContainer(engine.db, id);
		const raw = console ? rawMode(0) : undefined;
		try {
			using started = start(engine, id, {
				attachment: this.#detached.has(id)
					? undefined
					: ownStreams({ stdin: console, stdout: true, stderr: true }, { tty: console, keys: NO_KEYS, lease: false }),
				terminalSize: console ? CONSOLE_SIZE : { rows: 0, columns: 0 },
			});
			for (const warning of started.warnings) this.#host.say(warning);
			const running = { job, name, client: started.client, raw, startedAt: Date.now() };
			this.#running.set(started.monitorPid, running);
			engine.letOthersIn();
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
	 * What has never run has not ended: a wrong word must not make a machine start again and again. It is tried anew if
	 * that can help; only a machine that nobody can look at is switched off, if that is what it would have come to.
	 */
	#notStarted(job: Job, error: unknown): void {
		const { whenEnded } = job.container;
		const hopeless =
			error instanceof FlagError || (error instanceof EngineError && /^(usage|invalid)$/.test(error.code));
		if (whenEnded === "poweroff" && !this.#host.hasConsole) this.#afterwards(job);
		else if (job.console || (whenEnded !== "nothing" && !hopeless)) this.#again(job);
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
		const { say } = this.#host;
		for (const { engine, container } of this.#live(all)) {
			say(`stopping ${container.name}`);
			try {
				const { stopTimeout } = findContainer(engine.db, container.id).config;
				const timeout = this.#killing ? 0 : atMost(stopTimeout);
				await stop(engine, container.id, { timeout, signal: undefined, endsWithMachine: true });
			} catch (error) {
				say(`${container.name}: ${messageOf(error)}`);
			}
		}
	}

	/** What is being stopped gets no more time. */
	killAll(all: boolean): void {
		this.#killing = true;
		for (const { container } of this.#live(all)) killAtOnce(container);
	}

	#live(all: boolean): { engine: Engine; container: ListedContainer }[] {
		const own = new Set([...this.#running.values()].map(({ job }) => job.id));
		return this.#engines()
			.flatMap((engine) => listContainers(engine.db).map((container) => ({ engine, container })))
			.filter(({ container: { id, state } }) => LIVE.has(state.status) && (all || own.has(id)))
			.toSorted((a, b) => (b.container.state.startedAt ?? 0) - (a.container.state.startedAt ?? 0));
	}

	#engines = (): Engine[] => [this.#host.engine, ...(this.#inMemory ? [this.#inMemory] : [])];

	/** Closes the stores: the machine ends. */
	close(): void {
		for (const engine of this.#engines()) engine.db.close();
	}
}
