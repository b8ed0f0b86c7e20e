/** docker's tables and `--format`: one way to print rows. Pure but for the printing. */
import { compileTemplate } from "./template.ts";
import { goJson } from "./template-functions.ts";

/** A row's fields as docker names them; a function takes an argument ({{.Label "a"}}). */
export type Row = Readonly<Record<string, string | ((name: string) => string)>>;

export interface TableShape {
	/** Header of each field, for `table` templates. */
	readonly headers: Readonly<Record<string, string>>;
	/** Fields of the default table, in order. */
	readonly columns: readonly string[];
}

/** Renders rows by --format: "", "table", "table TEMPLATE", "json", "TEMPLATE". */
export function renderRows(rows: readonly Row[], shape: TableShape, format: string | undefined): string {
	if (format === undefined || format === "" || format === "table") {
		return renderTable(
			shape.columns.map((name) => shape.headers[name] ?? name),
			rows.map((row) => shape.columns.map((name) => String(row[name] ?? ""))),
		);
	}
	if (format === "json" || format === "{{json .}}") {
		return rows.map((row) => `${goJson(fieldsOf(row))}\n`).join("");
	}
	if (!format.startsWith("table ")) {
		const render = compileTemplate(format, "row");
		return rows.map((row) => `${render(row)}\n`).join("");
	}
	const render = compileTemplate(format.slice("table ".length), "row");
	const cells = (text: string) => text.split("\t");
	// The header is the template over the headers; {{.Label "a"}} is headed by the label's key.
	const header = render({ ...shape.headers, Label: (name: string) => name.split(".").at(-1) ?? name });
	return renderTable(
		cells(header),
		rows.map((row) => cells(render(row))),
	);
}

/** "key=value,other=", as docker's tables have it. */
export const labelsText = (labels: Readonly<Record<string, string>>): string =>
	Object.entries(labels)
		.map(([key, value]) => `${key}=${value}`)
		.join(",");

const fieldsOf = (row: Row): Record<string, unknown> =>
	Object.fromEntries(
		Object.entries(row)
			.filter(([, value]) => typeof value === "string")
			.sort(([a], [b]) => (a < b ? -1 : 1)),
	);

/** A cell is at least ten wide, its padding of three with it: Go's tabwriter as docker sets it. */
const MIN_CELL = 10;
const PADDING = 3;

/** Columns as wide as their widest cell, three spaces between. The last is not padded. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
	const widths = header.map((title, i) =>
		Math.max(Bun.stringWidth(title), ...rows.map((row) => Bun.stringWidth(row[i] ?? ""))),
	);
	const line = (cells: readonly string[]): string =>
		cells
			.map((cell, i) =>
				i === cells.length - 1
					? cell
					: cell + " ".repeat(Math.max((widths[i] ?? 0) + PADDING, MIN_CELL) - Bun.stringWidth(cell)),
			)
			.join("");
	return [header, ...rows].map((cells) => `${line(cells)}\n`).join("");
}
