/** docker's flags of volumes that belong to a whole cluster. */

const SWARM = "it is for swarm's cluster volumes, and there is no swarm: one host";

export const SWARM_FLAGS: readonly string[] = [
	..."availability group limit-bytes required-bytes scope secret sharing topology-preferred topology-required type".split(
		" ",
	),
].map((name) => `${name} ${SWARM}`);
