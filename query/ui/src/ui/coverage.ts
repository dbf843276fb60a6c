/** Coverage as words: the longest trouble wins the chip, everything else is one click away. */
import type { Coverage, Span } from "../api/types";
import { duration, hms, moment, type Zone } from "./time";

export interface Verdict {
  readonly kind: "complete" | "gap" | "late" | "unknown";
  readonly chip: string;
  readonly head: string;
}

const length = (spans: readonly Span[]): number => {
  // Spans of several kinds overlap; the eye wants the time during which anything was unwatched.
  const sorted = spans.map(each => [Date.parse(each.from), Date.parse(each.to)] as const).sort((a, b) => a[0] - b[0]);
  let sum = 0, end = -Infinity;
  for (const [from, to] of sorted) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
};

/** `from`, `to`: the window asked, `to` undefined = now. All in milliseconds. */
export function verdict(covered: Coverage, from: number, to: number | undefined, now: number, zone: Zone): Verdict {
  const since = covered.watched_since ? Date.parse(covered.watched_since) : undefined;
  const mark = covered.watermark ? Date.parse(covered.watermark) : undefined;
  const end = to ?? now;
  const gap = length(covered.gaps), late = length(covered.late);
  const missing = since === undefined ? Infinity : Math.max(0, since - from);
  const behind = mark === undefined ? 0 : Math.max(0, end - mark);
  if (since === undefined || since >= end) return { kind: "unknown", chip: "not watched", head: "Nobody was watching" };
  if (missing > Math.max(gap, 2_000)) return { kind: "gap", chip: `since ${moment(since, zone, now)}`, head: "The records begin within this range" };
  if (gap > 0) return { kind: "gap", chip: `gap ${duration(gap)}`, head: "This range is not complete" };
  if (behind > 30_000) return { kind: "late", chip: `late ${duration(behind)}`, head: `Everything up to ${hms(mark ?? 0, zone)} is in` };
  if (late > 0) return { kind: "late", chip: `late ${duration(late)}`, head: "Some of it was read late" };
  if (!covered.complete && covered.why.length) return { kind: "gap", chip: "not complete", head: "This range is not complete" };
  return { kind: "complete", chip: "complete", head: "This range is complete" };
}

const REASONS: Readonly<Record<string, string>> = {
  expired: "the API server had forgotten the versions between", resumed: "read late, times are estimates",
  relisted: "found by a fresh list on return", restart: "the collector was restarted", lag: "the store was behind",
};
export const reasonText = (reason: string): string => REASONS[reason] ?? reason;
/** "Not watched 02:14:00 – 02:18:06 (4 min 6 s)." */
export function spanText(span: Span, zone: Zone, late = false): string {
  const from = Date.parse(span.from), to = Date.parse(span.to);
  return `${late ? "Read late" : "Not watched"} ${moment(from, zone)} – ${hms(to, zone)} (${duration(to - from)})`;
}
/** The sentence of the server, its times in the zone that is chosen; without a zone as exports and copied tables carry it. */
export const coverageSentence = (covered: Coverage, zone?: Zone): string =>
  covered.complete ? "This range is complete." : covered.why.map(each => (zone ? inZone(each, zone) : each)).join(" ");
/** RFC 3339 times in a sentence as a page writes times. */
export const inZone = (text: string, zone: Zone): string =>
  text.replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, found => { const t = Date.parse(found.replace(" ", "T")); return Number.isNaN(t) ? found : `${moment(t, zone)}${zone === "UTC" ? " UTC" : ""}`; });
