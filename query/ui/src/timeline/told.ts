/** What was said of each life and when, put together from where the answer has it: with marks, beside them, or per bin. */
import type { TimelineAnswer } from "../api/timeline";

export interface Told {
  /** Of life n: `from[n] … from[n + 1]` of the others, in order of time. */
  readonly from: Int32Array;
  /** Milliseconds after the origin. */
  readonly t: ArrayLike<number>;
  /** Index into `said`. */
  readonly said: ArrayLike<number>;
}

export const told = (answer: TimelineAnswer): Told => (answer.bins ? ofBins(answer) : ofMarks(answer));

/** Marks name their state only where it is new; what hidden changes said stands apart. Both are in order of time. */
function ofMarks({ lives, marks, bars }: TimelineAnswer): Told {
  const lone = bars?.t.length ?? 0, size = lone + (marks?.said.mark.length ?? 0), lifeOf = new Int32Array(size), t = new Float64Array(size), said = new Int32Array(size);
  let n = 0, b = 0, mark = 0, seen = 0, at = 0;
  const alone = (until: number) => { for (; b < lone && bars!.t[b]! < until; b++, n++) { lifeOf[n] = bars!.life[b]!; t[n] = bars!.t[b]!; said[n] = bars!.said[b]!; } };
  if (marks) for (let k = 0; k < marks.said.mark.length; k++, n++) {
    mark += marks.said.mark[k]!;
    for (; seen <= mark; seen++) at += marks.t[seen]!;
    alone(at);
    lifeOf[n] = marks.life[mark]!; t[n] = at; said[n] = marks.said.said[k]!;
  }
  alone(Infinity);
  const from = new Int32Array(lives.lane.length + 1), byLifeT = new Float64Array(size), byLifeSaid = new Int32Array(size);
  for (let i = 0; i < size; i++) from[lifeOf[i]! + 1]!++;
  for (let life = 0; life < lives.lane.length; life++) from[life + 1]! += from[life]!;
  const next = from.slice();
  for (let i = 0; i < size; i++) { const k = next[lifeOf[i]!]!++; byLifeT[k] = t[i]!; byLifeSaid[k] = said[i]!; }
  return { from, t: byLifeT, said: byLifeSaid };
}

/** Of a bin the worst state stands at its start, and what came last in it at the start of the next, unless that has its own. */
function ofBins({ lives, bins, span }: TimelineAnswer): Told {
  const { width, cells, bin, worst, final } = bins!, from = new Int32Array(cells.length + 1);
  const t = new Float64Array(2 * bin.length), said = new Int32Array(2 * bin.length); // each bin says two things at most
  let cell = 0, size = 0;
  for (let life = 0; life < cells.length; life++) {
    let last = lives.said[life]!;
    const say = (at: number, what: number) => { if (what && what !== last && at < span) { t[size] = at; said[size++] = what; last = what; } };
    for (const end = cell + cells[life]!; cell < end; cell++) {
      say(bin[cell]! * width, worst[cell]!);
      if (cell + 1 === end || bin[cell + 1] !== bin[cell]! + 1 || !worst[cell + 1]) say((bin[cell]! + 1) * width, final[cell]!);
    }
    from[life + 1] = size;
  }
  return { from, t: t.subarray(0, size), said };
}
