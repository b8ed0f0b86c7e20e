/** `system df`: how much room everything takes on the disk, and how much could be had back. */
import { blobsOf } from "../../image/record/sweep.ts";
import { splitFamiliar } from "../../image/reference/reference.ts";
import { blobPath } from "../../store/blobs.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { listContainers } from "../../store/containers.ts";
import { type ImageRecord, listImages, tagsOf } from "../../store/images.ts";
import { layerPath } from "../../store/layers.ts";
import { listVolumes, usersOf } from "../../store/volumes.ts";
import { diskUsage } from "../../sys/disk-usage.ts";
import { listCache } from "../build/cache.ts";
import type { Engine } from "../engine.ts";

/** All sizes in bytes, as du(1) counts them. */
export interface Part {
	readonly total: number;
	readonly active: number;
	readonly size: number;
	readonly reclaimable: number;
}

export interface ImageUsage {
	readonly id: string;
	readonly repository: string;
	readonly tag: string;
	readonly created: number;
	readonly size: number;
	/** Of that: what other images have too. */
	readonly shared: number;
	readonly containers: number;
}

export interface DiskUsage {
	readonly images: Part & { readonly each: readonly ImageUsage[] };
	readonly containers: Part & {
		readonly each: readonly { readonly container: ListedContainer; readonly size: number }[];
	};
	readonly volumes: Part & {
		readonly each: readonly { readonly name: string; readonly links: number; readonly size: number }[];
	};
	readonly cache: Part & { readonly each: ReturnType<typeof listCache> };
}

export function diskUsageOf(engine: Engine): DiskUsage {
	const containers = listContainers(engine.db);
	const images = imagesUsage(engine, containers);
	return {
		images,
		containers: containersUsage(engine, containers),
		volumes: volumesUsage(engine),
		cache: cacheUsage(engine),
	};
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

/** Layers and blobs, each once however many images have it. */
function imagesUsage(engine: Engine, containers: readonly ListedContainer[]): DiskUsage["images"] {
	const { db, paths } = engine;
	const images = listImages(db);
	const partsOf = (image: ImageRecord): string[] => [
		...new Set([
			...image.layers.map((diffId) => layerPath(paths, diffId)),
			...blobsOf(paths, image).map((digest) => blobPath(paths, digest)),
		]),
	];
	const parts = new Map(images.map((image) => [image.id, partsOf(image)]));
	const owners = new Map<string, number>();
	for (const all of parts.values()) for (const path of all) owners.set(path, (owners.get(path) ?? 0) + 1);
	const sizes = new Map([...owners.keys()].map((path) => [path, diskUsage(path)]));
	const sizeOf = (path: string): number => sizes.get(path) ?? 0;
	const usersOfImage = (id: string): number => containers.filter(({ config }) => config.imageId === id).length;
	const kept = new Set(images.filter(({ id }) => usersOfImage(id) > 0).flatMap(({ id }) => parts.get(id) ?? []));
	const each = images.flatMap((image) => {
		const own = parts.get(image.id) ?? [];
		const names = tagsOf(db, image.id).map(splitFamiliar);
		return (names.length ? names : [{ repository: "<none>", tag: "<none>" }]).map(({ repository, tag }) => ({
			...{ id: image.id, created: image.created, repository, tag: tag || "<none>" },
			size: sum(own.map(sizeOf)),
			shared: sum(own.filter((path) => (owners.get(path) ?? 0) > 1).map(sizeOf)),
			containers: usersOfImage(image.id),
		}));
	});
	return {
		total: images.length,
		active: images.filter(({ id }) => usersOfImage(id) > 0).length,
		size: sum(sizes.values()),
		reclaimable: sum([...sizes].filter(([path]) => !kept.has(path)).map(([, size]) => size)),
		each,
	};
}

function containersUsage(engine: Engine, containers: readonly ListedContainer[]): DiskUsage["containers"] {
	const each = containers.map((container) => ({
		container,
		size: diskUsage(engine.paths.container(container.id).dir),
	}));
	const runs = ({ container }: (typeof each)[number]) => ["running", "restarting"].includes(container.state.status);
	return {
		total: each.length,
		active: each.filter(runs).length,
		size: sum(each.map(({ size }) => size)),
		reclaimable: sum(each.filter((one) => !runs(one)).map(({ size }) => size)),
		each,
	};
}

function volumesUsage(engine: Engine): DiskUsage["volumes"] {
	const each = listVolumes(engine.db).map(({ name }) => ({
		name,
		links: usersOf(engine.db, name).length,
		size: diskUsage(`${engine.paths.volumes}/${name}`),
	}));
	return {
		total: each.length,
		active: each.filter(({ links }) => links > 0).length,
		size: sum(each.map(({ size }) => size)),
		reclaimable: sum(each.filter(({ links }) => links === 0).map(({ size }) => size)),
		each,
	};
}

/** What images have too is counted there. */
function cacheUsage(engine: Engine): DiskUsage["cache"] {
	const { paths } = engine;
	const place = ({ id, kind }: ReturnType<typeof listCache>[number]): string =>
		kind === "regular" ? layerPath(paths, id) : `${paths.buildMounts}/${id}`;
	const each = listCache(engine).map((record) => ({ ...record, size: diskUsage(place(record)) }));
	const size = sum(each.filter(({ shared }) => !shared).map((record) => record.size));
	return { total: each.length, active: 0, size, reclaimable: size, each };
}
