/** Host devices for --device and --privileged. */

import { DEFAULT_DEVICE_RULES, type DeviceRule } from "../../cgroup/device-bpf.ts";
import type { IoLimit, Resources } from "../../cgroup/resources.ts";
import { EngineError } from "../../errors.ts";
import type { Device } from "../../runtime/config.ts";
import type { HostConfig } from "../../store/container-record.ts";
import { nodeFs } from "../../sys/node.ts";

/** Made by us in every container, or file systems of its own. */
const OWN = new Set(["null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"]);
const OWN_DIRECTORIES = new Set(["pts", "shm", "mqueue", "fd", ".lxc", ".lxd-mounts"]);

/** What the container may open: docker's list, and what --device names, with its rights. */
export function deviceRules(host: HostConfig): DeviceRule[] {
	const asked = host.devices.flatMap(({ host: from, container: to, permissions }) =>
		devicesAt(from, to).map(({ type, major, minor }): DeviceRule => ({ type, major, minor, access: permissions })),
	);
	return [...DEFAULT_DEVICE_RULES, ...asked, ...host.deviceCgroupRules.flatMap(parseRule)];
}

/** "c 1:* rw"; "a" is both kinds. The command line has checked the form. */
function parseRule(text: string): DeviceRule[] {
	const [type = "", numbers = "", access = ""] = text.split(" ");
	const [major, minor] = numbers.split(":").map((number) => (number === "*" ? undefined : Number(number)));
	const types: DeviceRule["type"][] = type === "a" ? ["c", "b"] : [type === "b" ? "b" : "c"];
	return types.map((kind) => ({ type: kind, major, minor, access }));
}

/** Limits for the kernel, which knows devices by their numbers. */
export function resourcesOf({ resources }: HostConfig): Resources {
	const io = (resources.deviceIo ?? []).map(({ path, limit, rate }): IoLimit => {
		const stat = nodeFs().statSync(path, { throwIfNoEntry: false });
		if (!stat?.isBlockDevice())
			throw new EngineError("invalid", `${path} is not a block device: its rate cannot be limited`);
		return { ...numbersOf(stat.rdev), limit, rate };
	});
	return io.length ? { ...resources, io } : resources;
}

const numbersOf = (rdev: number) => ({
	major: (rdev >>> 8) & 0xfff,
	minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});

export function hostDevices(host: HostConfig): Device[] {
	if (!host.privileged && host.devices.length === 0) return [];
	const asked = host.devices.flatMap(({ host: from, container: to }) => {
		const found = devicesAt(from, to);
		if (found.length === 0) {
			throw new EngineError(
				"invalid",
				`error gathering device information while adding custom device "${from}": ${
					nodeFs().statSync(from, { throwIfNoEntry: false }) ? "not a device node" : "no such file or directory"
				}`,
			);
		}
		return found;
	});
	const all = host.privileged ? [...devicesBelow("/dev", "/dev", true), ...asked] : asked;
	return [...new Map(all.map((device) => [device.path, device])).values()];
}

function devicesAt(from: string, to: string): Device[] {
	const stat = nodeFs().statSync(from, { throwIfNoEntry: false });
	if (!stat) return [];
	if (stat.isDirectory()) return devicesBelow(from, to, false);
	if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return [];
	return [
		{
			path: to,
			type: stat.isCharacterDevice() ? "c" : "b",
			...numbersOf(stat.rdev),
			fileMode: stat.mode & 0o777,
		},
	];
}

function devicesBelow(from: string, to: string, top: boolean): Device[] {
	return nodeFs()
		.readdirSync(from, { withFileTypes: true })
		.flatMap((entry) => {
			if (top && (OWN.has(entry.name) || OWN_DIRECTORIES.has(entry.name))) return [];
			if (entry.isSymbolicLink() || entry.isFIFO() || entry.isSocket() || entry.isFile()) return [];
			return devicesAt(`${from}/${entry.name}`, `${to}/${entry.name}`);
		});
}
