/**
 * The engine: opens the state and holds its parts. Each use case is a function in a file of its own that takes it. The
 * command line is one caller; it knows nothing of what lies behind.
 */

import { detectCgroups } from "../cgroup/detect.ts";
import type { CgroupDriver } from "../cgroup/driver.ts";
import { EngineError } from "../errors.ts";
import { DEFAULT_ROOT, type Paths, paths } from "../paths.ts";
import type { Container } from "../store/container-record.ts";
import { getContainer } from "../store/containers.ts";
import { closeKeepingLog, type Db, isAlone, makeDatabase, openDatabase, transaction } from "../store/database.ts";
import type { Fd } from "../sys/fd.ts";
import { lockByte } from "../sys/file.ts";
import { existsSync } from "../sys/fs.ts";
import { effectiveUser, setUmask } from "../sys/process.ts";

export interface EngineOptions {
	readonly root: string;
	readonly run: string;
	/** How the monitor starts this program as the reaper: the executable and its global flags. */
	readonly self: readonly string[];
}

export class Engine {
	readonly paths: Paths;
	readonly self: readonly string[];
	#db: Db | undefined;
	#cgroups: CgroupDriver | undefined | null = null;

	private constructor(paths: Paths, self: readonly string[]) {
		this.paths = paths;
		this.self = self;
	}

	/** Opened when it is asked for. */
	get db(): Db {
		this.#db ??= openDatabase(this.paths);
		return this.#db;
	}

	/** For who makes the records anew: a database at another place. undefined: that of the paths again, once it is needed. */
	useDatabase(path: string | undefined): void {
		if (this.#db) closeKeepingLog(this.#db);
		this.#db = path === undefined ? undefined : makeDatabase({ ...this.paths, database: path });
	}

	/** For who is going to wait: on a full disk one command alone has the database, and must not keep it meanwhile. */
	letOthersIn(): void {
		if (this.#db && isAlone(this.#db)) this.useDatabase(undefined);
	}

	/**
	 * Opens the state, and looks at no record: what commands that were killed left unfinished is settled by who opens it
	 * for a command that works on them (settle/reconcile.ts), and not for the reaper, which is part of that.
	 */
	static async open(options: EngineOptions): Promise<Engine> {
		if (effectiveUser() !== 0) {
			throw new EngineError("not-root", "NanoContainer must be run as root: it makes namespaces, mounts and devices");
		}
		setUmask(0o022); // what is made here does not depend on who calls
		const places = paths(options.root, options.run);
		if (!isComplete(places)) {
			const { settleAfterBoot } = await import("./after-boot.ts"); // once a boot
			settleAfterBoot(places, () => isComplete(places));
		}
		if (!existsSync(places.modules)) await (await import("./kernel-modules.ts")).loadWhatContainersNeed(places.modules);
		return new Engine(places, options.self);
	}

	/** undefined: this host has no cgroups. */
	get cgroups(): CgroupDriver | undefined {
		if (this.#cgroups === null) this.#cgroups = detectCgroups();
		return this.#cgroups;
	}

	/**
	 * One container's making, start, end and removal exclude each other. What is given is its record as it is once the
	 * lock is held, for the one read before (`known`) may be of another time; undefined when it is gone.
	 */
	lock(containerId: string, known?: Container): Disposable & { readonly container: Container | undefined } {
		const held = this.lockId(containerId);
		return { container: getContainer(this.db, containerId, known), [Symbol.dispose]: () => held[Symbol.dispose]() };
	}

	/** The lock alone, for a container that is being made. All are bytes of one file, so there is none to clean up. */
	lockId(containerId: string): Fd {
		return lockByte(this.paths.containerLocks, BigInt(`0x${containerId.slice(0, 15)}`));
	}

	transaction<T>(change: () => T): T {
		return transaction(this.db, this.paths, change);
	}

	/** The default bridge's device. A state directory elsewhere has a bridge and a table of its own. */
	get bridgeName(): string {
		if (this.paths.root === DEFAULT_ROOT) return "nanobridge";
		return `nano${new Bun.CryptoHasher("sha256").update(this.paths.root).digest("hex").slice(0, 8)}`;
	}
}

/** The last directories that settleAfterBoot() makes are there. */
function isComplete({ run, baseLayer }: Paths): boolean {
	return existsSync(`${run}/containers`) && existsSync(baseLayer);
}
