/** `--opt key=value`: docker's maps. Pure. */

/** "key=value" → both; "key" → an empty value. */
export function parsePair(text: string): readonly [key: string, value: string] {
	const equals = text.indexOf("=");
	const key = equals < 0 ? text : text.slice(0, equals);
	if (key === "") throw new Error(`invalid option ${JSON.stringify(text)}: it has no name`);
	return [key, equals < 0 ? "" : text.slice(equals + 1)];
}
