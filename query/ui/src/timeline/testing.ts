/** Answers by hand, for tests: lanes as text, states and marks in seconds after the origin. */
import type { TimelineAnswer } from "../api/timeline";

export interface LaneSpec {
  readonly name: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly owner?: number;
  /** Seconds; null = from before, until after. */
  readonly lives?: readonly (readonly [number | null, number | null])[];
  /** [second, state] of the first life. */
  readonly states?: readonly (readonly [number, string])[];
  /** [second, class] of the first life. */
  readonly marks?: readonly (readonly [number, string])[];
}
export const ORIGIN = Date.parse("2026-11-22T02:00:00Z");
export const at = (seconds: number): number => ORIGIN + seconds * 1000;

const CLASSES = ["status", "metadata", "create", "spec", "rollout", "delete", "drift"];
const STATES = ["exists", "ready", "terminating", "progressing", "failing"];

export function answerOf(lanes: readonly LaneSpec[], seconds = 3600): TimelineAnswer {
  const strings = [""];
  const word = (text: string) => { const had = strings.indexOf(text); return had >= 0 ? had : strings.push(text) - 1; };
  const lives: TimelineAnswer["lives"] = { lane: [], uid: [], epoch: [], from: [], to: [], said: [] };
  const bars: { life: number; t: number; said: number }[] = [];
  const marks: { t: number; life: number; cls: number; seq: number }[] = [];
  lanes.forEach((lane, n) => {
    const first = lives.lane.length;
    for (const [from, to] of lane.lives ?? [[null, null]]) {
      lives.lane.push(n);
      lives.uid.push(`uid-${n}-${lives.lane.length}`);
      lives.epoch.push(1);
      lives.from.push(from === null ? null : from * 1000);
      lives.to.push(to === null ? null : to * 1000);
      lives.said.push(0);
    }
    for (const [t, state] of lane.states ?? []) {
      if (t === 0) lives.said[first] = 1 + STATES.indexOf(state);
      else bars.push({ life: first, t: t * 1000, said: 1 + STATES.indexOf(state) });
    }
    (lane.marks ?? []).forEach(([t, cls], k) => marks.push({ t: t * 1000, life: first, cls: CLASSES.indexOf(cls), seq: k ? 1 : 1 }));
  });
  marks.sort((a, b) => a.t - b.t);
  bars.sort((a, b) => a.t - b.t);
  const worst = (lane: LaneSpec) => Math.max(0, ...(lane.states ?? []).map(([, state]) => STATES.indexOf(state)));
  return {
    from: new Date(ORIGIN).toISOString(), to: new Date(at(seconds)).toISOString(), origin: new Date(ORIGIN).toISOString(), span: seconds * 1000, now: null,
    coverage: { complete: true, watched_since: null, watermark: null, confirmed: null, gaps: [], late: [], unwatched: [], why: [] }, hidden: { noise: 0, first_sight: 0 }, total: marks.length, mode: "marks",
    lanes: {
      cluster: lanes.map(() => word("prod")), namespace: lanes.map(each => word(each.namespace ?? "shop")), kind: lanes.map(() => 0), resource: lanes.map(each => word(each.resource ?? "pods")), name: lanes.map(each => word(each.name)),
      owner: lanes.map(each => each.owner ?? -1), changes: lanes.map(each => each.marks?.length ?? 0), worst: lanes.map(worst), state: lanes.map(() => 1), note: lanes.map(() => 0), last: lanes.map(each => (each.marks?.at(-1)?.[0] ?? -0.001) * 1000),
    },
    lanes_left_out: 0, lives, said: { state: [-1, 0, 1, 2, 3, 4], note: [0, 0, 0, 0, 0, 0] }, strings,
    bars: { life: bars.map(each => each.life), t: bars.map(each => each.t), said: bars.map(each => each.said) },
    classes: CLASSES, states: STATES,
    marks: {
      t: marks.map((each, n) => each.t - (marks[n - 1]?.t ?? 0)), life: marks.map(each => each.life), class: marks.map(each => each.cls), op: marks.map(() => 1), actor: marks.map(() => 0), human: [], seq: marks.map(each => each.seq),
      said: { mark: [], said: [] }, error: { mark: [], ms: [] }, epoch: { mark: [], epoch: [] }, noise: [],
    },
    bins: null, overview: { width: seconds * 10, loud: [], quiet: [] }, spans: [],
  };
}
