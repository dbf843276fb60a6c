/** Time to pixels and back, and what zooming and panning do to a window. Pure; times in milliseconds. */
import { offsetMinutes, type Zone } from "../ui/time";

export interface View {
  readonly t0: number;
  readonly t1: number;
}
export const SHORTEST = 10; // ms on the whole width: at 1 ms a tick there is nothing finer to see
export const LONGEST = 400 * 864e5;

export const toX = (view: View, width: number, t: number): number => ((t - view.t0) / (view.t1 - view.t0)) * width;
export const toT = (view: View, width: number, x: number): number => view.t0 + (x / width) * (view.t1 - view.t0);

/** `factor` < 1 zooms in; what is at `at` stays where it is. */
export function zoomAt(view: View, factor: number, at: number): View {
  const span = view.t1 - view.t0;
  const wanted = Math.min(Math.max(span * factor, SHORTEST), LONGEST);
  const share = (at - view.t0) / span;
  return { t0: at - share * wanted, t1: at + (1 - share) * wanted };
}
export const panBy = (view: View, ms: number): View => ({ t0: view.t0 + ms, t1: view.t1 + ms });
/** Two fingers: the times that were under them stay under them. */
export function pinch(view: View, width: number, before: readonly [number, number], after: readonly [number, number]): View {
  const a = toT(view, width, before[0]), b = toT(view, width, before[1]);
  const gap = after[1] - after[0];
  if (Math.abs(gap) < 8) return view;
  const perPixel = (b - a) / gap;
  const span = Math.min(Math.max(perPixel * width, SHORTEST), LONGEST);
  const t0 = (a + b) / 2 - ((after[0] + after[1]) / 2 / width) * span;
  return { t0, t1: t0 + span };
}
/** Moves a window so that `t` is well inside, with the least movement. */
export function reveal(view: View, t: number): View {
  const span = view.t1 - view.t0, room = span * 0.06;
  if (t < view.t0 + room) return panBy(view, t - room - view.t0);
  if (t > view.t1 - room) return panBy(view, t + room - view.t1);
  return view;
}

const S = 1e3, M = 6e4, H = 36e5, D = 864e5;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 15 * M, 30 * M, H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D, 30 * D, 60 * D];

export interface Ticks {
  readonly step: number;
  readonly at: readonly number[];
}
/** Ticks at round times of the zone, at least `room` pixels apart. */
export function ticks(view: View, width: number, zone: Zone, room = 84): Ticks {
  const step = STEPS.find(each => (each / (view.t1 - view.t0)) * width >= room) ?? 90 * D;
  const shift = offsetMinutes(view.t0, zone) * M;
  const at: number[] = [];
  for (let t = Math.ceil((view.t0 + shift) / step) * step - shift; t < view.t1 && at.length < 1000; t += step) at.push(t);
  return { step, at };
}

const p = (n: number, width = 2) => String(n).padStart(width, "0");
/** As much of the time as the step needs; midnight shows the day. */
export function tickLabel(t: number, step: number, zone: Zone): string {
  const d = new Date(t + offsetMinutes(t, zone) * M);
  const clock = `${p(d.getUTCHours())}:${p(d.getUTCMinutes())}`;
  const midnight = clock === "00:00" && d.getUTCSeconds() === 0 && d.getUTCMilliseconds() === 0;
  if (step >= D || (midnight && step >= M)) return `${d.getUTCDate()} ${["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][d.getUTCMonth()]}`;
  if (step >= M) return clock;
  if (step >= S) return `${clock}:${p(d.getUTCSeconds())}`;
  return `${p(d.getUTCSeconds())}.${p(d.getUTCMilliseconds(), 3)}`;
}
