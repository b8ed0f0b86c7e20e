/** What is asked of health checks, and what the image says where nothing is. Pure. */
import type { ImageConfig } from "../../image/reference/spec.ts";
import type { Healthcheck } from "../../store/container-record.ts";

type OfImage = NonNullable<NonNullable<ImageConfig["config"]>["Healthcheck"]>;

/** undefined: there is none. */
export function mergedHealthcheck(
	asked: Healthcheck | undefined,
	ofImage: OfImage | null | undefined,
): Healthcheck | undefined {
	if (!ofImage && !asked?.test.length) return undefined;
	return {
		test: asked?.test.length ? asked.test : [...(ofImage?.Test ?? [])],
		interval: asked?.interval || (ofImage?.Interval ?? 0),
		timeout: asked?.timeout || (ofImage?.Timeout ?? 0),
		startPeriod: asked?.startPeriod || (ofImage?.StartPeriod ?? 0),
		startInterval: asked?.startInterval || (ofImage?.StartInterval ?? 0),
		retries: asked?.retries || (ofImage?.Retries ?? 0),
		onFailure: asked?.onFailure ?? "none",
	};
}
