/**
 * `boot`: the first process of a machine (init(1)), or, by hand on a machine that is up, what is missing there. The
 * kernel has mounted nothing but the root and started nothing but this; when it is done, containers run.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { hostname, release } from "node:os";
import { dirname, resolve } from "node:path";
import { ensurePlausibleClock } from "../../boot/clock.ts";
import { Console } from "../../boot/console.ts";
import { configureNetwork } from "../../boot/interface.ts";
import { loadModules } from "../../boot/modules.ts";
import { diskPlace, ensureRoot, mountDisk, mountFileSystems } from "../../boot/mounts.ts";
import { awaitEnding } from "../../boot/power.ts";
import { readSettings, type Settings } from "../../boot/settings.ts";
import { openSettled } from "../../engine/container/open-settled.ts";
import type { Engine } from "../../engine/engine.ts";
import { loadArchive } from "../../engine/image/load.ts";
import { messageOf } from "../../errors.ts";
import { catchCtrlAltDel, type Ending, endMachine, setHostname, syncAll } from "../../sys/machine.ts";
import { tryRemountReadOnly } from "../../sys/mount.ts";
import { becomeSubreaper, reapChildren } from "../../sys/process.ts";
import type { Command, Context } from "../command/command.ts";
import { engineOptions } from "../command/global.ts";
import { archiveOf } from "../flags/archive-input.ts";
import { text } from "../flags/flags.ts";
import { drawOnError } from "../output/output.ts";
import { VERSION } from "../system/version.ts";
import { BootContainers } from "./containers.ts";
import { stayAlive } from "./first-process.ts";
import { newJob } from "./job.ts";

declare const NANOCONTAINER_BUILT: number;

const DOCUMENT = "/etc/nanocontainer/boot.json";
const DEFAULT_HOSTNAME = "nanocontainer";

const flags = { file: text(`What to run (default ${DOCUMENT})`, "f") };

export const boot: Command<typeof flags> = {
	name: "boot",
	aliases: [],
	usage: "[OPTIONS]",
	summary: "Be the first process of a machine: mounts, modules, network, and the containers it is there for",
	flags,
	args: { min: 0, max: 0 },
	run: (context, { flags }) => new Machine(context, flags.file ?? DOCUMENT).run(),
};

/** A store for a machine that cannot use its own: it is gone with the machine. */
const IN_MEMORY = "/run/nanocontainer-memory";

class Machine {
	readonly #context: Context;
	readonly #document: string;
	readonly #first = process.pid === 1;
	readonly #console = new Console(process.pid === 1, drawOnError);
	#root: string;
	readonly #ended = Promise.withResolvers<number>();
	#containers: BootContainers | undefined;
	#ending: Ending | undefined;
	#requests = 0;

	constructor(context: Context, document: string) {
		this.#context = context;
		this.#document = document;
		this.#root = context.global.root;
	}

	#say(text: string): void {
		this.#console.say(text);
	}

	/** Nothing that is thrown on the way may end the first process: the kernel would panic. */
	async run(): Promise<number> {
		if (this.#first) this.#stayAlive();
		this.#say(`${VERSION} on Linux ${release()}`);
		const settings = await this.#step("starting", () => this.#prepare());
		if (settings) void this.#step("starting containers", () => this.#start(settings)).then(() => this.#started());
		else this.#started();
		return this.#ended.promise;
	}

	/** By hand there is nothing to stay for when not even the engine could be opened. */
	#started(): void {
		if (!this.#containers && !this.#first) this.#ended.resolve(1);
	}

	/** Neither a mistake of ours in some handler nor an empty event loop ends it. */
	#stayAlive(): void {
		for (const event of ["uncaughtException", "unhandledRejection"]) {
			process.on(event, (error) => this.#say(messageOf(error)));
		}
		stayAlive();
	}

	async #step<T>(what: string, action: () => T | Promise<T>): Promise<T | undefined> {
		try {
			return await action();
		} catch (error) {
			this.#say(`${what}: ${messageOf(error)}`);
			return undefined;
		}
	}

	/** Everything that containers stand on. */
	async #prepare(): Promise<Settings> {
		if (this.#first) {
			ensureRoot();
			process.chdir("/");
			process.umask(0o022);
		}
		for (const problem of mountFileSystems(this.#first)) this.#say(problem);
		const settings = readSettings(readFileSync("/proc/cmdline", "utf8"), this.#readDocument());
		for (const mistake of settings.mistakes) this.#say(mistake);
		for (const problem of (await loadModules(release())).problems) this.#say(problem);
		this.#console.open();
		this.#watch();
		if (this.#first) await this.#step("the machine's name", () => this.#takeOver(settings));
		const clock = ensurePlausibleClock(NANOCONTAINER_BUILT);
		if (clock) this.#say(clock);
		await this.#step("network", () => {
			mkdirSync("/etc", { recursive: true });
			configureNetwork(settings.network, hostname(), this.#console.say);
		});
		const { disk } = settings;
		if (disk) {
			await this.#step("going on without the disk", async () => {
				const place = diskPlace(this.#root);
				await mountDisk(disk, place);
				this.#root = place;
			});
		}
		return settings;
	}

	#readDocument(): string | undefined {
		try {
			return existsSync(this.#document) ? readFileSync(this.#document, "utf8") : undefined;
		} catch (error) {
			this.#say(`${this.#document}: ${messageOf(error)}`);
			return undefined;
		}
	}

	#takeOver(settings: Settings): void {
		catchCtrlAltDel();
		process.env["PATH"] ??= "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
		process.env["HOME"] ??= "/root";
		const unnamed = hostname() === "(none)" || hostname() === "localhost";
		if (settings.hostname !== undefined || unnamed) setHostname(settings.hostname ?? DEFAULT_HOSTNAME);
	}

	/** Orphans, and the wish that all of it end. */
	#watch(): void {
		if (!this.#first) becomeSubreaper();
		process.on("SIGCHLD", () => {
			for (const pid of reapChildren()) void this.#step("a container's end", () => this.#containers?.childEnded(pid));
		});
		awaitEnding((how) => this.#request(how));
		if (!this.#first) process.on("SIGHUP", () => this.#request("poweroff")); // the terminal it was started from is gone
	}

	async #start(settings: Settings): Promise<void> {
		if (this.#ending) return;
		const engine = await this.#openStore();
		if (this.#ending) return; // asked for meanwhile
		const containers = new BootContainers({
			engine,
			context: this.#context,
			say: this.#console.say,
			end: (how) => this.#end(how),
			inMemory: () => this.#openInMemory(),
			hasConsole: settings.console !== undefined,
		});
		this.#containers = containers;
		await this.#step("what the last boot left", () => containers.removeEarlier());
		for (const image of settings.images) await this.#step(image, () => this.#load(engine, image));
		const jobs = settings.containers.map((container) => newJob(container));
		// First: while images are pulled somebody may want to look.
		if (settings.console) jobs.unshift(newJob({ run: settings.console, whenEnded: "restart" }, true));
		await Promise.all([...jobs.map((job) => containers.run(job)), containers.startOthers()]);
		const [uptime = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
		this.#say(
			`ready ${uptime} s after the kernel: ${containers.count} of ${settings.containers.length} containers run`,
		);
		// It came before there was a child, or while one was made known.
		for (const pid of reapChildren()) containers.childEnded(pid);
	}

	/** On a disk that is read-only, or damaged, there may be no store: then what can be run is run from memory. */
	async #openStore(): Promise<Engine> {
		const { run } = this.#context.global;
		try {
			return await openSettled(engineOptions(this.#root, run));
		} catch (error) {
			if (!this.#first) throw error;
			this.#say(`the store ${this.#root} cannot be used: ${messageOf(error)}: going on with one in memory`);
			return this.#openInMemory();
		}
	}

	#openInMemory(): Promise<Engine> {
		return openSettled(engineOptions(`${IN_MEMORY}/root`, `${IN_MEMORY}/run`));
	}

	async #load(engine: Engine, image: string): Promise<void> {
		await loadArchive(engine, archiveOf(resolve(dirname(this.#document), image)));
	}

	/** From outside. Who asks again finds it slow: then containers are killed, and at last the machine ends as it is. */
	#request(how: Ending): void {
		this.#requests++;
		if (!this.#ending) this.#end(how);
		else if (this.#requests > 2) void this.#endMachine(this.#ending);
		else {
			this.#say("killing containers");
			this.#containers?.killAll(this.#first);
		}
	}

	/** Once: containers in order, disks, power. A process that is not the first only leaves. */
	#end(how: Ending): void {
		if (this.#ending) return;
		this.#ending = how;
		this.#say(this.#first ? `${how}: stopping containers` : "stopping containers");
		void this.#step("stopping", async () => this.#containers?.stopAll(this.#first)).then(() => {
			if (!this.#first) this.#ended.resolve(0);
			else return this.#step(how, () => this.#endMachine(how));
		});
	}

	async #endMachine(how: Ending): Promise<void> {
		if (!this.#first) return this.#ended.resolve(1);
		await this.#step("closing the disks", () => this.#closeDisks());
		this.#say(`${how}: ${endMachine(how).message}`); // reached only where the kernel refuses
		this.#ending = undefined;
		this.#requests = 0;
	}

	#closeDisks(): void {
		this.#containers?.close();
		syncAll();
		tryRemountReadOnly(this.#root); // fails, and does no harm, where that is no disk
	}
}
