/** `top` */
import { top as processesOf } from "../../engine/view/top.ts";
import type { Command } from "../command/command.ts";
import { print } from "../output/output.ts";
import { forTerminal } from "../output/terminal.ts";

export const top: Command<Record<string, never>> = {
	name: "top",
	usage: "CONTAINER [ps OPTIONS]",
	summary: "Display the running processes of a container",
	aliases: ["container top", "top"],
	flags: {},
	stopAtFirst: true,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { args: [name = "", ...options] }) => {
		const { titles, rows } = processesOf(await context.engine(), name, options);
		const lines = [titles, ...rows].map((cells) => cells.map((cell) => forTerminal(1, cell)));
		const widths = titles.map((_, i) => Math.max(WIDTH, ...lines.map((cells) => (cells[i] ?? "").length + GAP)));
		for (const cells of lines) {
			print(`${cells.map((cell, i) => (i === titles.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("")}\n`);
		}
		return 0;
	},
};

/** docker's: no column is narrower, and the longest cell has so many blanks after it. */
const WIDTH = 20;
const GAP = 3;
