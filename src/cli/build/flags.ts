/** The flags of `build`: docker's and buildx's, as far as they are here. */
import { bool, choice, fixed, integer, list, listOf, text, type Values, value } from "../flags/flags.ts";
import { parseExtraHost } from "../flags/parse-host.ts";
import { parseBytes, parseBytesOrUnlimited, parseUlimit } from "../flags/parse-size.ts";

export const BUILD_FLAGS = {
	"add-host": listOf('Add a custom host-to-IP mapping (format: "host:ip")', "strings", parseExtraHost),
	allow: list('Allow extra privileged entitlement (e.g., "network.host", "security.insecure")'),
	annotation: list("Add annotation to the image"),
	"build-arg": list("Set build-time variables"),
	"build-context": list("Additional build contexts (e.g., name=path)"),
	"cache-from": list('External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
	"cache-to": list('Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")'),
	call: value('Set method for evaluating build ("check", "outline", "targets")', "string", parseCall),
	"cgroup-parent": choice('Set the parent cgroup for the "RUN" instructions during build', ""),
	check: bool('Shorthand for "--call=check"'),
	"cpu-period": integer("Limit the CPU CFS (Completely Fair Scheduler) period"),
	"cpu-quota": integer("Limit the CPU CFS (Completely Fair Scheduler) quota"),
	"cpu-shares": integer("CPU shares (relative weight)", "c"),
	"cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
	"cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
	"debug-shell": bool("Open a shell where a step has failed"),
	file: text('Name of the Dockerfile (default: "PATH/Dockerfile")', "f"),
	"force-rm": fixed("Always remove intermediate containers", true, "they always are removed"),
	iidfile: text("Write the image ID to a file"),
	label: list("Set metadata for an image"),
	load: bool('Shorthand for "--output=type=docker"'),
	memory: value("Memory limit", "bytes", parseBytes, "m"),
	"memory-swap": value("Swap limit equal to memory plus swap", "bytes", parseBytesOrUnlimited),
	"metadata-file": text("Write build result metadata to a file"),
	network: choice('Set the networking mode for the "RUN" instructions during build', "default"),
	"no-cache": bool("Do not use cache when building the image"),
	"no-cache-filter": list("Do not cache specified stages"),
	output: list('Output destination (format: "type=local,dest=path")', "o"),
	platform: list("Set target platform for build"),
	progress: value(
		'Set type of progress output ("auto", "plain", "tty", "quiet", "rawjson", "html FILE")',
		"string",
		parseProgress,
	),
	provenance: value('Shorthand for "--attest=type=provenance" (only "false": there are none)', "string", parseNone),
	pull: bool("Always attempt to pull all referenced images"),
	push: bool('Shorthand for "--output=type=registry"'),
	quiet: bool("Suppress the build output and print image ID on success", "q"),
	rm: fixed("Remove intermediate containers after a successful build", true, "they always are removed"),
	sbom: value('Shorthand for "--attest=type=sbom" (only "false": there are none)', "string", parseNone),
	secret: list('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
	"shm-size": value('Shared memory size for build containers ("RUN")', "bytes", parseBytes),
	ssh: list('SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>]")'),
	tag: list('Name and optionally a tag (format: "name:tag")', "t"),
	target: text("Set the target build stage to build"),
	ulimit: listOf("Ulimit options", "ulimit", parseUlimit),
};

/** docker's and buildx's, that wait for later. */
export const BUILD_NOT_YET: readonly string[] =
	"attest builder compress disable-content-trust isolation security-opt squash".split(" ");

export type BuildFlags = Omit<Values<typeof BUILD_FLAGS>, "call"> & { readonly call: Call | undefined };
export type Call = "build" | "check" | "outline" | "targets";
export type ProgressMode = "auto" | "plain" | "tty" | "quiet" | "rawjson" | "html" | `html=${string}`;

function parseCall(given: string): Call {
	const name = given.toLowerCase().replace(/^(lint|check)$/, "check");
	if (name === "build" || name === "check" || name === "outline" || name === "targets") return name;
	throw new Error(`unknown call "${given}": use check, outline or targets`);
}

/** Attestations are not made: what asks for none can be had. */
function parseNone(given: string): string {
	if (/^(false|0|f)$/i.test(given)) return given;
	throw new Error("attestations are not supported: only false can be had");
}

function parseProgress(given: string): ProgressMode {
	if (["auto", "plain", "tty", "quiet", "rawjson", "html"].includes(given) || /^html=./.test(given)) {
		return given as ProgressMode;
	}
	throw new Error(`unknown progress "${given}": use auto, plain, tty, quiet, rawjson or html FILE`);
}
