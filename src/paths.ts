/**
 * The map of the two directories: `root` lasts (images, containers), `run` dies with the boot (sockets, locks).
 * Nothing here touches the disk.
 */

export const DEFAULT_ROOT = "/var/lib/nanocontainer";
export const DEFAULT_RUN = "/run/nanocontainer";

export type Paths = ReturnType<typeof paths>;

export function paths(root: string, run: string) {
	return {
		root,
		run,
		database: `${root}/state.db`,
		databaseLock: `${run}/state.lock`,
		/** Held by who changes rules, or what of networks is on the host. */
		networkLock: `${run}/networks.lock`,
		blobs: `${root}/blobs/sha256`,
		layers: `${root}/layers`,
		/** The layer below all others: src/store/base-layer.ts. */
		emptyLayer: `${root}/base/empty`,
		baseLayer: `${root}/base/places`,
		/** Half-made blobs and layers, swept when nobody holds their lock. */
		staging: `${root}/staging`,
		/** Directories of `RUN --mount=type=cache`, by the digest of their ID. */
		buildMounts: `${root}/build/mounts`,
		volumes: `${root}/volumes`,
		volume: (name: string) => `${root}/volumes/${name}/_data`,
		container: (id: string) => containerPaths(`${root}/containers/${id}`),
		containers: `${root}/containers`,
		/** An empty directory: every container mounts its root here, each in its own mount namespace. */
		rootfs: `${run}/rootfs`,
		/** Where a build step prepares its mounts, each step in its own mount namespace. */
		scratch: `${run}/scratch`,
		live: (id: string) => `${run}/containers/${id}`,
		/** IDs of containers that run, in files of their names. */
		liveNames: `${run}/names`,
		/** Of each network that users made: who is in it, for its name server. */
		zones: `${run}/networks`,
		/** There once all kernel modules that containers need have been loaded, or the kernel does it. */
		modules: `${run}/modules`,
		locks: `${run}/locks`,
		volumeLocks: `${run}/locks/volumes`,
		containerLocks: `${run}/locks/containers`,
	};
}

export type ContainerPaths = ReturnType<typeof containerPaths>;

export function containerPaths(dir: string) {
	return {
		dir,
		upper: `${dir}/upper`,
		work: `${dir}/work`,
		hosts: `${dir}/hosts`,
		hostname: `${dir}/hostname`,
		resolvConf: `${dir}/resolv.conf`,
		log: `${dir}/json.log`,
		exit: `${dir}/exit`,
		shm: `${dir}/shm`,
		explain: `${dir}/plan.json`,
	};
}
