/** How a machine is told to end: by a signal to its first process, or by its power button. */
import { readdirSync } from "node:fs";
import { trySyscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { type Ending, tryOpenSignalling } from "../sys/machine.ts";

/**
 * Signals to the first process, by whose custom: the kernel's for Ctrl-Alt-Del (SIGINT), busybox's `halt`, `poweroff`
 * and `reboot` (SIGUSR1, SIGUSR2, SIGTERM), the power failure daemons' (SIGPWR).
 */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, Ending>>> = {
	SIGINT: "reboot",
	SIGTERM: "reboot",
	SIGUSR1: "halt",
	SIGUSR2: "poweroff",
	SIGPWR: "poweroff",
};

const INPUT = "/dev/input";
// struct input_event { struct timeval time; u16 type; u16 code; s32 value; } (linux/input.h)
const EVENT_SIZE = 24;
const EV_KEY = 1;
const KEY_POWER = 116;

/** Calls `end` when the machine is to end. */
export function awaitEnding(end: (how: Ending) => void): void {
	for (const [name, how] of Object.entries(SIGNALS)) process.on(name, () => end(how));
	const buttons = inputDevices().flatMap((path) => tryOpenSignalling(path) ?? []);
	if (buttons.length === 0) return;
	process.on("SIGIO", () => {
		if (buttons.some(wasPressed)) end("poweroff");
	});
}

function inputDevices(): string[] {
	try {
		return readdirSync(INPUT)
			.filter((name) => name.startsWith("event"))
			.map((name) => `${INPUT}/${name}`);
	} catch {
		return []; // no input devices, or no evdev in this kernel
	}
}

/** Reads what has come. The ACPI power button is a keyboard with one key (drivers/acpi/button.c). */
function wasPressed(device: Fd): boolean {
	const events = Buffer.alloc(EVENT_SIZE * 64);
	let pressed = false;
	for (;;) {
		const n = trySyscall("read", device.number, events, events.length);
		if (n <= 0) return pressed;
		for (let at = 0; at + EVENT_SIZE <= n; at += EVENT_SIZE) {
			const power = events.readUInt16LE(at + 16) === EV_KEY && events.readUInt16LE(at + 18) === KEY_POWER;
			pressed ||= power && events.readInt32LE(at + 20) === 1;
		}
	}
}
