/** docker's label of volumes that nobody named. */
export const ANONYMOUS_LABEL = "com.docker.volume.anonymous";
