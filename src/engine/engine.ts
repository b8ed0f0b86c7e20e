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
import { type Db, openDatabase, transaction } from "../store/database.ts";
import type { Fd } from "../sys/fd.ts";
import { lockByte } from "../sys/file.ts";
import { existsSync } from "../sys/fs.ts";
import { settleAfterBoot } from "./after-boot.ts";
import { reconcile } from "./reconcile.ts";

export interface EngineOptions {
	readonly root: string;
	readonly run: string;
	/** How the monitor starts this program as the reaper: the executable and its global flags. */
	readonly self: readonly string[];
}

export class Engine {
	readonly paths: Paths;
	readonly db: Db;
	readonly self: readonly string[];
	#cgroups: CgroupDriver | undefined | null = null;

	private constructor(options: EngineOptions) {
		process.umask(0o022); // what is made here does not depend on who calls
		this.paths = paths(options.root, options.run);
		this.self = options.self;
		if (!isComplete(this.paths)) settleAfterBoot(this.paths, () => isComplete(this.paths));
		this.db = openDatabase(this.paths);
	}

	/** Opens the state, and first of all settles what other commands left unfinished when they were killed. */
	static open(options: EngineOptions): Engine {
		if (process.geteuid?.() !== 0) {
			throw new EngineError("not-root", "NanoContainer must be run as root: it makes namespaces, mounts and devices");
		}
		const engine = new Engine(options);
		reconcile(engine);
		return engine;
	}

	/** Without settling anything: for the reaper, which is part of that. */
	static openQuietly(options: EngineOptions): Engine {
		return new Engine(options);
	}

	/** undefined: this host has no cgroups. */
	get cgroups(): CgroupDriver | undefined {
		if (this.#cgroups === null) this.#cgroups = detectCgroups();
		return this.#cgroups;
	}

	/**
	 * One container's making, start, end and removal exclude each other. What is given is its record as it is once the
	 * lock is held, for the one read before may be of another time; undefined when it is gone.
	 */
	lock(containerId: string): Disposable & { readonly container: Container | undefined } {
		const held = this.lockId(containerId);
		return { container: getContainer(this.db, containerId), [Symbol.dispose]: () => held[Symbol.dispose]() };
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
