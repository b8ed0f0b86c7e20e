/**
 * What comes from a container, an image or a registry and is shown on a terminal: its control characters are told, not
 * obeyed, for they could write anything on the screen, or into the clipboard. A pipe gets it as it is.
 */
import { isTerminal } from "../../sys/terminal.ts";

/** C0, DEL and C1; a line's end and a tabulator stay what they are. */
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** With "\x1b" for an escape character, as `cat -v` would tell in its own way. Pure. */
export const visible = (text: string): string =>
	text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

export const forTerminal = (fd: number, text: string): string => (isTerminal(fd) ? visible(text) : text);
