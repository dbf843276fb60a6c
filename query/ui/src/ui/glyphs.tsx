/** Shapes: a state has a height and a texture, a class of change has a form. Colour only repeats what the shape says. */
export const STATES = ["exists", "ready", "terminating", "progressing", "failing"] as const;
export type State = (typeof STATES)[number] | "gone" | "unknown" | "none";
export const CLASSES = ["status", "metadata", "create", "spec", "rollout", "delete", "drift"] as const;
export type Class = (typeof CLASSES)[number];

/** 12 × 12, centred on 0,0. */
export const MARK_PATHS: Readonly<Record<Class, string>> = {
  spec: "M0-5.5 5.5 0 0 5.5-5.5 0Z",
  rollout: "M-5 4.5 0-5.5 5 4.5Z",
  status: "M-1-4h2v8h-2Z",
  metadata: "M0-3.6a3.6 3.6 0 1 1 0 7.2a3.6 3.6 0 1 1 0-7.2ZM0-2a2 2 0 1 0 0 4a2 2 0 1 0 0-4Z",
  delete: "M-4.6-3.2-3.2-4.6 0-1.4 3.2-4.6 4.6-3.2 1.4 0 4.6 3.2 3.2 4.6 0 1.4-3.2 4.6-4.6 3.2-1.4 0Z",
  drift: "M-4-6h1.6v12H-4ZM-2.4-6H5.5L2.8-2.6 5.5.8H-2.4Z",
  create: "M-1-4.5h2v3.5h3.5v2h-3.5v3.5h-2v-3.5h-3.5v-2h3.5Z",
};
export const tone = (of: Class): string => `m-${of === "create" ? "spec" : of}`;
/** Heights of bars in pixels: the worse, the taller. */
export const HEIGHTS: Readonly<Record<string, number>> = { exists: 1.5, ready: 3.5, progressing: 8, terminating: 8, failing: 12, gone: 1 };
export const stateWord = (state: State): string => ({ unknown: "not watched", none: "not there yet", gone: "deleted", exists: "there" } as Record<string, string>)[state] ?? state;

export const Mark = ({ of, human = false }: { of: Class; human?: boolean }) => (
  <svg class="g" viewBox="-7 -7 14 14" aria-hidden="true">
    {human && <circle r="8" fill="none" stroke="var(--ink)" stroke-width="1.3" />}
    <path d={MARK_PATHS[of]} fill={`var(--${tone(of)})`} fill-rule="evenodd" />
  </svg>
);

export function StateGlyph({ state, label = true }: { state: State; label?: boolean }) {
  const h = HEIGHTS[state] ?? 12;
  const y = 7 - h / 2;
  const colour = `var(--${state === "exists" ? "gone" : state})`;
  const named = label ? { role: "img" as const, "aria-label": stateWord(state) } : { "aria-hidden": true as const };
  return (
    <svg class="g" viewBox="0 0 14 14" {...named}>
      {state === "none" ? null
        : state === "unknown" ? <><rect x=".5" y="1" width="13" height="12" fill="none" stroke="var(--unknown)" /><path d="M1 9 8 2M3 13 12 4M9 13 13 9" stroke="var(--unknown)" /></>
        : state === "gone" ? <path d="M0 7h14" stroke={colour} stroke-width="1.5" stroke-dasharray="2 2.5" />
        : state === "terminating" ? <rect x=".75" y={y + 0.75} width="12.5" height={h - 1.5} fill="none" stroke={colour} stroke-width="1.5" />
        : <><rect y={y} width="14" height={h} fill={colour} />{state === "progressing" && <path d={`M4 ${y}v${h}M9 ${y}v${h}`} stroke="var(--sheet)" stroke-width="1.5" />}</>}
    </svg>
  );
}

const Icon = ({ d, width = 1.5 }: { d: string; width?: number }) => (
  <svg class="g" viewBox="-7 -7 14 14" aria-hidden="true"><path d={d} fill="none" stroke="currentColor" stroke-width={width} /></svg>
);
export const PinIcon = () => <Icon d="M-3-6h6v6l2 2H-5l2-2ZM0 2v5" width={1.4} />;
export const FindIcon = () => <Icon d="M3.5-1A4.5 4.5 0 1 1-5.5-1 4.5 4.5 0 0 1 3.5-1ZM2.4 2.4l4 4" />;
export const ReaderIcon = () => <Icon d="M0-5.6a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2ZM-5 5.6a5 4.4 0 0 1 10 0" />;
export const ThemeIcon = () => (
  <svg class="g" viewBox="-7 -7 14 14" aria-hidden="true"><circle r="5.5" fill="none" stroke="currentColor" stroke-width="1.4" /><path d="M0-5.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" /></svg>
);
export const Brand = () => (
  <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M1 5h9M1 15h7" stroke="currentColor" stroke-width="2.4" /><path d="M1 10h18" stroke="currentColor" stroke-width="4.4" /><path d="M13 0v20" stroke="var(--sheet)" stroke-width="4" /><path d="M13 1v18" stroke="currentColor" stroke-width="1.8" /></svg>
);

export const Legend = () => (
  <span class="legend">
    {(["ready", "progressing", "failing", "terminating", "gone", "unknown"] as const).map(each => <span key={each}><StateGlyph state={each} label={false} />{each === "unknown" ? "not watched" : each}</span>)}
    {(["spec", "rollout", "status", "metadata", "create", "delete", "drift"] as const).map(each => <span key={each}><Mark of={each} />{each}</span>)}
    <span><Mark of="spec" human />by a human</span>
  </span>
);
