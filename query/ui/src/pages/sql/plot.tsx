/** One number over time: bars where there is room for them, else a line. Its twin is the table below. */
import { useMemo } from "preact/hooks";
import { go, param } from "../../state/url";
import { zone } from "../../state/view";
import { drawAxis } from "../../timeline/strips";
import type { Palette } from "../../timeline/palette";
import type { View } from "../../timeline/scale";
import { visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { many, moment } from "../../ui/time";
import { type Column, isNumber, isTime, type Point, points, type Row } from "./model";

const HEIGHT = 120, FOOT = 18, HEAD = 16;

export function Plot({ columns, rows }: { columns: readonly Column[]; rows: readonly Row[] }) {
  const time = columns.findIndex(each => isTime(each.type));
  const numbers = columns.flatMap((each, n) => (isNumber(each.type) ? [n] : []));
  const wanted = columns.findIndex(each => each.name === param("plot")), chosen = numbers.includes(wanted) ? wanted : (numbers[0] ?? -1);
  const found = useMemo(() => (time < 0 || chosen < 0 ? [] : points(rows, time, chosen)), [rows, time, chosen]);
  if (found.length < 2 || found[0]!.t === found.at(-1)!.t) return null;
  const view = { t0: found[0]!.t, t1: found.at(-1)!.t }, low = Math.min(...extent(found)), high = Math.max(...extent(found));
  const label = `${columns[chosen]!.name} over ${columns[time]!.name}: ${many(found.length, "point")}, ${moment(view.t0, zone.value)} to ${moment(view.t1, zone.value)}, from ${low} to ${high}`;
  return (
    <section class="sheet plot" aria-label="Plot">
      <header><h2>Over time</h2>{numbers.length > 1
        ? <select class="sel" aria-label="What is plotted" value={columns[chosen]!.name} onChange={event => go({ plot: event.currentTarget.value }, { replace: true })}>{numbers.map(n => <option key={n} value={columns[n]!.name}>{visible(columns[n]!.name)}</option>)}</select>
        : <span class="mut">{visible(columns[chosen]!.name)}</span>}</header>
      <Strip height={HEIGHT} label={visible(label)} draw={(g, p, w) => draw(g, p, found, view, low, high, w)} />
    </section>
  );
}
/** Not by spreading: an answer may have more rows than a call takes arguments. */
const extent = (found: readonly Point[]): [number, number] => found.reduce<[number, number]>(([low, high], { v }) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);

function draw(g: CanvasRenderingContext2D, p: Palette, found: readonly Point[], view: View, low: number, high: number, width: number): void {
  g.save();
  g.translate(0, HEIGHT - FOOT);
  drawAxis(g, p, pad(view), zone.peek(), width);
  g.restore();
  const top = HEAD, base = HEIGHT - FOOT - 1, from = Math.min(0, low), span = Math.max(high, 0) - from || 1, wide = pad(view);
  const x = (t: number) => ((t - wide.t0) / (wide.t1 - wide.t0)) * width, y = (v: number) => base - ((v - from) / span) * (base - top);
  g.clearRect(0, 0, width, HEIGHT - FOOT);
  g.fillStyle = p.css.line;
  for (const v of [high, low < 0 ? 0 : from]) g.fillRect(0, Math.round(y(v)), width, 1);
  g.fillStyle = p.css["ink-2"];
  const bar = Math.min(14, (width / found.length) * 0.7);
  if (bar >= 2) {
    for (const each of found) g.fillRect(x(each.t) - bar / 2, Math.min(y(each.v), y(0)), bar, Math.abs(y(each.v) - y(0)));
  } else {
    g.strokeStyle = p.css["ink-2"];
    g.lineWidth = 1.25;
    g.beginPath();
    found.forEach((each, n) => (n ? g.lineTo(x(each.t), y(each.v)) : g.moveTo(x(each.t), y(each.v))));
    g.stroke();
  }
  g.font = `11px ${p.font}`;
  g.fillStyle = p.css["ink-3"];
  g.textBaseline = "bottom";
  g.fillText(String(high), 4, y(high) - 1);
}
const pad = ({ t0, t1 }: View): View => ({ t0: t0 - (t1 - t0) * 0.02, t1: t1 + (t1 - t0) * 0.02 });
