/** The keys of `--mount`. Pure. */
import type { MountPoint } from "../../store/container-record.ts";
import { nodePath } from "../../sys/node.ts";
import { checkIdMap } from "./parse-id-map.ts";
import { parseBytes } from "./parse-size.ts";

export type Draft = { -readonly [K in keyof MountPoint]: MountPoint[K] };

export const PROPAGATION = "propagation";
export const PROPAGATIONS: readonly string[] = ["shared", "slave", "private", "rshared", "rslave", "rprivate"];

const isTrue = (value: string | undefined, key: string): boolean => {
	if (value === undefined || value === "true" || value === "1") return true;
	if (value === "false" || value === "0") return false;
	throw new Error(`invalid value for ${key}: ${value}`);
};

/** Applies one "key=value" of --mount. Throws Error for a key that there is not, and for a value that it cannot have. */
export function applyKey(mount: Draft, key: string, value: string | undefined, field: string): void {
	switch (key) {
		case "type": {
			const type = value?.toLowerCase();
			if (type !== "bind" && type !== "volume" && type !== "tmpfs" && type !== "image") {
				throw new Error(`mount type "${value}" is not supported: use bind, volume, tmpfs or image`);
			}
			mount.type = type;
			return;
		}
		case "source":
		case "src":
			mount.source = value?.startsWith(".") ? nodePath().resolve(value) : (value ?? "");
			return;
		case "target":
		case "dst":
		case "destination":
			mount.destination = value ?? "";
			return;
		case "readonly":
		case "ro":
			mount.readonly = isTrue(value, key);
			return;
		case "bind-propagation":
			if (!value || !PROPAGATIONS.includes(value)) throw new Error(`invalid propagation mode: ${value}`);
			mount.options.push(value);
			return;
		case "bind-recursive":
			if (!["enabled", "disabled", "writable", "readonly"].includes(value ?? "")) {
				throw new Error(
					`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
				);
			}
			mount.options.push(`bind-recursive=${value}`);
			return;
		case "bind-create-src":
			mount.createSource = isTrue(value, key);
			return;
		case "bind-nonrecursive":
			if (isTrue(value, key)) mount.options.push("bind-recursive=disabled");
			return;
		case "volume-nocopy":
			if (isTrue(value, key)) mount.options.push("nocopy");
			return;
		case "tmpfs-size":
			mount.options.push(`size=${parseBytes(value ?? "")}`);
			return;
		case "tmpfs-mode":
			if (!/^[0-7]{1,4}$/.test(value ?? "")) throw new Error(`invalid value for tmpfs-mode: ${value}`);
			mount.options.push(`mode=${value}`);
			return;
		case "consistency":
			return; // of docker on other systems than Linux; documented to have no effect here
		case "volume-subpath":
			if (!value || value.startsWith("/") || value.split("/").includes("..")) {
				throw new Error(`invalid volume subpath: ${value}`);
			}
			mount.options.push(`subpath=${value}`);
			return;
		case "image-subpath":
			if (!value || value.split("/").includes("..")) throw new Error(`invalid image subpath: ${value}`);
			mount.options.push(`subpath=${value}`);
			return;
		case "idmap":
			if (value !== "false") mount.options.push(checkIdMap(value === "true" ? "" : (value ?? "")));
			return;
		case "u":
		case "chown":
			if (isTrue(value, key)) mount.options.push("U");
			return;
		case "volume-driver":
			if (value === "local") return;
			throw new Error(`volume driver "${value}" is not supported: there is only "local"`);
		default:
			throw new Error(`unexpected key '${key}' in '${field}'`);
	}
}
