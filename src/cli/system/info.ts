/** `info` */

import { readFileSync } from "node:fs";
import { availableParallelism, hostname, release, totalmem } from "node:os";
import { missingFeatures } from "../../engine/system/features.ts";
import { listContainers } from "../../store/containers.ts";
import { listImages } from "../../store/images.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { renderTemplate } from "../output/template.ts";
import { VERSION } from "./version.ts";

const flags = { format: text("Format output using a custom template", "f") };

function operatingSystem(): string {
	try {
		return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
	} catch {
		return "Linux";
	}
}

export const info: Command<typeof flags> = {
	name: "info",
	aliases: ["system info", "info"],
	usage: "[OPTIONS]",
	summary: "Display system-wide information",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const engine = await context.engine();
		const containers = listContainers(engine.db);
		const running = containers.filter((container) => container.state.status === "running").length;
		const { cgroups } = engine;
		const warnings = missingFeatures(engine);
		const document = {
			ID: "",
			Containers: containers.length,
			ContainersRunning: running,
			ContainersPaused: 0,
			ContainersStopped: containers.length - running,
			Images: listImages(engine.db).length,
			Driver: "overlay2",
			LoggingDriver: "json-file",
			CgroupDriver: cgroups ? "cgroupfs" : "none",
			CgroupVersion: String(cgroups?.version ?? 0),
			KernelVersion: release(),
			OperatingSystem: operatingSystem(),
			OSType: "linux",
			Architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
			NCPU: availableParallelism(),
			MemTotal: totalmem(),
			DockerRootDir: engine.paths.root,
			Name: hostname(),
			ServerVersion: VERSION,
			SecurityOptions: ["name=seccomp,profile=builtin", ...(cgroups ? ["name=cgroupns"] : [])],
			Warnings: warnings,
		};
		if (flags.format !== undefined) {
			print(`${renderTemplate(flags.format === "json" ? "{{json .}}" : flags.format, document)}\n`);
			return 0;
		}
		const lines = [
			`Containers: ${document.Containers}`,
			` Running: ${running}`,
			" Paused: 0",
			` Stopped: ${document.ContainersStopped}`,
			`Images: ${document.Images}`,
			`Server Version: ${VERSION}`,
			"Storage Driver: overlay2",
			"Logging Driver: json-file",
			`Cgroup Driver: ${document.CgroupDriver}`,
			`Cgroup Version: ${document.CgroupVersion}`,
			"Security Options:",
			...document.SecurityOptions.map((option) => `  ${option.replace(/^name=/, "").split(",")[0]}`),
			`Kernel Version: ${document.KernelVersion}`,
			`Operating System: ${document.OperatingSystem}`,
			"OSType: linux",
			`Architecture: ${document.Architecture}`,
			`CPUs: ${document.NCPU}`,
			`Total Memory: ${(document.MemTotal / 2 ** 30).toPrecision(4)}GiB`,
			`Name: ${document.Name}`,
			`Docker Root Dir: ${document.DockerRootDir}`,
		];
		print(`${lines.map((line) => ` ${line}`.replace(/^ /, "")).join("\n")}\n`);
		for (const warning of warnings) complain(`WARNING: ${warning}\n`);
		return 0;
	},
};
