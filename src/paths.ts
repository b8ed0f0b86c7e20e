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
		blobs: `${root}/blobs/sha256`,
		layers: `${root}/layers`,
		/** Half-made blobs and layers, swept when nobody holds their lock. */
		staging: `${root}/staging`,
		volumes: `${root}/volumes`,
		volume: (name: string) => `${root}/volumes/${name}/_data`,
		container: (id: string) => containerPaths(`${root}/containers/${id}`),
		containers: `${root}/containers`,
		/** An empty directory: every container mounts its root here, each in its own mount namespace. */
		rootfs: `${run}/rootfs`,
		live: (id: string) => `${run}/containers/${id}`,
		locks: `${run}/locks`,
		containerLocks: `${run}/locks/containers`,
	};
}

export type ContainerPaths = ReturnType<typeof containerPaths>;

function containerPaths(dir: string) {
	return {
		dir,
		upper: `${dir}/upper`,
		work: `${dir}/work`,
		hosts: `${dir}/hosts`,
		hostname: `${dir}/hostname`,
		resolvConf: `${dir}/resolv.conf`,
		log: `${dir}/json.log`,
		exit: `${dir}/exit`,
		explain: `${dir}/plan.json`,
	};
}
