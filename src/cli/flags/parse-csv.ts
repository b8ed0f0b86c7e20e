/** CSV with quotes, as --mount has it: "type=bind,src=/a,\"dst=/b,c\"". */
export function parseCsv(text: string): string[] {
	const fields: string[] = [];
	for (let at = 0; at <= text.length; ) {
		if (text[at] === '"') {
			const match = /^"((?:[^"]|"")*)"(?:,|$)/.exec(text.slice(at));
			if (!match) throw new Error('parse error on line 1, column 1: bare " in non-quoted-field');
			fields.push((match[1] ?? "").replaceAll('""', '"'));
			at += match[0].length + (at + match[0].length === text.length && !match[0].endsWith(",") ? 1 : 0);
		} else {
			const comma = text.indexOf(",", at);
			const end = comma < 0 ? text.length : comma;
			fields.push(text.slice(at, end));
			at = end + 1;
		}
	}
	return fields;
}
