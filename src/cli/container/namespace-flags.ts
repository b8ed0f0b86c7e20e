/** Flags of `run` and `create` about whose namespaces (namespaces(7)) a container has, besides that of the network. */
import type { HostConfig } from "../../store/container-record.ts";
import { value } from "../flags/flags.ts";

type Modes = Pick<HostConfig, "ipcMode" | "pidMode" | "utsMode"> & Partial<Pick<HostConfig, "cgroupnsMode">>;

function parseCgroupns(given: string): "host" | "private" | undefined {
	if (given === "private" || given === "host" || given === "") return given || undefined;
	throw new Error("invalid cgroup mode: valid values are host, private and empty");
}

function parseIpc(given: string): string {
	if (/^(|none|private|shareable|host|container:.+)$/.test(given)) return given;
	throw new Error("invalid IPC mode");
}

function parsePid(given: string): string {
	if (/^(|host|container:.+)$/.test(given)) return given;
	throw new Error("--pid: invalid PID mode");
}

function parseUts(given: string): "" | "host" {
	if (given === "" || given === "host") return given;
	throw new Error("--uts: invalid UTS mode");
}

/** Root in a container is always the host's: "host" says what is so. */
function parseUserns(given: string): string {
	if (given === "" || given === "host") return given;
	throw new Error("--userns: invalid USER mode: containers have the host's user namespace (host)");
}

export const NAMESPACE_FLAGS = {
	cgroupns: value("Cgroup namespace to use (host|private)", "string", parseCgroupns),
	ipc: value("IPC mode to use (none|private|shareable|host|container:NAME)", "string", parseIpc),
	pid: value("PID namespace to use (host|container:NAME)", "string", parsePid),
	userns: value("User namespace to use (host)", "string", parseUserns),
	uts: value("UTS namespace to use (host)", "string", parseUts),
};

interface Given {
	readonly cgroupns: "private" | "host" | undefined;
	readonly ipc: string | undefined;
	readonly pid: string | undefined;
	readonly uts: "" | "host" | undefined;
}

export const namespaceModes = ({ cgroupns, ipc, pid, uts }: Given): Modes => ({
	...(cgroupns === undefined ? {} : { cgroupnsMode: cgroupns }),
	ipcMode: ipc || "private",
	pidMode: pid ?? "",
	utsMode: uts ?? "",
});
