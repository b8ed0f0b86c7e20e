/** `--progress=html FILE`: a build as one page that needs nothing else: what ran when, what was cached. Pure. */
import type { Seen } from "./recorder.ts";

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export function renderTimeline(seen: readonly Seen[], begun: number): string {
	const end = Math.max(begun + 1, ...seen.map((one) => one.ended ?? one.started));
	const percent = (ms: number) => `${((ms / (end - begun)) * 100).toFixed(2)}%`;
	const rows = seen.map((one) => {
		const length = (one.ended ?? end) - one.started;
		const kind = one.outcome?.kind ?? "canceled";
		const output = Bun.stripANSI(one.tail.join("\n"));
		const log = output ? `<pre>${escapeHtml(output)}</pre>` : "<p>No output.</p>";
		return `<details><summary><span class="name">${escapeHtml(one.vertex.name)}</span><span class="lane"><span class="bar ${kind}" style="left:${percent(one.started - begun)};width:${percent(Math.max(length, 0.5))}"></span></span><span class="time">${kind === "cached" ? "cached" : `${(length / 1000).toFixed(2)} s`}</span></summary>${log}</details>`;
	});
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Build timeline</title>
<style>
:root{color-scheme:light dark;font:14px/1.5 system-ui,sans-serif}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
summary{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr) 5rem;gap:1rem;align-items:center;cursor:pointer;padding:.15rem 0}
.name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-family:ui-monospace,monospace}
.lane{position:relative;height:1rem;background:color-mix(in srgb,currentColor 8%,transparent);border-radius:3px}
.bar{position:absolute;top:0;height:100%;min-width:2px;border-radius:3px;background:#2563eb}
.cached{background:#94a3b8}.failed{background:#dc2626}.canceled{background:#d97706}
.time{text-align:right;font-variant-numeric:tabular-nums}
pre{overflow:auto;max-height:24rem;padding:.5rem;background:color-mix(in srgb,currentColor 6%,transparent)}
</style></head><body>
<h1>Build timeline</h1>
<p>${seen.length} steps in ${((end - begun) / 1000).toFixed(2)} s. Blue ran, grey was cached, red failed. Open a step for its last lines.</p>
${rows.join("\n")}
</body></html>
`;
}
