/** The options of docker's volume driver "local". */
import { EngineError } from "../../errors.ts";

/** Each is a part of mount(8). */
const OPTIONS = ["type", "device", "o"];

/** Throws EngineError for what cannot be. */
export function checkVolumeOptions(name: string, options: Readonly<Record<string, string>>): void {
	const given = Object.keys(options);
	if (given.length === 0) return;
	const refuse = (why: string) => new EngineError("invalid", `create ${name}: ${why}`);
	const unknown = given.find((key) => !OPTIONS.includes(key));
	if (unknown !== undefined) throw refuse(`invalid option: ${JSON.stringify(unknown)}`);
	const { type = "", device = "", o = "" } = options;
	if (!device) throw refuse('missing required option: "device"');
	const isBind = o.split(",").some((word) => word === "bind" || word === "rbind");
	if (isBind && type !== "" && type !== "none" && type !== "bind")
		throw refuse(`a bind mount has the type "none", not ${JSON.stringify(type)}`);
	if (isBind && !device.startsWith("/")) throw refuse(`"device" must be an absolute path: ${device}`);
	if (!isBind && !type) throw refuse('missing required option: "type"');
}
