/** A record that claims to live, as reconcile.ts reads it. */
import type { ContainerState } from "../../store/container-record.ts";

export interface Claim {
	readonly id: string;
	/** "building": a step of a build, which is no container. */
	readonly status: ContainerState["status"] | "building";
	readonly init: number | null;
	readonly initStart: number | null;
	readonly monitor: number | null;
	readonly monitorStart: number | null;
}
