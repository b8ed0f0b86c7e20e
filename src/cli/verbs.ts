/** The verbs: one line each for the overview, and where each is loaded from. */
import type { CommandDef } from "citty";
import { leaf } from "./command/command.ts";

/** `path` is how the command was called: "ps", "container ls". */
type Load = (path?: string) => Promise<CommandDef>;

export interface Entry {
	readonly summary: string;
	readonly load: Load;
}

export const entry = (summary: string, load: Load): Entry => ({ summary, load });

/** Verbs; those under `container` and `image` are reached through their noun too. */
export const VERBS = {
	attach: entry("Attach local standard input, output, and error streams to a running container", async (path) =>
		leaf((await import("./container/attach.ts")).attach, path),
	),
	boot: entry(
		"Be the first process of a machine: mounts, modules, network, and the containers it is there for",
		async (path) => leaf((await import("./boot/boot.ts")).boot, path),
	),
	build: entry("Build an image from a Dockerfile", async (path) =>
		leaf((await import("./build/build.ts")).build, path),
	),
	commit: entry("Create a new image from a container's changes", async (path) =>
		leaf((await import("./container/commit.ts")).commit, path),
	),
	cp: entry("Copy files/folders between a container and the local filesystem", async (path) =>
		leaf((await import("./files/cp.ts")).cp, path),
	),
	create: entry("Create a new container", async (path) =>
		leaf((await import("./container/create.ts")).createCommand, path),
	),
	debug: entry("Get a shell with tools in the namespaces of a running container", async (path) =>
		leaf((await import("./container/debug.ts")).debug, path),
	),
	diff: entry("Inspect changes to files or directories on a container's filesystem", async (path) =>
		leaf((await import("./view/diff.ts")).diff, path),
	),
	exec: entry("Execute a command in a running container", async (path) =>
		leaf((await import("./container/exec.ts")).exec, path),
	),
	export: entry("Export a container's filesystem as a tar archive", async (path) =>
		leaf((await import("./files/export.ts")).exportCommand, path),
	),
	history: entry("Show the history of an image", async (path) =>
		leaf((await import("./image/history.ts")).history, path),
	),
	images: entry("List images", async (path) => leaf((await import("./image/ls.ts")).images, path)),
	info: entry("Display system-wide information", async (path) => leaf((await import("./system/info.ts")).info, path)),
	inspect: entry("Return low-level information on NanoContainer objects", async (path) =>
		leaf((await import("./system/inspect.ts")).inspect, path),
	),
	kill: entry("Kill one or more running containers", async (path) =>
		leaf((await import("./container/kill.ts")).kill, path),
	),
	load: entry("Load an image from a tar archive or STDIN", async (path) =>
		leaf((await import("./image/load.ts")).load, path),
	),
	logs: entry("Fetch the logs of a container", async (path) => leaf((await import("./view/logs.ts")).logs, path)),
	pause: entry("Pause all processes within one or more containers", async (path) =>
		leaf((await import("./container/pause.ts")).pause, path),
	),
	port: entry("List port mappings or a specific mapping for the container", async (path) =>
		leaf((await import("./view/port.ts")).port, path),
	),
	ps: entry("List containers", async (path) => leaf((await import("./view/ls.ts")).ps, path)),
	pull: entry("Download an image from a registry", async (path) => leaf((await import("./image/pull.ts")).pull, path)),
	rename: entry("Rename a container", async (path) => leaf((await import("./container/rename.ts")).rename, path)),
	restart: entry("Restart one or more containers", async (path) =>
		leaf((await import("./container/restart.ts")).restart, path),
	),
	rm: entry("Remove one or more containers", async (path) => leaf((await import("./container/rm.ts")).rm, path)),
	rmi: entry("Remove one or more images", async (path) => leaf((await import("./image/rm.ts")).rmi, path)),
	run: entry("Create and run a new container from an image", async (path) =>
		leaf((await import("./container/run.ts")).run, path),
	),
	start: entry("Start one or more stopped containers", async (path) =>
		leaf((await import("./container/start.ts")).start, path),
	),
	stats: entry("Display a live stream of container(s) resource usage statistics", async (path) =>
		leaf((await import("./view/stats.ts")).stats, path),
	),
	stop: entry("Stop one or more running containers", async (path) =>
		leaf((await import("./container/stop.ts")).stop, path),
	),
	tag: entry("Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", async (path) =>
		leaf((await import("./image/tag.ts")).tag, path),
	),
	top: entry("Display the running processes of a container", async (path) =>
		leaf((await import("./view/top.ts")).top, path),
	),
	unpause: entry("Unpause all processes within one or more containers", async (path) =>
		leaf((await import("./container/unpause.ts")).unpause, path),
	),
	update: entry("Update configuration of one or more containers", async (path) =>
		leaf((await import("./container/update.ts")).update, path),
	),
	version: entry("Show the NanoContainer version information", async (path) =>
		leaf((await import("./system/version.ts")).version, path),
	),
	wait: entry("Block until one or more containers stop, then print their exit codes", async (path) =>
		leaf((await import("./container/wait.ts")).wait, path),
	),
} satisfies Record<string, Entry>;
