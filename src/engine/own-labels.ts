/** Labels that mean something to this program. A user may set them; an image, which anybody may have made, may not. */

const PREFIX = "nanocontainer.";

/** On the containers that `boot` made, which the next boot replaces: pid and start time of that process. */
export const BOOT_LABEL = `${PREFIX}boot`;

/** The labels of an image that its containers inherit. */
export const inheritedLabels = (labels: Readonly<Record<string, string>> | null | undefined): Record<string, string> =>
	Object.fromEntries(Object.entries(labels ?? {}).filter(([name]) => !name.startsWith(PREFIX)));
