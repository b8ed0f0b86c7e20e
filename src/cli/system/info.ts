/** `info` */

import { type Info, systemInfo } from "../../engine/system/info.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { renderTemplate } from "../output/template.ts";
import { VERSION } from "./version.ts";

const flags = { format: text("Format output using a custom template: 'json' or 'TEMPLATE' (Go's text/template)", "f") };

export const info: Command<typeof flags> = {
	name: "info",
	aliases: ["system info", "info"],
	usage: "[OPTIONS]",
	summary: "Display system-wide information",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const server = systemInfo(await context.engine(), VERSION);
		const client = { Debug: context.global.debug, Context: "default", Plugins: [], Warnings: null };
		if (flags.format) {
			const document = { ...server, ClientInfo: client };
			print(`${renderTemplate(flags.format === "json" ? "{{json .}}" : flags.format, document)}\n`);
			return 0;
		}
		print(
			`Client:\n Version:    ${VERSION}\n Context:    default\n Debug Mode: ${client.Debug}\n\n${serverText(server)}\n`,
		);
		for (const warning of server.Warnings) complain(`WARNING: ${warning}\n`);
		return 0;
	},
};

/** docker's headings, in docker's order. */
function serverText(info: Info): string {
	const { Plugins, RegistryConfig } = info;
	const insecure = [
		...Object.values(RegistryConfig.IndexConfigs).flatMap(({ Name, Secure }) => (Secure ? [] : [Name])),
		...RegistryConfig.InsecureRegistryCIDRs,
	];
	const lines = [
		`Containers: ${info.Containers}`,
		` Running: ${info.ContainersRunning}`,
		` Paused: ${info.ContainersPaused}`,
		` Stopped: ${info.ContainersStopped}`,
		`Images: ${info.Images}`,
		`Server Version: ${info.ServerVersion}`,
		`Storage Driver: ${info.Driver}`,
		...info.DriverStatus.map(([name, value]) => ` ${name}: ${value}`),
		`Logging Driver: ${info.LoggingDriver}`,
		`Cgroup Driver: ${info.CgroupDriver}`,
		`Cgroup Version: ${info.CgroupVersion}`,
		"Plugins:",
		` Volume: ${Plugins.Volume.join(" ")}`,
		` Network: ${Plugins.Network.join(" ")}`,
		` Log: ${Plugins.Log.join(" ")}`,
		`Swarm: ${info.Swarm.LocalNodeState}`,
		`Runtimes: ${Object.keys(info.Runtimes).join(" ")}`,
		`Default Runtime: ${info.DefaultRuntime}`,
		`Init Binary: ${info.InitBinary}`,
		"Security Options:",
		...info.SecurityOptions.flatMap(securityLines),
		`Kernel Version: ${info.KernelVersion}`,
		`Operating System: ${info.OperatingSystem}`,
		`OSType: ${info.OSType}`,
		`Architecture: ${info.Architecture}`,
		`CPUs: ${info.NCPU}`,
		`Total Memory: ${(info.MemTotal / 2 ** 30).toPrecision(4)}GiB`,
		`Name: ${info.Name}`,
		`ID: ${info.ID}`,
		`Docker Root Dir: ${info.DockerRootDir}`,
		`Debug Mode: ${info.Debug}`,
		...(info.HttpProxy ? [`HTTP Proxy: ${info.HttpProxy}`] : []),
		...(info.HttpsProxy ? [`HTTPS Proxy: ${info.HttpsProxy}`] : []),
		...(info.NoProxy ? [`No Proxy: ${info.NoProxy}`] : []),
		`Experimental: ${info.ExperimentalBuild}`,
		"Insecure Registries:",
		...insecure.map((name) => ` ${name}`),
		...(RegistryConfig.Mirrors.length ? ["Registry Mirrors:", ...RegistryConfig.Mirrors.map((url) => ` ${url}`)] : []),
		`Live Restore Enabled: ${info.LiveRestoreEnabled}`,
	];
	return ["Server:", ...lines.map((line) => ` ${line}`), ""].join("\n");
}

/** "name=seccomp,profile=builtin" */
function securityLines(option: string): string[] {
	const [name = "", ...rest] = option.split(",").map((field) => field.split("="));
	return [
		` ${name[1] ?? ""}`,
		...rest.map(([key = "", value = ""]) => `  ${key[0]?.toUpperCase()}${key.slice(1)}: ${value}`),
	];
}
