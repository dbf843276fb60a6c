/** One line of life for a card on the home page. */
import { hms, moment, type Zone } from "../ui/time";
import { rowMarks } from "./draw";
import { concerns, type Model, STATUS } from "./model";
import { paintStates, runs } from "./merge";
import type { Palette } from "./palette";
import type { Row } from "./rows";
import { toX, type View } from "./scale";
import { bar, type G, hatch, type Scene } from "./shapes";

/** One line of life for a card: states, marks and gaps of these lanes, with the times of both ends below. */
export function drawStrip(g: G, p: Palette, model: Model, lanes: readonly number[], order: Int32Array, view: View, end: number, zone: Zone, width: number, height: number): void {
  const y = 13, buffer = new Uint8Array(Math.ceil(width)), scene = { model, view, zone, chosenMark: -1, orderOf: () => order } as unknown as Scene;
  g.clearRect(0, 0, width, height);
  paintStates(model, lanes, view, width, end, buffer);
  runs(buffer, buffer.length, (code, x0, x1) => bar(g, p, code, x0, x1, y));
  const own = model.lanes[lanes[0]!]!;
  for (const each of model.spans) if (!each.late && concerns(each, own)) hatch(g, p, toX(view, width, each.from), 1, Math.max(toX(view, width, each.to), toX(view, width, each.from) + 3), 25);
  const loud = order.filter(i => model.cls[i] !== STATUS && model.lane[i] === own.index);
  rowMarks(g, p, { ...scene, model: { ...model, error: new Float64Array(model.t.length) }, orderOf: () => loud }, { lanes } as unknown as Row, y, width, 26);
  g.font = `11px ${p.font}`;
  g.fillStyle = p.css["ink-3"];
  g.textBaseline = "bottom";
  g.textAlign = "left";
  g.fillText(moment(view.t0, zone, end).slice(-8, -3), 0, height);
  g.textAlign = "right";
  g.fillText(end >= Date.now() - 60_000 ? "now" : hms(end, zone).slice(0, 5), width, height);
}
