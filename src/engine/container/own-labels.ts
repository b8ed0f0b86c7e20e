/** Labels that mean something to this program. A user may set them; an image, which anybody may have made, may not. */

const PREFIX = "nanocontainer.";

/** On the containers that `boot` made, which the next boot replaces: pid and start time of that process. */
export const BOOT_LABEL = `${PREFIX}boot`;

/** The labels of an image that its containers inherit. */
export function inheritedLabels(labels: Readonly<Record<string, string>> | null | undefined): Record<string, string> {
	const inherited: Record<string, string> = {};
	for (const [name, value] of Object.entries(labels ?? {})) if (!name.startsWith(PREFIX)) inherited[name] = value;
	return inherited;
}
